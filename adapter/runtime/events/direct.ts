// A plain Invoke: the payload is the input, the result is the output. It has no shape of its own, so it takes what no
// other source is known to send, and is asked last.
// Source: docs.aws.amazon.com/lambda/latest/api/API_Invoke.html.

import type { RecordSource } from "../contracts.ts";

const direct: RecordSource<unknown> = {
  kind: "records",
  name: "direct",

  // Every other source's events carry one of these; a model's own input with such a key has to be wrapped.
  matches(event) {
    if (typeof event !== "object" || event === null || Array.isArray(event)) return true;
    const { requestContext, Records, detail } = event as Record<string, unknown>;
    if (
      isObject(requestContext) &&
      ("http" in requestContext || "elb" in requestContext || "stage" in requestContext)
    ) {
      return false;
    }
    if (isObject(requestContext) && "serviceNetworkArn" in requestContext) return false;
    if (
      Array.isArray(Records) &&
      isObject(Records[0]) &&
      ("eventSource" in Records[0] || "EventSource" in Records[0] || "cf" in Records[0])
    ) {
      return false;
    }
    return !(detail !== undefined && "detail-type" in event && "source" in event);
  },

  toRecords: (event) => [{ input: event, event }],

  toResult([outcome]) {
    if (outcome === undefined) return null;
    if ("error" in outcome) throw outcome.error;
    return outcome.value;
  },
};

export default direct;

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
