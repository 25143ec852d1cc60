// A plain Invoke: the payload is the input, the result is the output. It has no shape of its own, so it takes what no
// other source is known to send, and is asked last.
// Source: docs.aws.amazon.com/lambda/latest/api/API_Invoke.html; for the others, the events of @types/aws-lambda,
// aws/aws-lambda-go and aws-powertools/powertools-lambda-python.

import type { RecordSource } from "../contracts.ts";

/**
 * What tells the documents of AWS from a model's own input: one of these keys, or all of those joined by "+". They are
 * looked for in the event, in the first of a list of events and in the first of its `Records`; an input that has such a
 * key has to be wrapped.
 */
const FOREIGN =
  // Queues and streams; logs and alarms; deliveries; results of other functions.
  "eventSource eventSourceARN EventSource cf codecommit awslogs alarmArn deliveryStreamArn applicationArn " +
  "requestPayload " +
  // Rules; S3's own jobs; custom resources, secrets, pipelines, groups of machines.
  "detail-type+source invocationSchemaVersion xAmzRequestId Service+Event ResponseURL ClientRequestToken " +
  "CodePipeline.job DeploymentId+LifecycleEventHookExecutionId AutoScalingGroupARN configRuleId widgetContext " +
  // Who may come in; conversations; devices.
  "triggerSource identityPoolId methodArn routeArn authorizationToken serverId+username client-openvpn-version " +
  "invocationSource messageVersion+agent Name+Details session+request+version fieldName+arguments info+arguments " +
  "clickType deviceEvent protocolData templateArn raw_path";

const GROUPS = FOREIGN.split(" ").map((group) => group.split("+"));

/** HTTP, whoever sends it, and results of other functions. */
const CONTEXTS = ["http", "elb", "stage", "serviceNetworkArn", "connectionId", "apiId", "functionArn"];

const direct: RecordSource<unknown> = {
  kind: "records",
  name: "direct",
  streams: true,

  matches(event) {
    const { requestContext, Records } = toObject(event);
    const documents = [event, firstOf(event), firstOf(Records)].map(toObject);
    return !(
      CONTEXTS.some((key) => key in toObject(requestContext)) ||
      GROUPS.some((group) => documents.some((document) => group.every((key) => key in document)))
    );
  },

  toRecords: (event) => [{ input: event, event }],

  toResult([outcome]) {
    if (outcome && "error" in outcome) throw outcome.error;
    return outcome?.value;
  },
};

export default direct;

const firstOf = (value: unknown): unknown => (Array.isArray(value) ? value[0] : undefined);

const toObject = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value ? (value as Record<string, unknown>) : {};
