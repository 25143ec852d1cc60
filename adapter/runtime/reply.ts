// What the model gave, as an HTTP answer. A stream's first item is waited for before the status is chosen, so that a
// failure before the first token is an honest error; after it, a failure is a frame in the stream's own format.

import { accepts, chooseFormat } from "./accept.ts";
import type { Body, Chunk, Reply } from "./call.ts";
import { errorBody } from "./errors.ts";
import type { Late } from "./late.ts";
import * as frames from "./frames.ts";
import { gather } from "./gather.ts";
import { encodeJson, toBuffer } from "./json.ts";
import type { Output } from "./predict.ts";
import { END, Items } from "./stream.ts";

type Headers = Readonly<Record<string, string>>;

/** An answer with a body of one media type. */
export const replyWith = (body: Body, contentType: string, status = 200): Reply => ({
  status,
  headers: { "content-type": contentType },
  body,
});

/** An answer with a JSON body. */
export const jsonReply = (status: number, value: unknown): Reply =>
  replyWith(encodeJson(value), frames.JSON_TYPE, status);

const bytesReply = (bytes: Uint8Array | ArrayBuffer): Reply => replyWith(toBuffer(bytes), frames.BYTES_TYPE);

/**
 * The answer to a call of predict; a stream's begins with its first item.
 * @param headers the caller's, lower-case: what it accepts decides how a stream leaves
 * @param late writes what few models give and few callers ask for
 * @throws what the model throws before its first item
 */
export function outputReply(
  output: Output,
  headers: Headers,
  requestId: string,
  late: () => Late,
): Reply | Promise<Reply> {
  if ("response" in output) return late().responseReply(output.response, output.body);
  const { accept = "", "content-type": sent = "" } = headers;
  const speaksMsgpack = /msgpack/i.test(accept + sent);
  const packed = speaksMsgpack ? late().msgpackFraming(headers, "stream" in output) : undefined;
  if ("stream" in output) return streamReply(output.stream, headers, requestId, late, packed);
  const { value } = output;
  if (value instanceof Uint8Array || value instanceof ArrayBuffer) return bytesReply(value);
  if (packed) return replyWith(packed.encode(value), packed.contentType);
  // Who takes both, as axios does, gets JSON: the text "123" would be read as a number.
  const isText = typeof value === "string" && accepts(headers, frames.TEXT_TYPE);
  if (isText && !accepts(headers, frames.JSON_TYPE)) return replyWith(value, frames.TEXT_TYPE);
  return jsonReply(200, value);
}

async function streamReply(
  items: Items<unknown>,
  headers: Headers,
  requestId: string,
  late: () => Late,
  packed: frames.Framing | undefined,
): Promise<Reply> {
  const first = await items.next();
  let framing = packed ?? naturalFraming(first);
  const format = packed ? "natural" : chooseFormat(headers, framing.contentType);
  if (format === "json") {
    const whole = await gather(items, first);
    return whole instanceof Uint8Array ? bytesReply(whole) : jsonReply(200, whole);
  }
  if (format === "sse") framing = frames.sseFraming();
  const chunks = encodeItems(first, items, framing);
  const { error } = framing;
  return {
    status: 200,
    headers: {
      "content-type": framing.contentType,
      "cache-control": "no-cache",
      // nginx and its descendants collect a response unless told not to.
      "x-accel-buffering": "no",
    },
    body: format === "sse" ? late().withHeartbeat(chunks) : chunks,
    errorFrame: error && ((failure) => error(errorBody(failure, requestId))),
  };
}

function naturalFraming({ done, value }: IteratorResult<unknown>): frames.Framing {
  if (done || typeof value === "string") return frames.textFraming();
  return value instanceof Uint8Array ? frames.textFraming(frames.BYTES_TYPE) : frames.ndjsonFraming();
}

/** The first item is encoded at once: before the status is chosen. */
function encodeItems(
  first: IteratorResult<unknown>,
  items: Items<unknown>,
  framing: frames.Framing,
): Items<Chunk> {
  const encode = ({ done, value }: IteratorResult<unknown>): IteratorResult<Chunk> => {
    if (done) return END;
    try {
      return { done: false, value: framing.encode(value) };
    } catch (error) {
      // The model does not know that what it yielded cannot be written: it would wait for its reader for ever.
      void items.return();
      throw error;
    }
  };
  let ahead: IteratorResult<Chunk> | undefined = encode(first);
  const next = async () => {
    const result = ahead ?? encode(await items.next());
    ahead = undefined;
    return result;
  };
  return new Items(next, () => items.return());
}
