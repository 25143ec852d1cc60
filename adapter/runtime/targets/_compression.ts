// Which answers are worth a compressor; it is late code, bodies/compress.ts, and most calls never need it.

import { type Call, isStream, type Reply } from "../call.ts";
import type { Artifact } from "../contracts.ts";

/** In characters. What is smaller travels in one or two packets either way; see `npm run bench -- compress`. */
const MIN_COMPRESSED = 2048;

/** The reply, compressed when its caller accepts it and it pays; never a stream. */
export function compressed<R extends Reply>(reply: R, { headers }: Call, late: Artifact["late"]): R {
  const { body } = reply;
  return body && !isStream(body) && body.length >= MIN_COMPRESSED && headers["accept-encoding"]
    ? late().compressReply(headers, reply, body)
    : reply;
}
