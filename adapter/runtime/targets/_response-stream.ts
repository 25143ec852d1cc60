// The only file that knows Lambda's streaming wire: a JSON prelude, 8 NUL bytes, the body, and error trailers.
//
// Never `pipeline()`, never `destroy()`, never a write after the end: each of them rejects a promise inside AWS's
// runtime client that nobody handles, and the process dies with the loaded model (seen on aws-lambda-ric 3.3 and 4.0).
// Source: aws-lambda-ric, ResponseStream.js and HttpResponseStream.js; the Runtime API's custom runtime documentation.

import { type Cancellation, isStream, type Reply } from "../call.ts";
import { ColdframeError, toColdframeError } from "../errors.ts";
import type { StreamedAnswer } from "./_receiver.ts";

/** The part of AWS's response stream that is used; a plain facade over an http.ClientRequest, not a Writable. */
export interface ResponseStream {
  write(chunk: string | Uint8Array): boolean;
  end(): unknown;
  setContentType(type: string): void;
  once(event: "drain" | "close", listener: () => void): unknown;
  off(event: "drain", listener: () => void): unknown;
}

/** Declares a handler as a streaming one, without the `awslambda` global, which a test or a container lacks. */
export const STREAMING: unique symbol = Symbol.for("aws.lambda.runtime.handler.streaming") as never;

const PRELUDE_TYPE = "application/vnd.awslambda.http-integration-response";

const DELIMITER = "\0".repeat(8);

/**
 * Write one whole answer. When the other side goes away before its end, also before the model has answered, the
 * invocation is cancelled, and nobody is left to be told anything.
 * A failing answer is rethrown with the stream still open: the runtime client then sends the error as trailers.
 */
export async function respond(
  stream: ResponseStream,
  cancellation: Cancellation,
  answering: Promise<StreamedAnswer>,
): Promise<void> {
  let isOpen = true;
  let wake: () => void = () => {};
  stream.once("close", () => {
    if (!isOpen) return;
    isOpen = false;
    cancellation.cancel(new ColdframeError("CANCELLED", "the caller left."));
  });

  // Or cancelled: by a close, or by the deadline, since a reader that takes nothing until then would cost the process.
  const drained = () =>
    new Promise<void>((resolve) => {
      wake = () => {
        stream.off("drain", wake);
        resolve();
      };
      stream.once("drain", wake);
      if (cancellation.reason) wake();
    });

  let errorFrame: Reply["errorFrame"];
  try {
    const { head, reply } = await answering;
    // A destroyed request takes nothing: `write` says false, and no drain follows.
    if (!isOpen) return;
    // The prelude is written and not declared: HttpResponseStream.from holds it back until the first chunk, and loses
    // it when there is none.
    const isPrelude = typeof head === "object";
    stream.setContentType(isPrelude ? PRELUDE_TYPE : head);
    stream.write(isPrelude ? JSON.stringify(head) + DELIMITER : "");
    if (isStream(reply.body)) {
      ({ errorFrame } = reply);
      cancellation.onCancel(() => wake());
      for await (const chunk of reply.body) if (isOpen && !stream.write(chunk)) await drained();
    } else if (reply.body?.length) {
      stream.write(reply.body);
    }
  } catch (error) {
    if (!isOpen) return;
    if (errorFrame) stream.write(errorFrame(toColdframeError(error)));
    throw error;
  }
  if (!isOpen) return;
  isOpen = false;
  stream.end();
}
