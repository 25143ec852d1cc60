// The HTTP waist: a Call comes in, a Reply goes out. Both are plain records, so that the hot path never builds a
// WHATWG Request or Response; those are made only when the model's author touches one.

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
  readonly cancellation: Cancellation;
}

/** One HTTP answer. Header names are lower case; `cookies` holds whole Set-Cookie values. */
export interface Reply {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly cookies?: readonly string[];
  readonly body: Body;
  /** The frame that tells a reader of a streamed body that it failed, where the media type has room for one. */
  readonly errorFrame?: (error: ColdframeError) => string;
}

/** A stream's chunks are written one by one, with back-pressure. */
export type Body = undefined | string | Uint8Array | AsyncIterable<string | Uint8Array>;

/** Whether a body arrives piece by piece. */
export function isStream(body: Body): body is AsyncIterable<string | Uint8Array> {
  return typeof body === "object" && !(body instanceof Uint8Array);
}

/**
 * Why and when an invocation ends early. Its timer starts when somebody first listens, and the AbortSignal is built on
 * first use: a model that answers at once pays for neither.
 */
export class Cancellation {
  #deadline: number | undefined;
  #tooLate: (() => Error) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #controller: AbortController | undefined;
  #reason: Error | undefined;
  #listeners: ((reason: Error) => void)[] = [];

  /** @param deadline when to cancel with what `tooLate` returns, in milliseconds since the epoch; default: never */
  constructor(deadline?: number, tooLate?: () => Error) {
    this.#deadline = deadline;
    this.#tooLate = tooLate;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = new AbortController();
      this.#controller = controller;
      this.onCancel((reason) => controller.abort(reason));
    }
    return this.#controller.signal;
  }

  get reason(): Error | undefined {
    return this.#reason;
  }

  /** Run `listener` when the invocation ends early; at once when it already has. */
  onCancel(listener: (reason: Error) => void): void {
    if (this.#reason !== undefined) {
      listener(this.#reason);
      return;
    }
    this.#listeners.push(listener);
    const [deadline, tooLate] = [this.#deadline, this.#tooLate];
    if (deadline === undefined || tooLate === undefined) return;
    this.#timer ??= setTimeout(() => this.cancel(tooLate()), Math.max(0, deadline - Date.now()));
  }

  /** The first reason stays. */
  cancel(reason: Error): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.end();
    for (const listener of this.#listeners.splice(0)) listener(reason);
  }

  /** The invocation is over: nothing is cancelled by time any more. */
  end(): void {
    clearTimeout(this.#timer);
    // Who asks for the signal only now starts no timer.
    this.#deadline = undefined;
  }
}
