// The only file that knows Lambda's streaming wire: a JSON prelude, 8 NUL bytes, the body, and error trailers.
//
// Never `pipeline()`, never `destroy()`, never a write after the end: each of them rejects a promise inside AWS's
// runtime client that nobody handles, and the process dies with the loaded model (seen on aws-lambda-ric 3.3 and 4.0).
// Source: aws-lambda-ric, ResponseStream.js and HttpResponseStream.js; the Runtime API's custom runtime documentation.

import { type Cancellation, isStream, type Reply } from "../call.ts";
import type { Prelude } from "../contracts.ts";
import { ColdframeError, toColdframeError } from "../errors.ts";

/** The part of AWS's response stream that is used; a plain facade over an http.ClientRequest, not a Writable. */
export interface ResponseStream {
  write(chunk: string | Uint8Array): boolean;
  end(): unknown;
  setContentType(type: string): void;
  once(event: "drain" | "close", listener: () => void): unknown;
  off(event: "drain" | "close", listener: () => void): unknown;
}

/** Declares a handler as a streaming one, without the `awslambda` global, which a test or a container lacks. */
export const STREAMING: unique symbol = Symbol.for("aws.lambda.runtime.handler.streaming") as never;

const PRELUDE_TYPE = "application/vnd.awslambda.http-integration-response";

const DELIMITER = "\0".repeat(8);

/**
 * Write one answer. Resolves when all of it was taken.
 * A failing body is rethrown with the stream still open: the runtime client then sends the error as trailers. When the
 * other side goes away the invocation is cancelled, and its body fails with that.
 * @param head the prelude, or a content type where the body goes out without one
 */
export async function writeResponse(
  stream: ResponseStream,
  head: Prelude | string,
  { body, errorFrame }: Pick<Reply, "body" | "errorFrame">,
  cancellation: Cancellation,
): Promise<void> {
  let open = true;
  stream.once("close", () => {
    if (open) cancellation.cancel(new ColdframeError("CANCELLED", "the caller closed the response."));
    open = false;
  });

  // The prelude is written and not declared: HttpResponseStream.from holds it back until the first chunk, and loses it
  // when there is none.
  if (typeof head === "string") {
    stream.setContentType(head);
    stream.write("");
  } else {
    stream.setContentType(PRELUDE_TYPE);
    stream.write(JSON.stringify(head) + DELIMITER);
  }
  if (isStream(body)) {
    try {
      await writeChunks(stream, body, () => open);
    } catch (error) {
      if (open && errorFrame !== undefined) stream.write(errorFrame(toColdframeError(error)));
      throw error;
    }
  } else if (body !== undefined && body.length > 0) {
    stream.write(body);
  }
  open = false;
  stream.end();
}

async function writeChunks(
  stream: ResponseStream,
  body: AsyncIterable<string | Uint8Array>,
  isOpen: () => boolean,
): Promise<void> {
  const chunks = body[Symbol.asyncIterator]();
  for (;;) {
    const { done, value } = await chunks.next();
    if (done === true) return;
    if (isOpen() && !stream.write(value)) await drained(stream);
  }
}

function drained(stream: ResponseStream): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off("drain", done);
      stream.off("close", done);
      resolve();
    };
    stream.once("drain", done);
    stream.once("close", done);
  });
}
