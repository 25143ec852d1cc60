// Request bodies that were compressed. The limit is on what comes out, and is kept while it comes out: a small body
// that would become a large one is refused before it is in memory.
// Source: RFC 9110 8.4.1, and the registry of content codings it makes.

import zlib from "node:zlib";
import { ColdframeError } from "../errors.ts";
import { type BodyLimit, bodyLimit } from "./limit.ts";

type Decode = (bytes: Buffer, options: { maxOutputLength: number }) => Buffer;

// Who says deflate means zlib's format, or DEFLATE without it: the first byte of the former names the method, 8.
const inflate: Decode = (bytes, options) =>
  ((bytes[0] ?? 0) & 0xf) === 8 && bytes.readUInt16BE(0) % 31 === 0
    ? zlib.inflateSync(bytes, options)
    : zlib.inflateRawSync(bytes, options);

const DECODERS: ReadonlyMap<string, Decode> = new Map<string, Decode>([
  ["gzip", zlib.gunzipSync],
  ["x-gzip", zlib.gunzipSync],
  ["br", zlib.brotliDecompressSync],
  ["deflate", inflate],
  // Node 22 has it from 22.15 on.
  ...("zstdDecompressSync" in zlib ? [["zstd", zlib.zstdDecompressSync] as const] : []),
]);

/** Nobody compresses more often; each coding more multiplies what a small body can make us do. */
const MAX_CODINGS = 3;

/**
 * The content without its codings, the last of which is undone first.
 * @param header `content-encoding`
 * @param maxBytes as config.yaml has it
 * @throws INPUT_UNSUPPORTED, INPUT_TOO_LARGE, INPUT_INVALID when it is damaged
 */
export function decodeContent(bytes: Buffer, header = "", maxBytes?: number): Buffer {
  const limit = bodyLimit(maxBytes);
  const codings = header
    .toLowerCase()
    .split(",")
    .map((coding) => coding.trim())
    .filter((coding) => coding !== "" && coding !== "identity");
  const decoders = codings.map((coding) => DECODERS.get(coding));
  if (codings.length > MAX_CODINGS || decoders.includes(undefined)) {
    const allowed = [...DECODERS.keys(), "identity"].join(", ");
    throw new ColdframeError(
      "INPUT_UNSUPPORTED",
      `content-encoding ${header} is not supported, only up to ${MAX_CODINGS} of ${allowed}.`,
    );
  }
  return decoders.reduceRight(
    (content, decode, index) => undo(content, codings[index], decode, limit),
    bytes,
  );
}

function undo(content: Buffer, coding = "", decode: Decode | undefined, limit: BodyLimit): Buffer {
  try {
    return decode?.(content, { maxOutputLength: limit.bytes }) ?? content;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ERR_BUFFER_TOO_LARGE") throw limit.refusal(`the body, without its ${coding},`);
    throw new ColdframeError(
      "INPUT_INVALID",
      `the body is not ${coding}, as content-encoding says: ${message}.`,
      { cause },
    );
  }
}
