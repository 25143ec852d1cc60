// Sources that invoke without waiting: one failed record fails the event, which Lambda then sends twice more. What is
// returned reaches a destination where the function has one, as `responsePayload`.
// Source: docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html.

import type { Outcome } from "../contracts.ts";
import { ColdframeError } from "../errors.ts";

/** Lambda's limit of an asynchronous payload. Source: docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html. */
const MAX_BYTES = 1024 * 1024;

/** Every value, in the order of the records. @throws the first failure; OUTPUT_TOO_LARGE for what no destination gets */
export function allValues(outcomes: readonly Outcome[]): unknown[] {
  const values = outcomes.map((outcome) => {
    if ("error" in outcome) throw outcome.error;
    return outcome.value;
  });
  const bytes = Buffer.byteLength(JSON.stringify(values));
  if (bytes <= MAX_BYTES) return values;
  throw new ColdframeError(
    "OUTPUT_TOO_LARGE",
    `the result is ${bytes} bytes, and an asynchronous invocation passes on ${MAX_BYTES}.`,
    { fix: "Store it from predict, and return where it is." },
  );
}
