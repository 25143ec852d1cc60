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
  off(event: "drain", listener: () => void): unknown;
}

/** Declares a handler as a streaming one, without the `awslambda` global, which a test or a container lacks. */
export const STREAMING: unique symbol = Symbol.for("aws.lambda.runtime.handler.streaming") as never;

const PRELUDE_TYPE = "application/vnd.awslambda.http-integration-response";

const DELIMITER = "\0".repeat(8);

/** One answer on a response stream. Made before the model is asked, to hear of a caller that leaves meanwhile. */
export class ResponseWriter {
  #stream: ResponseStream;
  #cancellation: Cancellation;
  #state: "open" | "ended" | "closed" = "open";
  #wake: (() => void) | undefined;

  /** When the other side goes away before the end, the invocation is cancelled. */
  constructor(stream: ResponseStream, cancellation: Cancellation) {
    this.#stream = stream;
    this.#cancellation = cancellation;
    stream.once("close", () => {
      if (this.#state === "ended") return;
      this.#state = "closed";
      cancellation.cancel(new ColdframeError("CANCELLED", "the caller closed the response."));
    });
  }

  /** Whether the other side went away: nobody is left to be told anything. */
  get isClosed(): boolean {
    return this.#state === "closed";
  }

  /**
   * Write the whole answer. Resolves when all of it was taken.
   * A failing body is rethrown with the stream still open: the runtime client then sends the error as trailers.
   * @param head the prelude, or a content type where the body goes out without one
   */
  async write(
    head: Prelude | string,
    { body, errorFrame }: Pick<Reply, "body" | "errorFrame">,
  ): Promise<void> {
    // A destroyed request takes nothing: `write` says false, and no drain follows.
    if (this.isClosed) return;
    const stream = this.#stream;
    // The prelude is written and not declared: HttpResponseStream.from holds it back until the first chunk, and loses
    // it when there is none.
    if (typeof head === "string") {
      stream.setContentType(head);
      stream.write("");
    } else {
      stream.setContentType(PRELUDE_TYPE);
      stream.write(JSON.stringify(head) + DELIMITER);
    }
    if (isStream(body)) {
      try {
        await this.#writeChunks(body);
      } catch (error) {
        if (!this.isClosed && errorFrame !== undefined) stream.write(errorFrame(toColdframeError(error)));
        throw error;
      }
    } else if (body !== undefined && body.length > 0) {
      stream.write(body);
    }
    this.#state = "ended";
    stream.end();
  }

  async #writeChunks(body: AsyncIterable<string | Uint8Array>): Promise<void> {
    const chunks = body[Symbol.asyncIterator]();
    for (;;) {
      const { done, value } = await chunks.next();
      if (done === true) return;
      if (!this.isClosed && !this.#stream.write(value)) await this.#drained();
    }
  }

  // Or cancelled: by a close, or by the deadline, since a reader that takes nothing until then would cost the process.
  #drained(): Promise<void> {
    if (this.#wake === undefined) this.#cancellation.onCancel(() => this.#wake?.());
    return new Promise((resolve) => {
      const done = () => {
        this.#stream.off("drain", done);
        resolve();
      };
      this.#wake = done;
      this.#stream.once("drain", done);
      if (this.#cancellation.reason !== undefined) done();
    });
  }
}
