// What must hold of what the templates of SageMaker make, whatever their switches, and no validator knows: the role reaches
// what it needs and nothing else, the endpoint is found by what scales, watches and wakes it.

import { type Evaluated, type EvaluatedResource, evaluate } from "../cfn/_evaluate.ts";
import type { Parameters } from "../cfn/_parameters.ts";
import type { Json, Template } from "../cfn/_parse.ts";
import { CPU, environmentOf, type Kind, statementsOf, variantOf } from "./_sagemaker.ts";

/** The statements of deployment.json, as they are with the templates' defaults. */
const WANTED = JSON.stringify(CPU.iam)
  .replace(/\$\{(AWS::\w+)\}/g, "<$1>")
  .replaceAll("${SecretsPrefix}", `${CPU.name}/`);

/** What has no resources to name, and with which condition. Source: Service Authorization Reference. */
const WITHOUT_RESOURCES: Readonly<Record<string, Json | undefined>> = {
  "ecr:GetAuthorizationToken": undefined,
  "cloudwatch:PutMetricData": { StringEquals: { "cloudwatch:namespace": "/aws/sagemaker/Endpoints" } },
};

const ENDPOINT = "<Endpoint.EndpointName>";

/** What is wrong with it, as sentences. */
export function problems(kind: Kind, template: Template, given: Parameters = {}): string[] {
  const made = evaluate(template, given);
  return [
    ...roleProblems(made),
    ...endpointProblems(made),
    ...scalingProblems(kind, made),
    ...alarmProblems(made),
    ...(kind === "async" ? asyncProblems(made) : []),
  ];
}

const ofType = ({ resources }: Evaluated, type: string): [string, EvaluatedResource["Properties"]][] =>
  Object.entries(resources).flatMap(([id, { Type, Properties }]) =>
    Type === type ? [[id, Properties]] : [],
  );

function roleProblems(made: Evaluated): string[] {
  const statements = statementsOf(made);
  const open = statements.filter(({ Resource }) => Resource.includes("*"));
  const pulled = statements.find(({ Sid }) => Sid === "PullImage")?.Resource.join();
  const trusted = JSON.stringify(made.resources["ExecutionRole"]?.Properties["AssumeRolePolicyDocument"]);
  const own = statements.filter(({ Sid }) => /^(Read(Weights|Secrets|Parameters)|ListWeights)/.test(Sid));
  return [
    ...(JSON.stringify(own) === WANTED ? [] : ["its weights and secrets are not those of deployment.json"]),
    ...statements
      .filter(({ Action }) => Action.some((action) => action.includes("*")))
      .map(({ Sid }) => `${Sid} allows more than it names`),
    ...open.flatMap(({ Sid, Action, Condition }) =>
      Action.filter(
        (action) =>
          !Object.hasOwn(WITHOUT_RESOURCES, action) ||
          JSON.stringify(Condition) !== JSON.stringify(WITHOUT_RESOURCES[action]),
      ).map((action) => `${Sid}: ${action} of any resource`),
    ),
    ...(pulled === "arn:<AWS::Partition>:ecr:eu-west-1:123456789012:repository/team/sample"
      ? []
      : [`the image is not pulled from ${pulled}`]),
    ...(/"Service":"sagemaker.amazonaws.com"/.test(trusted) && !trusted.includes('"AWS"')
      ? []
      : ["somebody else than SageMaker has the role"]),
  ];
}

function endpointProblems(made: Evaluated): string[] {
  const { EndpointName, EndpointConfigName } = made.resources["Endpoint"]?.Properties ?? {};
  const { LogGroupName } = made.resources["EndpointLogGroup"]?.Properties ?? {};
  const { DataCaptureConfig } = made.resources["EndpointConfig"]?.Properties ?? {};
  const { ContainerStartupHealthCheckTimeoutInSeconds: startup } = variantOf(made);
  const env = environmentOf(made);
  return [
    ...(LogGroupName === `/aws/sagemaker/Endpoints/${EndpointName}` ? [] : ["logs go to another group"]),
    ...(EndpointConfigName === "<EndpointConfig.EndpointConfigName>" ? [] : ["another configuration"]),
    ...(DataCaptureConfig === undefined ? [] : ["what callers send is kept"]),
    ...(Number(startup) >= 60 && Number(startup) <= 3600 ? [] : [`SageMaker waits ${startup} s for a model`]),
    ...(Number(env["SHUTDOWN_GRACE_MS"]) <= 30_000 ? [] : ["killed before it ends"]),
    // SageMaker calls 8080, and sets no PORT.
    ...(env["PORT"] === undefined || env["PORT"] === "8080" ? [] : [`listens on ${env["PORT"]}`]),
    ...(env["AWS_REGION"] === "<AWS::Region>" ? [] : ["secrets are looked for nowhere"]),
  ];
}

