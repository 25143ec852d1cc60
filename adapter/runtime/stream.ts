// The items of a streaming model, one by one: ends with the invocation, when the model is silent for too long, or when
// the reader stops, and then lets the model's `finally` run.

import type { Cancellation } from "./call.ts";
import { ColdframeError, toColdframeError } from "./errors.ts";

/** How long a model that computes without waiting may keep bytes from leaving and the deadline from being heard. */
const MAX_HOLD_MS = 5;

/** The end of all items. */
export const END: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * What is read one by one, and may be stopped before its end by `return`. By hand, because every `yield` of an async
 * generator costs three more turns of the microtask queue a token.
 */
export class Items<T> implements AsyncIterableIterator<T> {
  readonly next: () => Promise<IteratorResult<T>>;
  #stop: () => unknown;

  constructor(next: () => Promise<IteratorResult<T>>, stop: () => unknown) {
    this.next = next;
    this.#stop = stop;
  }

  async return(): Promise<IteratorResult<T>> {
    await this.#stop();
    return END;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/**
 * What a model yields. Reading it faster than the model yields is fine; a slow reader is what makes the model wait.
 * `next` rejects with the cancellation's reason, STREAM_TIMEOUT or PREDICT_FAILED.
 * @param gapMs the longest wait for one item
 * @param onEnd runs once, when nothing more will be asked of the model
 * @param toItem checks or changes each item; may throw, may be asynchronous
 * @param member the model's method that they come from, for messages
 */
export function itemStream(
  source: AsyncIterable<unknown> | Iterable<unknown>,
  cancellation: Cancellation,
  gapMs: number,
  onEnd: () => void,
  toItem?: (item: unknown) => unknown,
  member?: string,
): Items<unknown> {
  const iterator = iteratorOf(source);
  let ended = false;
  let turnedAt = performance.now();
  let silence: NodeJS.Timeout | undefined;
  let listening = false;
  // Rejects the `next` that is being waited for.
  let interrupt: ((reason: Error) => void) | undefined;

  function end(): void {
    if (ended) return;
    ended = true;
    clearTimeout(silence);
    onEnd();
  }

  function stop(reason?: Error): void {
    // Not awaited: a generator that is waiting for something comes to its `finally` when that arrives. What it throws
    // there has no reader any more.
    if (!ended) (async () => iterator.return?.())().catch(() => {});
    end();
    if (reason) interrupt?.(reason);
    interrupt = undefined;
  }

  function listen(): void {
    listening = false;
    if (interrupt) silence = silence?.refresh() ?? setTimeout(onSilence, gapMs);
  }

  function onSilence(): void {
    // A reader that takes its time is no silence of the model.
    if (!interrupt) return;
    stop(
      new ColdframeError(
        "STREAM_TIMEOUT",
        `the model sent nothing for ${gapMs / 1000} s: raise runtime.streaming_read_timeout.`,
      ),
    );
  }

  async function pull(): Promise<IteratorResult<unknown>> {
    if (performance.now() - turnedAt > MAX_HOLD_MS) {
      await new Promise((resolve) => setImmediate(resolve));
      turnedAt = performance.now();
      if (ended) return END;
    }
    const { done, value } = await iterator.next();
    if (done) return END;
    // The items of a synchronous generator may be promises, as in `for await`.
    const item = value instanceof Promise ? await value : value;
    return { done: false, value: toItem ? await toItem(item) : item };
  }

  function next(): Promise<IteratorResult<unknown>> {
    if (ended) return cancellation.race(END);
    // One promise an item, settled by whichever comes first. A race against one long-lived promise would keep a
    // reaction for every item until the stream ends.
    return new Promise((resolve, reject) => {
      interrupt = reject;
      // What a model has at hand comes before the next tick, and costs no timer.
      if (!listening) process.nextTick(listen);
      listening = true;
      pull().then(
        (result) => {
          interrupt = undefined;
          if (result.done) end();
          resolve(result);
        },
        (error) => stop(cancellation.reason ?? toColdframeError(error, member)),
      );
    });
  }

  cancellation.onCancel(stop);
  return new Items(next, () => stop());
}

function iteratorOf(
  source: AsyncIterable<unknown> | Iterable<unknown>,
): AsyncIterator<unknown> | Iterator<unknown> {
  // The iterator of a ReadableStream cancels only after the read that is pending: never, when the stream is silent.
  if ("getReader" in source) {
    const reader = (source as ReadableStream).getReader();
    return {
      next: () => reader.read() as Promise<IteratorResult<unknown>>,
      return: () => reader.cancel() as Promise<never>,
    };
  }
  return Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
}
