// The HTTP waist: a Call comes in, a Reply goes out. Both are plain records, so that the hot path never builds a
// WHATWG Request or Response; those are made only when the model's author touches one.

import type { Observation } from "./contracts.ts";
import type { ColdframeError } from "./errors.ts";

/** One HTTP request, whatever carried it. */
export interface Call {
  /** Upper case. */
  readonly method: string;
  /** As sent: undecoded, beginning with "/", without the query. */
  readonly path: string;
  /** As sent: undecoded, without "?". */
  readonly query: string;
  /** Lower-case names; repeated headers joined with ", ", cookies with "; ". */
  readonly headers: Readonly<Record<string, string>>;
  /** The body without the transport's base64: text when the transport carried text; "" when there is none. */
  body(): string | Uint8Array;
  /** What config.yaml allows, also after the body is decompressed; absent where the platform has limits of its own. */
  readonly maxBodyBytes?: number;
  /**
   * Of a target whose bodies arrive after the head: wait for all of it; nothing is to be waited for where it is there.
   * @throws INPUT_TOO_LARGE, CANCELLED
   */
  readonly arrived?: () => Promise<void> | undefined;
  /** Where the call came from, for the model and the log. */
  readonly origin: Origin;
}

/** What is known of an invocation before its input is read. */
export interface Origin {
  /** The platform's request id. */
  readonly id: string;
  /** The event source's name, as written in config.yaml: `function-url`, `direct`, ... */
  readonly source: string;
  /** The platform's own event document. */
  readonly event: unknown;
  /** When the answer must have left, in milliseconds since the epoch. */
  readonly deadline: number;
  readonly tenantId: string | undefined;
  /** The caller's trace, for the log: its id, or X-Ray's header as Lambda has it. */
  readonly traceId?: string | undefined;
  readonly cancellation: Cancellation;
  /** Of a deployment that wants metrics or traces: set by who begins it. */
  observation?: Observation | undefined;
}

/** One HTTP answer. Header names are lower case; `cookies` holds whole Set-Cookie values. */
export interface Reply {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly cookies?: readonly string[];
  readonly body: Body;
  /** The frame that tells a reader of a streamed body that it failed, where the media type has room for one. */
  readonly errorFrame?: ((error: ColdframeError) => Chunk) | undefined;
  /** Where an error answer has a shape of its own: what to answer instead, when this one cannot leave. Logs the error. */
  readonly failed?: (error: unknown) => Reply;
}

/** A stream's chunks are written one by one, with back-pressure. */
export type Body = undefined | Chunk | AsyncIterable<Chunk>;

export type Chunk = string | Uint8Array;

/** Whether a body arrives piece by piece. */
export const isStream = (body: Body): body is AsyncIterable<Chunk> =>
  typeof body === "object" && !(body instanceof Uint8Array);

/**
 * Why and when an invocation ends early. Its timer starts in the tick after somebody first listens, and the AbortSignal is
 * built on first use: a model that answers at once pays for neither.
 */
export class Cancellation {
  #deadline: number;
  #tooLate: () => Error;
  #listeners: ((reason: Error) => void)[] | undefined;
  #timer: NodeJS.Timeout | undefined;
  #controller: AbortController | undefined;
  #reason: Error | undefined;

  /** @param deadline when to cancel with what `tooLate` returns, in milliseconds since the epoch; 0: never */
  constructor(deadline = 0, tooLate: () => Error = Error) {
    this.#deadline = deadline;
    this.#tooLate = tooLate;
  }

  /** Set once it was cancelled; the first reason stays. */
  get reason(): Error | undefined {
    return this.#reason;
  }

  /** Aborts with the reason. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      const controller = new AbortController();
      this.#controller = controller;
      this.onCancel((reason) => controller.abort(reason));
    }
    return this.#controller.signal;
  }

  /** Run `listener` when the invocation ends early; at once when it already has. */
  onCancel(listener: (reason: Error) => void): void {
    if (this.#reason) return listener(this.#reason);
    // What is over by the next tick costs no timer.
    if (!this.#listeners) process.nextTick(() => this.#startTimer());
    (this.#listeners ??= []).push(listener);
  }

  #startTimer(): void {
    const left = Math.max(0, this.#deadline - Date.now());
    if (this.#deadline) this.#timer = setTimeout(() => this.cancel(this.#tooLate()), left);
  }

  /** What `work` settles with, or the reason when that comes first: work that does not listen is left behind. */
  race<T>(work: T | PromiseLike<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.onCancel(reject);
      Promise.resolve(work).then(resolve, reject);
    });
  }

  cancel(reason: Error): void {
    if (this.#reason) return;
    this.#reason = reason;
    this.end();
    for (const listener of this.#listeners ?? []) listener(reason);
  }

  /** The invocation is over: nothing is cancelled by time any more. */
  end(): void {
    clearTimeout(this.#timer);
    // Who listens only now starts no timer.
    this.#deadline = 0;
  }
}
