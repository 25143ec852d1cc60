// The items of a streaming model, one by one: ends with the invocation, when the model is silent for too long, or when
// the reader stops, and then lets the model's `finally` run.

import { setImmediate as nextTurn } from "node:timers/promises";
import type { Cancellation } from "./call.ts";
import { ColdframeError, modelError } from "./errors.ts";

/** How long a model that computes without waiting may keep bytes from leaving and the deadline from being heard. */
const MAX_HOLD_MS = 5;

/**
 * An async iterator over what a model yields. Reading it faster than the model yields is fine; a slow reader is what
 * makes the model wait. `next` rejects with the cancellation's reason, STREAM_TIMEOUT or PREDICT_FAILED.
 */
export class ItemStream implements AsyncIterableIterator<unknown> {
  #source: AsyncIterator<unknown> | Iterator<unknown>;
  #cancellation: Cancellation;
  #gapMs: number;
  #onEnd: () => void;
  #toItem: ((item: unknown) => unknown) | undefined;
  #silence: NodeJS.Timeout | undefined;
  #interrupt: ((reason: Error) => void) | undefined;
  #ended = false;
  #turnedAt = performance.now();

  /**
   * @param gapMs the longest wait for one item
   * @param onEnd runs once, when nothing more will be asked of the model
   * @param toItem checks or changes each item; may throw, may be asynchronous
   */
  constructor(
    source: AsyncIterable<unknown> | Iterable<unknown>,
    cancellation: Cancellation,
    gapMs: number,
    onEnd: () => void,
    toItem?: (item: unknown) => unknown,
  ) {
    this.#source = iteratorOf(source);
    this.#cancellation = cancellation;
    this.#gapMs = gapMs;
    this.#onEnd = onEnd;
    this.#toItem = toItem;
    cancellation.onCancel((reason) => this.#stop(reason));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<unknown>> {
    if (this.#ended) {
      const { reason } = this.#cancellation;
      return reason === undefined
        ? Promise.resolve({ done: true, value: undefined })
        : Promise.reject(reason);
    }
    // One promise an item, settled by whichever comes first. A race against one long-lived promise would keep a
    // reaction for every item until the stream ends.
    return new Promise((resolve, reject) => {
      this.#interrupt = reject;
      this.#awaitSilence();
      this.#pull().then(
        (result) => {
          this.#interrupt = undefined;
          if (result.done === true) this.#end();
          resolve(result);
        },
        (error) => {
          this.#stop(modelError(error, "predict", this.#cancellation.reason));
        },
      );
    });
  }

  /** Stop before the end; the model's `finally` runs. */
  async return(): Promise<IteratorResult<unknown>> {
    this.#stop();
    return { done: true, value: undefined };
  }

  async #pull(): Promise<IteratorResult<unknown>> {
    if (performance.now() - this.#turnedAt > MAX_HOLD_MS) {
      await nextTurn();
      this.#turnedAt = performance.now();
      if (this.#ended) return { done: true, value: undefined };
    }
    const result = await this.#source.next();
    if (result.done === true) return { done: true, value: undefined };
    // The items of a synchronous generator may be promises, as in `for await`.
    const item = await result.value;
    return { done: false, value: this.#toItem === undefined ? item : await this.#toItem(item) };
  }

  #awaitSilence(): void {
    if (this.#silence !== undefined) {
      this.#silence.refresh();
      return;
    }
    this.#silence = setTimeout(() => {
      const silent = this.#interrupt !== undefined;
      if (!silent) return;
      const seconds = this.#gapMs / 1000;
      this.#stop(
        new ColdframeError("STREAM_TIMEOUT", `the model sent nothing for ${seconds} s.`, {
          fix: "Yield more often, or raise `runtime.streaming_read_timeout` in config.yaml.",
        }),
      );
    }, this.#gapMs);
  }

  #stop(reason?: Error): void {
    if (!this.#ended) this.#returnSource();
    this.#end();
    if (reason !== undefined) this.#interrupt?.(reason);
    this.#interrupt = undefined;
  }

  // Not awaited: a generator that is waiting for something comes to its `finally` when that arrives. What it throws
  // there has no reader any more.
  #returnSource(): void {
    try {
      const returned = this.#source.return?.();
      if (returned instanceof Promise) returned.catch(() => {});
    } catch {
      // A synchronous generator may refuse, or throw from its `finally`.
    }
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#silence);
    this.#onEnd();
  }
}

function iteratorOf(
  source: AsyncIterable<unknown> | Iterable<unknown>,
): AsyncIterator<unknown> | Iterator<unknown> {
  if (source instanceof ReadableStream) {
    // Its own iterator cancels only after the read that is pending: never, when the stream is silent.
    const reader = source.getReader();
    return {
      next: () => reader.read() as Promise<IteratorResult<unknown>>,
      return: () => reader.cancel() as Promise<never>,
    };
  }
  return Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
}
