// What the buffered wire takes: at most 6 MB. Said here, before the platform would answer with its own
// Function.ResponseSizeTooLarge.

import type { Chunk } from "../call.ts";
import { ColdframeError } from "../errors.ts";
import { joinChunks } from "../gather.ts";

/** Lambda's limit for a buffered result, after it is written as JSON. */
export const MAX_RESULT_BYTES = 6 * 1024 * 1024;

/** @throws OUTPUT_TOO_LARGE */
export function checkSize(bytes: number): void {
  if (bytes <= MAX_RESULT_BYTES) return;
  throw new ColdframeError(
    "OUTPUT_TOO_LARGE",
    "the answer is over 6 MB: `index.stream` and RESPONSE_STREAM allow 200 MB.",
  );
}

/** A streamed body, whole. @throws OUTPUT_TOO_LARGE at the limit, which ends a model that might never end by itself */
export async function collect(body: AsyncIterable<Chunk>): Promise<Chunk> {
  const chunks: Chunk[] = [];
  let length = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    length += chunk.length;
    checkSize(length);
  }
  return joinChunks(chunks);
}
