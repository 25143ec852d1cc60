// How many requests are in flight: as many as there are connections, half of that when a server says that it is too
// much, and one more for each second that goes well after that. Also what "late" means for a part. No clock of its own.

import type { Timing } from "./timing.ts";

/** A part is late when it takes so many times what parts have taken. */
const LATE_FACTOR = 3;
/** Parts whose times say something. */
const MIN_SAMPLES = 3;
const MAX_SAMPLES = 64;
/** Below, the time of a part is that of its request. */
const MIN_SAMPLE_BYTES = 256 * 1024;

export class Pace {
  #max: number;
  readonly #timing: Timing;
  #allowed: number;
  #active = 0;
  readonly #waiting: (() => void)[] = [];
  #halvedAt = Number.NEGATIVE_INFINITY;
  #raisedAt = Number.NEGATIVE_INFINITY;
  /** Milliseconds a byte of the latest parts. */
  readonly #samples: number[] = [];
  #sampled = 0;

  constructor(max: number, timing: Timing) {
    this.#max = max;
    this.#allowed = max;
    this.#timing = timing;
  }

  /** Requests that may be in flight. */
  get allowed(): number {
    return this.#allowed;
  }

  /** Requests in flight. */
  get active(): number {
    return this.#active;
  }

  /** So many may be in flight from now on, unless a server has asked for less: then they come back one by one. */
  widen(max: number): void {
    if (max <= this.#max) return;
    if (this.#allowed === this.#max) this.#allowed = max;
    this.#max = max;
  }

  /** For a new part. Whoever waits for another try was let in before. */
  tryEnter(): boolean {
    if (this.#active >= this.#allowed) return false;
    this.#active++;
    return true;
  }

  /** For another try, before any new part. */
  enter(): Promise<void> {
    if (this.tryEnter()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  leave(): void {
    this.#active--;
    this.#admit();
  }

  /** A server asked for less. @param since when the request began that was answered so: one burst halves once */
  slow(since: number, now: number): void {
    if (since > this.#halvedAt) {
      this.#allowed = Math.max(1, Math.floor(this.#allowed / 2));
      this.#halvedAt = now;
    }
    this.#raisedAt = now;
  }

  /** @returns whether more may be in flight than before */
  tick(now: number): boolean {
    if (this.#allowed >= this.#max || now - this.#raisedAt < this.#timing.cleanMs) return false;
    this.#allowed++;
    this.#raisedAt = now;
    this.#admit();
    return true;
  }

  /** Nobody is to wait any more. */
  open(): void {
    this.#allowed = Number.POSITIVE_INFINITY;
    this.#admit();
  }

  /** A part came in one go. */
  sample(bytes: number, ms: number): void {
    if (bytes < MIN_SAMPLE_BYTES) return;
    this.#samples[this.#sampled++ % MAX_SAMPLES] = ms / bytes;
  }

  /** A request for `bytes` should have been over. */
  isLate(bytes: number, ms: number): boolean {
    if (ms < this.#timing.minLateMs || this.#samples.length < MIN_SAMPLES) return false;
    const sorted = this.#samples.toSorted((a, b) => a - b);
    const median = sorted[sorted.length >> 1] as number;
    return ms > LATE_FACTOR * median * bytes;
  }

  #admit(): void {
    while (this.#active < this.#allowed) {
      const next = this.#waiting.shift();
      if (!next) return;
      this.#active++;
      next();
    }
  }
}
