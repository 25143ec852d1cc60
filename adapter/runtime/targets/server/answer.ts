// A Reply on its way out: one write for what is whole, with back-pressure for what streams. An answer that fails midway
// says so in its own format, and then its connection breaks off without the last chunk: a clean end always means a
// complete answer. Not by HTTP trailers: a body that ends with them is whole to every client, and fetch cannot see them.

import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import { type Cancellation, type Chunk, isStream, type Reply } from "../../call.ts";
import { toColdframeError } from "../../errors.ts";
import { resetSocket } from "./reset-socket.ts";

/** A reader that takes nothing for a minute is gone, or wants to keep the model busy. */
export const READER_SILENCE_MS = 60_000;

/** How long an answered caller may go on sending a body that nobody reads, before its connection is closed. */
const LINGER_MS = 2_000;

/** For the last frame to be acknowledged, before a connection is reset. */
const LAST_BYTES_MS = 100;

/** What an answer leaves under. */
export interface Leave {
  readonly cancellation: Cancellation;
  /** The caller is still sending a body that nobody reads: it would be taken for the beginning of its next request. */
  readonly isUnread: boolean;
  /** The connection ends with this answer. */
  readonly closes: boolean;
  /** How long a reader may take nothing of what is ready for it, before its connection is given up. */
  readonly silenceMs: number;
}

/**
 * Write one whole answer.
 * @returns nothing where nothing has to be waited for. Rejects with what a stream throws, after its reader was told; the
 * connection is broken off then
 * @throws what Node says of headers that HTTP does not know
 */
export function writeReply(
  response: ServerResponse,
  { status, headers, cookies, body, errorFrame }: Reply,
  { cancellation, isUnread, closes, silenceMs }: Leave,
): Promise<void> | undefined {
  if (response.destroyed) return undefined;
  if (closes || isUnread) headers["connection"] = "close";
  const head: OutgoingHttpHeaders = headers;
  if (cookies?.length) head["set-cookie"] = [...cookies];
  if (isStream(body)) {
    response.writeHead(status, head);
    return stream(response, body, errorFrame, cancellation, silenceMs);
  }
  const bytes = typeof body === "string" ? Buffer.byteLength(body) : body?.length;
  if (bytes !== undefined) {
    head["content-length"] = String(bytes);
  } else if (response.req.method !== "HEAD" && status !== 204 && status !== 304) {
    head["content-length"] = "0";
  }
  response.writeHead(status, head);
  if (isUnread) return linger(response, body);
  // ASCII is Latin-1 too, as which V8 has it: nothing is left to encode.
  response.end(body, bytes === body?.length ? "latin1" : "utf8");
  // A reader that takes nothing would keep the answer in memory for as long as it likes.
  if (response.writableLength > 0) response.socket?.setTimeout(silenceMs);
  return undefined;
}

// Closed at once, the connection would be reset by what still arrives, and the caller might never read its answer.
async function linger(response: ServerResponse, body: Chunk | undefined): Promise<void> {
  const { req: request } = response;
  if (body?.length) response.write(body);
  else response.flushHeaders();
  await new Promise((resolve) => {
    const timer = setTimeout(resolve, LINGER_MS);
    request.once("close", () => {
      clearTimeout(timer);
      resolve(undefined);
    });
    request.resume();
  });
  response.end();
}

async function stream(
  response: ServerResponse,
  body: AsyncIterable<Chunk>,
  errorFrame: Reply["errorFrame"],
  cancellation: Cancellation,
  silenceMs: number,
): Promise<void> {
  let wake: () => void = () => {};
  cancellation.onCancel(() => wake());
  response.on("drain", () => wake());
  // A cancelled answer has no reader that could drain it, or no time left for one.
  const drained = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
      response.socket?.setTimeout(silenceMs);
      if (cancellation.reason) resolve();
    });

  // The head does not wait for a first chunk that takes long.
  const flush = setImmediate(() => response.flushHeaders());
  let isFirst = true;
  try {
    for await (const chunk of body) {
      // Flushed after a chunk, it would be an empty write to the socket.
      if (chunk.length) clearImmediate(flush);
      if (response.destroyed) break;
      if (!chunk.length) continue;
      const isTaken = isFirst ? writeNow(response, chunk) : response.write(chunk);
      isFirst = false;
      if (isTaken) continue;
      await drained();
      response.socket?.setTimeout(0);
    }
    if (cancellation.reason) throw cancellation.reason;
  } catch (error) {
    if (!response.destroyed) breakOff(response, errorFrame?.(toColdframeError(error)) ?? "");
    throw error;
  } finally {
    clearImmediate(flush);
  }
  response.end();
}

/**
 * With the head, in one packet. By itself Node holds back what is written until the microtasks are done, and a model that
 * does not wait for anything makes its second item in them.
 */
function writeNow(response: ServerResponse, chunk: Chunk): boolean {
  const { socket } = response;
  socket?.cork();
  const isTaken = response.write(chunk);
  socket?.uncork();
  return isTaken;
}

/** The last bytes, and then an end that no client takes for a good one. */
function breakOff(response: ServerResponse, frame: string | Uint8Array): void {
  const { socket } = response;
  if (frame.length) response.write(frame);
  // The body of HTTP/1.0 ends with its connection: only a reset tells that it is not whole.
  if (response.req.httpVersion === "1.0") setTimeout(() => socket && resetSocket(socket), LAST_BYTES_MS);
  else socket?.destroySoon();
}
