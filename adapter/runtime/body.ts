// What the caller sent, by its media type: JSON as a value, text as a string, bytes as bytes. The media types that a
// model can be called with are here and nowhere else.

import type { Call } from "./call.ts";
import { ColdframeError } from "./errors.ts";

// curl -d says x-www-form-urlencoded of whatever it sends, and what it sends to a model is JSON.
const JSON_TYPE = /^application\/(json|x-www-form-urlencoded)$|\+json$/;
const TEXT_TYPE = /^text\//;
const BYTES_TYPE = /^(application\/octet-stream$|image\/|audio\/)/;
const ALLOWED = "application/json, text/*, application/octet-stream, image/*, audio/*";

/**
 * The model's input: a JSON value, a string (`text/*`) or a `Uint8Array` (octet-stream, image, audio). An empty body
 * is `undefined`.
 * @throws INPUT_INVALID for malformed JSON or text, INPUT_UNSUPPORTED for another media type or encoding
 */
export function readInput({ headers, body: readBody }: Call): unknown {
  const [type = "", ...parameters] = (headers["content-type"] ?? "application/json").split(";");
  const name = type.trim().toLowerCase();
  const encoding = headers["content-encoding"] ?? "identity";
  if (encoding !== "identity") throw unsupported(`content-encoding ${encoding}`, "identity");
  const body = readBody();
  if (body.length === 0) return undefined;
  if (BYTES_TYPE.test(name)) return typeof body === "string" ? Buffer.from(body) : body;
  if (TEXT_TYPE.test(name)) return toText(body, parameters);
  if (JSON_TYPE.test(name)) return parseJson(toText(body, parameters), name);
  throw unsupported(`content-type ${name}`, ALLOWED);
}

function toText(body: string | Uint8Array, parameters: readonly string[]): string {
  if (typeof body === "string") return body.replace(/^\ufeff/, "");
  const charset = /charset="?([^"\s]+)/i.exec(parameters.join(";"))?.[1] ?? "utf-8";
  let decoder: TextDecoder;
  try {
    decoder = new TextDecoder(charset, { fatal: true });
  } catch {
    throw unsupported(`charset ${charset}`, "utf-8");
  }
  return orInvalid(`valid ${charset}`, () => decoder.decode(body));
}

function parseJson(text: string, type: string): unknown {
  return orInvalid(type.endsWith("json") ? "valid JSON" : `valid JSON, and ${type} is read as JSON`, () =>
    JSON.parse(text),
  );
}

function orInvalid<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new ColdframeError("INPUT_INVALID", `the body is not ${what}: ${(cause as Error).message}.`, {
      cause,
    });
  }
}

function unsupported(found: string, allowed: string): ColdframeError {
  return new ColdframeError("INPUT_UNSUPPORTED", `${found} is not supported, only ${allowed}.`);
}
