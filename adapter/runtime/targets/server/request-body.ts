// The body of one request: read when the model is there to take it, whole, and refused as soon as it is known to be too
// large. Who sends too slowly is given up on; nobody reads it ahead, so that TCP holds back what waits for the model.

import type { IncomingMessage, ServerResponse } from "node:http";
import { bodyLimit } from "../../bodies/limit.ts";
import type { Cancellation } from "../../call.ts";
import { ColdframeError } from "../../errors.ts";

/** How large a body may be, and how slow. */
export interface BodyLimits {
  readonly maxBytes: number;
  /** What every body may take; each byte that arrives adds to it. */
  readonly graceMs: number;
  readonly minBytesPerSecond: number;
}

/** Apache's mod_reqtimeout has the same: body=20,MinRate=500. */
export const PACE = { graceMs: 20_000, minBytesPerSecond: 500 } as const;

export interface RequestBody {
  /**
   * Resolves when all of it is there; undefined when it is.
   * @throws INPUT_TOO_LARGE, INPUT_TIMEOUT, the cancellation's reason; or rejects with them
   */
  arrived(): Promise<void> | undefined;
  /** What has arrived; "" before, and when there is none. */
  read(): Buffer | "";
  /** Whether some of it is still to come. Not a getter: V8 makes a new hidden class for each that is made with one. */
  isComing(): boolean;
}

/** @param expectsContinue the caller sends the body once it is told to (`Expect: 100-continue`) */
export function requestBody(
  request: IncomingMessage,
  response: ServerResponse,
  cancellation: Cancellation,
  limits: BodyLimits,
  expectsContinue: boolean,
): RequestBody {
  const { "content-length": declared = 0, "transfer-encoding": encoding } = request.headers;
  // Chunks say nothing of what follows them.
  const length = encoding === undefined ? Number(declared) : Number.POSITIVE_INFINITY;
  let isComing = length > 0;
  let body: Buffer | "" = "";

  function arrived(): Promise<void> | undefined {
    if (!isComing) return undefined;
    if (encoding === undefined && length > limits.maxBytes) throw tooLarge(limits.maxBytes);
    if (expectsContinue) response.writeContinue();
    if (request.readableLength !== length) return collect(request, cancellation, limits).then(take);
    // A small body came with the head, and is taken without an event. Its end is still to be parsed.
    take(request.read());
    request.resume();
    return undefined;
  }

  function take(whole: Buffer): void {
    body = whole;
    isComing = false;
  }

  return {
    arrived,
    read: () => body,
    isComing: () => isComing && !request.complete,
  };
}

function collect(request: IncomingMessage, cancellation: Cancellation, limits: BodyLimits): Promise<Buffer> {
  const { maxBytes, graceMs, minBytesPerSecond } = limits;
  const chunks: Buffer[] = [];
  let length = 0;
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    let timer = setTimeout(checkPace, graceMs);

    function stop(): void {
      clearTimeout(timer);
      request.off("data", take).off("end", finish).off("close", vanish);
    }
    function fail(error: Error): void {
      stop();
      // What still comes is thrown away until the answer has left.
      request.resume();
      reject(error);
    }
    function checkPace(): void {
      const left = graceMs + (length / minBytesPerSecond) * 1000 - (performance.now() - startedAt);
      if (left > 0) timer = setTimeout(checkPace, left);
      else
        fail(
          new ColdframeError("INPUT_TIMEOUT", `of the body, ${length} bytes came in time; it is too slow.`),
        );
    }
    function take(chunk: Buffer): void {
      length += chunk.length;
      if (length > maxBytes) fail(tooLarge(maxBytes));
      else chunks.push(chunk);
    }
    function finish(): void {
      stop();
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, length));
    }
    function vanish(): void {
      fail(new ColdframeError("CANCELLED", "the caller left."));
    }

    request.on("data", take).on("end", finish).on("close", vanish);
    cancellation.onCancel(fail);
  });
}

const tooLarge = (maxBytes: number): ColdframeError => bodyLimit(maxBytes).refusal("the body");
