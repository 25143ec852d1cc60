// Whole results, for callers that cannot take a stream: what a model streamed, as one value.

import type { Output } from "./predict.ts";
import type { ItemStream } from "./stream.ts";

/**
 * All items as one value: strings join into one string, bytes (and strings among them) into one text or, where they are
 * not UTF-8, one `Uint8Array`; anything else becomes an array. No items are an empty string.
 * @param first the first result of `stream`, when it was read already
 */
export async function gather(stream: ItemStream, first?: IteratorResult<unknown>): Promise<unknown> {
  const items: unknown[] = [];
  let result = first ?? (await stream.next());
  for (; result.done !== true; result = await stream.next()) items.push(result.value);
  if (items.every((item) => typeof item === "string")) return items.join("");
  if (!items.every((item) => typeof item === "string" || item instanceof Uint8Array)) return items;
  // Joined before it is decoded: a character may be split over two chunks.
  return textOrBytes(
    Buffer.concat(items.map((item) => (typeof item === "string" ? Buffer.from(item) : item))),
  );
}

/** What a model gave, as one value: what a stream gathers to, and the JSON, text or bytes of a Response. */
export async function gatherOutput(output: Output): Promise<unknown> {
  if ("value" in output) return output.value;
  if ("stream" in output) return gather(output.stream);
  if (output.body === undefined) return null;
  const content = await gather(output.body);
  const isJson = /^application\/([\w.+-]+\+)?json\b/i.test(output.response.headers.get("content-type") ?? "");
  return isJson && typeof content === "string" ? JSON.parse(content) : content;
}

function textOrBytes(bytes: Uint8Array): string | Uint8Array {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return bytes;
  }
}
