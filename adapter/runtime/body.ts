// What the caller sent, by its media type: JSON as a value, text as a string, bytes as bytes. The media types that a
// model can be called with are here and nowhere else.

import type { Call } from "./call.ts";
import { ColdframeError } from "./errors.ts";

const ALLOWED = "application/json, text/*, application/octet-stream, image/*, audio/*";

/**
 * The model's input: a JSON value, a string (`text/*`) or a `Uint8Array` (octet-stream, image, audio). An empty body
 * is `undefined`.
 * @throws INPUT_INVALID for malformed JSON or text, INPUT_UNSUPPORTED for another media type or encoding
 */
export function readInput(call: Call): unknown {
  const header = call.headers["content-type"] ?? "application/json";
  const end = header.indexOf(";");
  const type = (end < 0 ? header : header.slice(0, end)).trim().toLowerCase();
  const encoding = call.headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") {
    throw new ColdframeError("INPUT_UNSUPPORTED", `content-encoding "${encoding}" is not supported.`, {
      fix: "Send the body uncompressed.",
    });
  }
  const body = call.body();
  if (body.length === 0) return undefined;
  // curl -d says x-www-form-urlencoded of whatever it sends, and what it sends to a model is JSON.
  if (type === "application/json" || type === "application/x-www-form-urlencoded" || type.endsWith("+json")) {
    return parseJson(toText(body, header), type);
  }
  if (type.startsWith("text/")) return toText(body, header);
  if (type === "application/octet-stream" || type.startsWith("image/") || type.startsWith("audio/")) {
    return typeof body === "string" ? Buffer.from(body) : body;
  }
  throw new ColdframeError("INPUT_UNSUPPORTED", `content-type "${type}" is not one of ${ALLOWED}.`);
}

function toText(body: string | Uint8Array, contentType: string): string {
  if (typeof body === "string") return body.charCodeAt(0) === 0xfeff ? body.slice(1) : body;
  const charset = /;\s*charset="?([^";\s]+)/i.exec(contentType)?.[1] ?? "utf-8";
  let decoder: TextDecoder;
  try {
    decoder = new TextDecoder(charset, { fatal: true });
  } catch (cause) {
    throw new ColdframeError("INPUT_UNSUPPORTED", `charset "${charset}" is not known.`, {
      fix: "Send UTF-8.",
      cause,
    });
  }
  try {
    return decoder.decode(body);
  } catch (cause) {
    throw new ColdframeError("INPUT_INVALID", `the body is not valid ${charset}.`, { cause });
  }
}

function parseJson(text: string, type: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new ColdframeError("INPUT_INVALID", `the body is not valid JSON: ${reason}.`, {
      fix:
        type === "application/x-www-form-urlencoded"
          ? "Send JSON with `content-type: application/json`; forms are not read."
          : "Send JSON, or name the body's own content-type.",
      cause,
    });
  }
}
