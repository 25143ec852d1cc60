// The document that Lambda sends to a function that is another function's destination: what that one returned is the
// input. A failure's document is refused: it has no result.
// Source: docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html.

import type { RecordSource } from "../contracts.ts";
import { ColdframeError } from "../errors.ts";
import { allValues } from "./_async.ts";

interface DestinationEvent {
  readonly requestContext: { readonly functionArn: string; readonly condition?: string };
  readonly responsePayload?: unknown;
}

const destination: RecordSource<DestinationEvent> = {
  kind: "records",
  name: "destination",

  matches(event) {
    const { requestContext, requestPayload } = (event ?? {}) as Record<string, unknown>;
    const { functionArn } = (requestContext ?? {}) as { functionArn?: unknown };
    return typeof functionArn === "string" && requestPayload !== undefined;
  },

  toRecords(event) {
    const { condition, functionArn } = event.requestContext;
    if (condition === "Success") return [{ input: event.responsePayload, event }];
    throw new ColdframeError(
      "INPUT_INVALID",
      `${functionArn} failed (${condition}): there is no result of it.`,
      {
        fix: "Make this function the destination of its successes only.",
      },
    );
  },

  toResult: (outcomes) => allValues(outcomes)[0],
};

export default destination;
