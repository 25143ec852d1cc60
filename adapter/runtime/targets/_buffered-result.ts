// Results as the buffered wire takes them: whole, as JSON, and at most 6 MB. Said here, before the platform would
// answer with its own Function.ResponseSizeTooLarge.

import { type Call, isStream } from "../call.ts";
import type { HttpSource } from "../contracts.ts";
import { ColdframeError } from "../errors.ts";
import { failedReply } from "../failure.ts";
import { encodeJson } from "../json.ts";
import type { Route } from "../routes.ts";
import type { ReadStack } from "../stack.ts";

/** Lambda's limit for a buffered result, after it is written as JSON. */
const MAX_RESULT_BYTES = 6 * 1024 * 1024;

/** A body this small cannot reach the limit, whatever JSON's escapes make of it. */
const SURELY_FITS_BYTES = MAX_RESULT_BYTES / 6;

/** Answer a call with a handler's result; a stream is collected, and its failure becomes an honest error status. */
export async function httpResult(source: HttpSource, call: Call, route: Route, readStack: ReadStack) {
  let reply = await route(call);
  if (isStream(reply.body)) {
    try {
      reply = { ...reply, body: await collect(reply.body) };
    } catch (error) {
      reply = failedReply(error, call, readStack);
    }
  }
  const result = source.toResult(reply);
  const { body } = reply;
  if (body === undefined || isStream(body) || body.length < SURELY_FITS_BYTES) return result;
  if (Buffer.byteLength(JSON.stringify(result)) <= MAX_RESULT_BYTES) return result;
  return source.toResult(failedReply(tooLarge(), call, readStack));
}

async function collect(body: AsyncIterable<string | Uint8Array>): Promise<string | Uint8Array> {
  const chunks: (string | Uint8Array)[] = [];
  let length = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    length += chunk.length;
    // Leaving the loop ends the model, which might never end by itself.
    if (length > MAX_RESULT_BYTES) throw tooLarge();
  }
  if (chunks.every((chunk) => typeof chunk === "string")) return chunks.join("");
  return Buffer.concat(chunks.map((chunk) => (typeof chunk === "string" ? Buffer.from(chunk) : chunk)));
}

/**
 * A value as the runtime client will write it.
 * @throws OUTPUT_INVALID, OUTPUT_TOO_LARGE
 */
export function jsonValue(value: unknown): unknown {
  const json = encodeJson(value);
  if (Buffer.byteLength(json) > MAX_RESULT_BYTES) throw tooLarge();
  return JSON.parse(json);
}

function tooLarge(): ColdframeError {
  return new ColdframeError("OUTPUT_TOO_LARGE", "the answer is over Lambda's 6 MB for buffered answers.", {
    fix: "Deploy the `index.stream` handler behind a RESPONSE_STREAM function URL: it takes 200 MB.",
  });
}
