// How long a server may say nothing: until the head of its answer, and between the bytes of its body. One timer a request,
// moved only when it fires: nothing is paid per chunk. A timer that is late blames nobody.

import { WireError } from "./http.ts";
import type { Timing } from "./timing.ts";

/** A timer that is later than this says that the thread was busy or away, not that the server is silent. */
const LATE_MS = 250;

export class Silence {
  /** `performance.now()` of the last byte; whoever reads one sets it. */
  heardAt = 0;
  readonly #timing: Timing;
  readonly #broken: (error: WireError) => void;
  #timer: NodeJS.Timeout | undefined;
  #due = 0;
  #what: "head" | "body" = "head";

  /** @param broken is told that the time is over */
  constructor(timing: Timing, broken: (error: WireError) => void) {
    this.#timing = timing;
    this.#broken = broken;
  }

  /** Begin to wait. */
  watch(what: "head" | "body"): void {
    this.#what = what;
    if (what === "head") this.heardAt = performance.now();
    this.#arm();
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  get #limit(): number {
    return this.#what === "head" ? this.#timing.headMs : this.#timing.stallMs;
  }

  #arm(): void {
    clearTimeout(this.#timer);
    this.#due = performance.now() + this.#limit;
    this.#timer = setTimeout(() => this.#onTimer(), this.#limit);
  }

  #onTimer(): void {
    const now = performance.now();
    const limit = this.#limit;
    if (now - this.#due > LATE_MS) {
      // What came meanwhile has not been read yet.
      this.heardAt = now;
      this.#arm();
    } else if (this.#what === "body" && now - this.heardAt < limit) {
      this.#due = this.heardAt + limit;
      this.#timer = setTimeout(() => this.#onTimer(), this.#due - now);
    } else {
      const what = this.#what === "head" ? "no answer" : "not a byte";
      this.#broken(new WireError("TIMEOUT", `${what} for ${limit} ms`));
    }
  }
}
