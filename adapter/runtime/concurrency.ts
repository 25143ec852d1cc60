// `runtime.predict_concurrency`: how many calls of predict run at once in one environment, first come first served.

import type { Cancellation } from "./call.ts";

/** A counting semaphore with a fair queue. */
export class Slots {
  #free: number;
  #queue: (() => boolean)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Take a slot; a promise only when there is none free. Who is cancelled while waiting leaves the queue. */
  take(cancellation: Cancellation): Promise<void> | undefined {
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    return new Promise((resolve, reject) => {
      cancellation.onCancel(reject);
      this.#queue.push(() => {
        resolve();
        return !cancellation.reason;
      });
    });
  }

  /** Give a slot back; the longest waiting caller that is still there gets it. */
  give(): void {
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) if (next()) return;
    this.#free++;
  }
}
