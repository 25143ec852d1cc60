// What the caller sent, by its media type: JSON as a value, text as a string, bytes as bytes. The media types that a
// model can be called with are here and nowhere else.

import type { Call } from "./call.ts";
import { ColdframeError } from "./errors.ts";
import { JSON_TYPE } from "./frames.ts";

// curl -d says x-www-form-urlencoded of whatever it sends, and what it sends to a model is JSON.
const JSON_LIKE = /^(application\/(json|x-www-form-urlencoded)|[^;]+\+json)\s*(;|$)/i;
const TEXT_LIKE = /^text\//i;
const BYTES_LIKE = /^(application\/octet-stream\s*(;|$)|image\/|audio\/)/i;

const unsupported = (found: string, allowed: string): ColdframeError =>
  new ColdframeError("INPUT_UNSUPPORTED", `${found} is not supported, only ${allowed}.`);

/**
 * The model's input: a JSON value, a string (`text/*`) or a `Uint8Array` (octet-stream, image, audio). An empty body
 * is `undefined`.
 * @throws INPUT_INVALID for malformed JSON or text, INPUT_UNSUPPORTED for another media type or encoding
 */
export function readInput({ headers, body: readBody }: Call): unknown {
  const { "content-type": type = JSON_TYPE, "content-encoding": encoding = "identity" } = headers;
  if (encoding !== "identity") throw unsupported(`content-encoding ${encoding}`, "identity");
  const body = readBody();
  if (!body.length) return undefined;
  if (BYTES_LIKE.test(type)) return typeof body === "string" ? Buffer.from(body) : body;
  const isJson = JSON_LIKE.test(type);
  if (!isJson && !TEXT_LIKE.test(type)) {
    throw unsupported(type, "application/json, text/*, application/octet-stream, image/*, audio/*");
  }
  const charset = /charset="?([^"\s;]+)/i.exec(type)?.[1];
  try {
    const isText = typeof body === "string";
    const text = isText
      ? body.replace(/^\ufeff/, "")
      : new TextDecoder(charset, { fatal: true }).decode(body);
    return isJson ? JSON.parse(text) : text;
  } catch (cause) {
    // What TextDecoder throws for a charset that nobody knows; for bytes that are not in it, a TypeError.
    if (cause instanceof RangeError) throw unsupported(type, "a charset such as utf-8");
    throw new ColdframeError(
      "INPUT_INVALID",
      `the body (${type}) is not valid ${isJson ? "JSON" : "text"}: ${(cause as Error).message}.`,
      { cause },
    );
  }
}