function scalingProblems(kind: Kind, made: Evaluated): string[] {
  const targets = ofType(made, "AWS::ApplicationAutoScaling::ScalableTarget").map(([, target]) => target);
  const policies = ofType(made, "AWS::ApplicationAutoScaling::ScalingPolicy");
  const tracking = policies.map(([, one]) => one["TargetTrackingScalingPolicyConfiguration"]).find(Boolean) as
    | Record<string, Record<string, Json>>
    | undefined;
  const metric =
    tracking?.["PredefinedMetricSpecification"]?.["PredefinedMetricType"] ??
    tracking?.["CustomizedMetricSpecification"]?.["MetricName"];
  const wanted =
    kind === "async" ? "ApproximateBacklogSizePerInstance" : "SageMakerVariantInvocationsPerInstance";
  return [
    ...targets
      .filter(
        ({ ResourceId }) => ResourceId !== `endpoint/${ENDPOINT}/variant/${variantOf(made).VariantName}`,
      )
      .map(({ ResourceId }) => `${ResourceId} is scaled`),
    ...(targets.length === 1 ? [] : ["nothing is scaled"]),
    ...(metric === wanted ? [] : [`scaled by ${metric}`]),
    ...(targets.every(({ MinCapacity }) => (kind === "async" ? MinCapacity === 0 : Number(MinCapacity) >= 1))
      ? []
      : [kind === "async" ? "it never scales to zero" : "it scales to zero, and never wakes"]),
  ];
}

function alarmProblems(made: Evaluated): string[] {
  // Of the queue, and so of the endpoint as a whole. Source: SageMaker's Developer Guide, "Monitor asynchronous endpoint".
  const ofQueue = ["HasBacklogWithoutCapacity", "ApproximateBacklogSizePerInstance"];
  return ofType(made, "AWS::CloudWatch::Alarm").flatMap(([id, alarm]) => {
    const { Namespace, MetricName, Dimensions } = alarm as Record<string, Json>;
    const wanted = [
      { Name: "EndpointName", Value: ENDPOINT },
      ...(ofQueue.includes(String(MetricName))
        ? []
        : [{ Name: "VariantName", Value: variantOf(made).VariantName }]),
    ];
    const isSeen = Namespace === "AWS/SageMaker" && JSON.stringify(Dimensions) === JSON.stringify(wanted);
    return isSeen ? [] : [`${id} sees nothing`];
  });
}

function asyncProblems(made: Evaluated): string[] {
  const { AsyncInferenceConfig } = made.resources["EndpointConfig"]?.Properties as {
    AsyncInferenceConfig: { OutputConfig: Record<string, Json> };
  };
  const { S3OutputPath, S3FailurePath, NotificationConfig } = AsyncInferenceConfig.OutputConfig;
  const statements = statementsOf(made);
  const may = (action: string, path: Json | undefined) => {
    const arn = `arn:<AWS::Partition>:${String(path).replace(/^s3:\/\//, "s3:::")}*`;
    return statements.some(({ Action, Resource }) => Action.includes(action) && Resource.includes(arn));
  };
  const { SuccessTopic, ErrorTopic } = (NotificationConfig ?? {}) as Record<string, string>;
  const published = statements
    .filter(({ Action }) => Action.includes("sns:Publish"))
    .flatMap((one) => one.Resource);
  const wakes = ofType(made, "AWS::ApplicationAutoScaling::ScalingPolicy").filter(
    ([, policy]) => policy["PolicyType"] === "StepScaling",
  );
  const [wake, ...others] = ofType(made, "AWS::CloudWatch::Alarm").filter(
    ([, alarm]) => alarm["MetricName"] === "HasBacklogWithoutCapacity",
  );
  const steps = (wakes[0]?.[1]["StepScalingPolicyConfiguration"] as Record<string, Json> | undefined)?.[
    "StepAdjustments"
  ];
  return [
    ...[S3OutputPath, S3FailurePath]
      .filter((path) => !may("s3:PutObject", path))
      .map((path) => `${path} is refused`),
    ...(may("s3:GetObject", String(S3OutputPath).replace("/results/", "/requests/"))
      ? []
      : ["requests cannot be read"]),
    ...[SuccessTopic, ErrorTopic]
      .filter((topic) => topic && !published.includes(topic))
      .map((topic) => `${topic} is not told`),
    ...published
      .filter((topic) => topic !== SuccessTopic && topic !== ErrorTopic)
      .map((topic) => `${topic} may be told`),
    ...(wake !== undefined &&
    others.length === 0 &&
    JSON.stringify(wake[1]["AlarmActions"]) === JSON.stringify(wakes.map(([id]) => `<${id}>`))
      ? []
      : ["nothing wakes it"]),
    ...(JSON.stringify(steps) === '[{"MetricIntervalLowerBound":0,"ScalingAdjustment":1}]'
      ? []
      : ["it wakes to none"]),
  ];
}
