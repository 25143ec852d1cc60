// Every body that the hot path in body.ts leaves: encoded, in another charset, of a media type with parts or tags, or
// wrong in a way that the caller is told. The media types that a model can be called with are in this file.
// Source: RFC 9110 8.3, 8.4 and 8.6; the byte order mark before the charset, as in the WHATWG Encoding Standard.

import { MIMEType } from "node:util";
import type { Call } from "../call.ts";
import { ColdframeError } from "../errors.ts";
import { toBuffer } from "../json.ts";
import { decodeContent } from "./content-encoding.ts";
import { isMsgpack, MSGPACK_TYPE } from "./msgpack-type.ts";
import { decodeMsgpack } from "./msgpack.ts";
import { isJson, readMultipart } from "./multipart.ts";
import { decodeText } from "./text.ts";

/** What is handed on as it arrived; its type is in `invocation.headers`. */
const BYTES = /^(application\/(octet-stream|pdf)|(image|audio|video)\/.*)$/;

const ALLOWED = `application/json, text/*, application/octet-stream, image/*, audio/*, video/*, application/pdf, multipart/form-data, ${MSGPACK_TYPE}`;

/**
 * The model's input; see body.ts.
 * @param body what `call.body()` gave
 * @throws INPUT_INVALID, INPUT_TOO_LARGE, INPUT_UNSUPPORTED
 */
export function readBody(call: Call, body: string | Uint8Array): unknown {
  const { headers, origin } = call;
  // A REST API may decompress a body before it hands it over, with the length that it had.
  if (origin.source !== "api-gateway") checkLength(headers["content-length"], body);
  if (!body.length) return undefined;
  const sent = headers["content-type"] ?? "application/json";
  const type = mediaType(sent);
  // No compressed bytes are text: what arrived as text was decompressed on its way.
  const content =
    typeof body === "string"
      ? body
      : decodeContent(toBuffer(body), headers["content-encoding"], call.maxBodyBytes);
  if (!content.length) return undefined;
  const { essence } = type;
  if (BYTES.test(essence)) return bytesOf(content);
  if (essence === "multipart/form-data") {
    return readMultipart(bytesOf(content), type.params.get("boundary") ?? undefined);
  }
  if (isMsgpack(essence)) return decodeMsgpack(bytesOf(content));
  // curl -d says x-www-form-urlencoded of whatever it sends, and what it sends to a model is JSON.
  const isValue = isJson(essence) || essence === "application/x-www-form-urlencoded";
  if (!isValue && type.type !== "text") throw unsupported(sent);
  const text = decodeText(content, type.params.get("charset"), sent);
  return isValue ? parseJson(text, `the body (${sent})`) : text;
}

/**
 * JSON, or what is wrong with it.
 * @param what the subject of the sentence
 * @throws INPUT_INVALID
 */
function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ColdframeError("INPUT_INVALID", `${what} is not valid JSON: ${(cause as Error).message}.`, {
      cause,
    });
  }
}

const bytesOf = (content: string | Buffer): Buffer =>
  typeof content === "string" ? Buffer.from(content) : content;

const unsupported = (found: string): ColdframeError =>
  new ColdframeError("INPUT_UNSUPPORTED", `${found} is not supported, only ${ALLOWED}.`);

function mediaType(header: string): MIMEType {
  try {
    return new MIMEType(header);
  } catch {
    throw unsupported(header);
  }
}

function checkLength(header: string | undefined, body: string | Uint8Array): void {
  if (header === undefined) return;
  const length = Buffer.byteLength(body);
  // Repeated, it was joined; RFC 9110 takes equal ones as one.
  const declared = [...new Set(header.split(",").map((value) => value.trim()))].join(", ");
  if (declared === `${length}`) return;
  throw new ColdframeError(
    "INPUT_INVALID",
    `the body has ${length} bytes, and content-length says ${declared}: send the number of bytes that follow.`,
  );
}
