// MessagePack as an answer: one document, or a stream of them, one for each item. Whether the caller wants it is
// accept.ts's to say.

import { choosePacked } from "../accept.ts";
import type { Framing } from "../frames.ts";
import { encodeMsgpack } from "./msgpack.ts";

/**
 * How to write for a caller of MessagePack; nothing for any other.
 * @param isStream a stream is packed only for who asks for it by name: text would no longer be text
 */
export function msgpackFraming(
  headers: Readonly<Record<string, string>>,
  isStream: boolean,
): Framing | undefined {
  const contentType = choosePacked(headers, isStream);
  return contentType === undefined ? undefined : { contentType, encode: encodeMsgpack, error: encodeMsgpack };
}
