// What the caller sent, by its media type. Here is what nearly every call sends: JSON, text and bytes, whole and as they
// are. Everything else, and whatever is wrong, is late code, which reads it again: bodies/read-body.ts has all types.

import { isUtf8 } from "node:buffer";
import type { Call } from "./call.ts";
import type { Artifact } from "./contracts.ts";
import { JSON_TYPE } from "./frames.ts";
import { toBuffer } from "./json.ts";

// Groups: a JSON value, text; neither is bytes. curl -d says x-www-form-urlencoded of the JSON it sends.
const PLAIN =
  /^(?:(application\/(?:json|x-www-form-urlencoded))|(text\/[\w-]+)|application\/octet-stream|(?:image|audio)\/[\w-]+)(?:; *charset=utf-8)?$/i;

/** What nearly all of them say, as that expression finds it. */
const AS_JSON = [JSON_TYPE, JSON_TYPE];

/** Of byte order: no part of a text, and no JSON. */
const MARK = "\ufeff";

/**
 * The model's input: a JSON value, a string (`text/*`), a `Uint8Array` (octet-stream, image, audio, video, PDF), the
 * object of a form, or what MessagePack holds. An empty body is `undefined`.
 * @throws INPUT_INVALID, INPUT_TOO_LARGE, INPUT_UNSUPPORTED
 */
export function readInput(call: Call, { late }: Pick<Artifact, "late">): unknown {
  const body = call.body();
  const bytes = Buffer.byteLength(body);
  const {
    "content-type": type = JSON_TYPE,
    "content-length": declared = bytes,
    "content-encoding": coding,
  } = call.headers;
  const plain = type === JSON_TYPE ? AS_JSON : PLAIN.exec(type);
  if (plain && !coding && +declared === bytes) {
    if (!bytes) return undefined;
    const isText = typeof body === "string";
    if (!plain[1] && !plain[2]) return isText ? Buffer.from(body) : body;
    const text = isText ? body : isUtf8(body) ? toBuffer(body).toString() : MARK;
    try {
      if (plain[1]) return JSON.parse(text);
      if (!text.startsWith(MARK)) return text;
    } catch {
      // It is read again to say what is wrong.
    }
  }
  return late().readBody(call, body);
}
