// Answers that are whole and large enough, compressed for callers that accept it. Never a stream: a token must not wait
// in a compressor, and function URLs take a content-encoding out of a streamed answer again.
// Source: RFC 9110 8.4 and 12.5.3; github.com/aws/aws-lambda-nodejs-runtime-interface-client/issues/96.

import zlib from "node:zlib";
import { chooseEncoding } from "../accept.ts";
import type { Chunk, Reply } from "../call.ts";

const { BROTLI_PARAM_QUALITY, ZSTD_c_compressionLevel } = zlib.constants;

/**
 * Best first, each at its lowest level: the next ones take two to three times as long for a twentieth of the size at
 * most. Figures: `npm run bench -- compress`.
 */
const ENCODERS: ReadonlyMap<string, (content: Chunk) => Buffer> = new Map([
  // Node 22 has it from 22.15 on.
  ...("zstdCompressSync" in zlib
    ? [["zstd", (content: Chunk) => zlib.zstdCompressSync(content, level(ZSTD_c_compressionLevel))] as const]
    : []),
  ["br", (content: Chunk) => zlib.brotliCompressSync(content, level(BROTLI_PARAM_QUALITY))] as const,
  ["gzip", (content: Chunk) => zlib.gzipSync(content, { level: 1 })] as const,
]);

const level = (parameter: number) => ({ params: { [parameter]: 1 } });

/** Everything else is compressed already, or not worth the time. */
const COMPRESSIBLE =
  /^(text\/|application\/([\w.+-]+\+)?(json|xml|x-ndjson|yaml|javascript|msgpack|x-msgpack|vnd\.msgpack)\b|image\/(svg\+xml|bmp)\b)/i;

/** Answers without content, and those whose bytes are counted. */
const LEFT_ALONE = new Set([204, 206, 304]);

/** Of the size, at most: what saves less is not worth the caller's time to read it. */
const WORTHWHILE = 0.9;

/**
 * The reply as the caller likes it best. One that has a content-encoding, or would not become smaller, stays.
 * @param headers the caller's
 * @param body the reply's
 */
export function compressReply<R extends Reply>(
  headers: Readonly<Record<string, string>>,
  reply: R,
  body: Chunk,
): R {
  const { status, headers: its } = reply;
  if (LEFT_ALONE.has(status) || !COMPRESSIBLE.test(its["content-type"] ?? "")) return reply;
  if (its["content-encoding"] !== undefined || /no-transform/i.test(its["cache-control"] ?? "")) return reply;
  const vary = { vary: its["vary"] === undefined ? "accept-encoding" : `${its["vary"]}, accept-encoding` };
  const coding = chooseEncoding(headers, [...ENCODERS.keys()]);
  const encoded = coding === undefined ? undefined : ENCODERS.get(coding)?.(body);
  if (coding === undefined || !encoded || encoded.length > Buffer.byteLength(body) * WORTHWHILE) {
    return { ...reply, headers: { ...its, ...vary } };
  }
  return { ...reply, headers: { ...its, ...vary, "content-encoding": coding }, body: encoded };
}
