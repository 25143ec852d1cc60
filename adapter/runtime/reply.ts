// What the model gave, as an HTTP answer. A stream's first item is waited for before the status is chosen, so that a
// failure before the first token is an honest error; after it, a failure is a frame in the stream's own format.

import { accepts, chooseFormat } from "./accept.ts";
import type { Reply } from "./call.ts";
import { type ColdframeError, errorBody } from "./errors.ts";
import { bytesFraming, type Framing, ndjsonFraming, sseFraming, textFraming } from "./frames.ts";
import { gather } from "./gather.ts";
import { withHeartbeat } from "./heartbeat.ts";
import { encodeJson } from "./json.ts";
import type { Output } from "./predict.ts";
import type { ItemStream } from "./stream.ts";

const JSON_TYPE = "application/json";

type Headers = Readonly<Record<string, string>>;

/** An answer with a JSON body. */
export function jsonReply(status: number, value: unknown, headers?: Record<string, string>): Reply {
  return { status, headers: { "content-type": JSON_TYPE, ...headers }, body: encodeJson(value) };
}

/** The answer to an error, with what its caller may know. */
export function errorReply(error: ColdframeError, requestId: string): Reply {
  const headers = error.status === 503 ? { "retry-after": "1" } : undefined;
  return jsonReply(error.status, errorBody(error, requestId), { "x-request-id": requestId, ...headers });
}

/**
 * The answer to a call of predict.
 * @param headers the caller's, lower-case: what it accepts decides how a stream leaves
 * @throws what the model throws before its first item
 */
export async function outputReply(output: Output, headers: Headers, requestId: string): Promise<Reply> {
  if ("stream" in output) return streamReply(output.stream, headers, requestId);
  if ("response" in output) return responseReply(output.response, output.body);
  return valueReply(output.value, headers);
}

function valueReply(value: unknown, headers: Headers): Reply {
  if (value instanceof Uint8Array || value instanceof ArrayBuffer) {
    const bytes = value instanceof ArrayBuffer ? new Uint8Array(value) : value;
    return { status: 200, headers: { "content-type": "application/octet-stream" }, body: bytes };
  }
  // Who takes both, as axios does, gets JSON: the text "123" would be read as a number.
  if (typeof value === "string" && accepts(headers, "text/plain") && !accepts(headers, "application/json")) {
    return { status: 200, headers: { "content-type": "text/plain; charset=utf-8" }, body: value };
  }
  return jsonReply(200, value);
}

async function streamReply(items: ItemStream, headers: Headers, requestId: string): Promise<Reply> {
  const first = await items.next();
  const natural = first.done === true ? textFraming() : naturalFraming(first.value);
  const format = chooseFormat(headers, natural.contentType.split(";", 1)[0] ?? "");
  if (format === "json") {
    const whole = await gather(items, first);
    return whole instanceof Uint8Array ? valueReply(whole, headers) : jsonReply(200, whole);
  }
  const framing = format === "sse" ? sseFraming() : natural;
  const frames = encodeItems(first, items, framing);
  const { error } = framing;
  return {
    status: 200,
    headers: {
      "content-type": framing.contentType,
      "cache-control": "no-cache",
      // nginx and its descendants collect a response unless told not to.
      "x-accel-buffering": "no",
    },
    body: format === "sse" ? withHeartbeat(frames) : frames,
    ...(error === undefined ? undefined : { errorFrame: (failure) => error(errorBody(failure, requestId)) }),
  };
}

function naturalFraming(first: unknown): Framing {
  if (typeof first === "string") return textFraming();
  return first instanceof Uint8Array ? bytesFraming() : ndjsonFraming();
}

// By hand, because every `yield` of an async generator costs three more turns of the microtask queue a token. The first
// item is encoded before the status is chosen.
function encodeItems(
  first: IteratorResult<unknown>,
  items: ItemStream,
  framing: Framing,
): AsyncIterableIterator<string | Uint8Array> {
  const encode = (result: IteratorResult<unknown>): IteratorResult<string | Uint8Array> => {
    if (result.done === true) return { done: true, value: undefined };
    try {
      return { done: false, value: framing.encode(result.value) };
    } catch (error) {
      // The model does not know that what it yielded cannot be written: it would wait for its reader for ever.
      void items.return();
      throw error;
    }
  };
  let ahead: IteratorResult<string | Uint8Array> | undefined = encode(first);
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      const result = ahead ?? encode(await items.next());
      ahead = undefined;
      return result;
    },
    async return() {
      await items.return();
      return { done: true, value: undefined };
    },
  };
}

// Hop-by-hop headers are the transport's; a length would be wrong once the platform frames the body.
const TRANSPORT_HEADERS = new Set([
  "connection",
  "content-length",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
]);

function responseReply(response: Response, body: ItemStream | undefined): Reply {
  const headers: Record<string, string> = {};
  for (const [name, value] of response.headers) {
    if (name !== "set-cookie" && !TRANSPORT_HEADERS.has(name)) headers[name] = value;
  }
  const cookies = response.headers.getSetCookie();
  return {
    status: response.status,
    headers,
    ...(cookies.length === 0 ? undefined : { cookies }),
    body: body as AsyncIterable<Uint8Array> | undefined,
  };
}
