// A plain Invoke: the payload is the input, the result is the output. It has no shape of its own, so it takes what no
// other source is known to send, and is asked last.
// Source: docs.aws.amazon.com/lambda/latest/api/API_Invoke.html.

import type { RecordSource } from "../contracts.ts";

const direct: RecordSource<unknown> = {
  kind: "records",
  name: "direct",

  // Every other source's events carry one of these; a model's own input with such a key has to be wrapped.
  matches(event) {
    const { requestContext, Records, detail } = toObject(event);
    const first = toObject(Array.isArray(Records) && Records[0]);
    return !(
      hasAny(toObject(requestContext), "http", "elb", "stage", "serviceNetworkArn") ||
      hasAny(first, "eventSource", "EventSource", "cf") ||
      (detail !== undefined && hasAny(toObject(event), "detail-type") && hasAny(toObject(event), "source"))
    );
  },

  toRecords: (event) => [{ input: event, event }],

  toResult([outcome]) {
    if (outcome && "error" in outcome) throw outcome.error;
    return outcome?.value;
  },
};

export default direct;

function toObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value ? (value as Record<string, unknown>) : {};
}

function hasAny(object: object, ...names: string[]): boolean {
  return names.some((name) => name in object);
}
