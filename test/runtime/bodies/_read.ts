// A body as a call brings it, read as the routes read it.

import { readInput } from "../../../adapter/runtime/body.ts";
import * as late from "../../../adapter/runtime/late.ts";
import { makeCall } from "../_call.ts";

export function readBody(
  headers: Record<string, string>,
  body: string | Uint8Array,
  maxBodyBytes?: number,
): unknown {
  const call = makeCall({ body, headers, ...(maxBodyBytes !== undefined && { maxBodyBytes }) });
  return readInput(call, { late: () => late });
}
