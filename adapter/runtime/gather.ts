// Whole results, for callers that cannot take a stream: what was streamed, as one value.

import { isUtf8 } from "node:buffer";
import type { Chunk } from "./call.ts";

/** Chunks as one: strings join; with bytes among them, all become one `Buffer`. */
export function joinChunks(chunks: readonly Chunk[]): string | Buffer {
  if (chunks.every((chunk) => typeof chunk === "string")) return chunks.join("");
  return Buffer.concat(chunks.map((chunk) => (typeof chunk === "string" ? Buffer.from(chunk) : chunk)));
}

/**
 * All items as one value: strings and bytes join, into text or, where they are not UTF-8, one `Uint8Array`; anything
 * else becomes an array. No items are an empty string.
 * @param first the first result of `stream`, when it was read already
 */
export async function gather(
  stream: AsyncIterator<unknown>,
  first?: IteratorResult<unknown>,
): Promise<unknown> {
  const items: unknown[] = [];
  let result = first ?? (await stream.next());
  for (; !result.done; result = await stream.next()) items.push(result.value);
  if (!items.every((item) => typeof item === "string" || item instanceof Uint8Array)) return items;
  // Joined before it is decoded: a character may be split over two chunks.
  const whole = joinChunks(items);
  return typeof whole !== "string" && isUtf8(whole) ? whole.toString() : whole;
}
