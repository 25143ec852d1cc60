// `runtime.predict_concurrency`: how many calls of predict run at once in one environment, first come first served.

/** A counting semaphore with a fair queue. */
export class Slots {
  #free: number;
  #queue: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Take a slot; a promise only when there is none free. */
  take(): Promise<void> | undefined {
    if (this.#free > 0) {
      this.#free--;
      return undefined;
    }
    return new Promise((resolve) => this.#queue.push(resolve));
  }

  /** Give a slot back; the longest waiting caller gets it. */
  give(): void {
    const next = this.#queue.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}
