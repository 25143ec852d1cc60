// When something is tried again and how often. Nobody's own loop: a part and a small document are tried again in their
// own files, by these rules.

import type { HttpAnswer } from "../_contracts.ts";
import type { Clock, Timing } from "./timing.ts";

/** Tries of one part, or of one small document. */
export const MAX_TRIES = 8;
/** How often a source may say that its next target is another one: credentials, clock, region, redirect. */
export const MAX_AGAIN = 3;

/** How long to wait: full jitter, and at least what was asked for. @param tries failed so far, from 1. @param afterMs asked for */
export function waitMs(tries: number, afterMs: number | undefined, timing: Timing): number {
  const jitter = Math.random() * Math.min(timing.maxBackoffMs, timing.backoffMs * 2 ** (tries - 1));
  return Math.max(jitter, Math.min(afterMs ?? 0, timing.maxRetryAfterMs));
}

/** Of `Retry-After`: seconds or a date. */
export function retryAfterMs({ headers }: HttpAnswer, clock: Clock): number | undefined {
  const value = headers["retry-after"];
  if (value === undefined) return undefined;
  if (/^\d{1,6}$/.test(value)) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - clock.wall());
}

/** A wait that can be ended early. */
export interface Pause {
  readonly over: Promise<void>;
  end(): void;
}

export function pause(ms: number): Pause {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  return {
    over: promise,
    end() {
      clearTimeout(timer);
      resolve();
    },
  };
}

/** How many tries may be made in a row, and how many a second after that: a server that is down gets no storm. */
export class RetryBudget {
  readonly #burst: number;
  readonly #perMs: number;
  #tokens: number;
  #countedAt: number;

  constructor(burst: number, perSecond: number) {
    this.#burst = burst;
    this.#perMs = perSecond / 1000;
    this.#tokens = burst;
    this.#countedAt = performance.now();
  }

  /** Takes a turn; milliseconds until it comes. */
  take(): number {
    const now = performance.now();
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#countedAt) * this.#perMs) - 1;
    this.#countedAt = now;
    return this.#tokens >= 0 ? 0 : -this.#tokens / this.#perMs;
  }
}
