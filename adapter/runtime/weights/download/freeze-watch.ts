// Notices that the process did not run for a while, as between two invocations of a Lambda function: every connection
// may be dead then, and no time limit that has passed says anything.

import type { Clock } from "./timing.ts";

export class FreezeWatch {
  readonly #clock: Clock;
  readonly #limitMs: number;
  #now: number;
  #wall: number;

  /** @param limitMs a gap between two looks that is no accident */
  constructor(clock: Clock, limitMs: number) {
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#now = clock.now();
    this.#wall = clock.wall();
  }

  /** Whether it was frozen since the last look. The monotonic clock stands still in some freezes, the other in none. */
  look(): boolean {
    const now = this.#clock.now();
    const wall = this.#clock.wall();
    const gap = Math.max(now - this.#now, wall - this.#wall);
    this.#now = now;
    this.#wall = wall;
    return gap > this.#limitMs;
  }
}
