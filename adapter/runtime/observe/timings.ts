// How long the steps of one invocation took, and how it ended: what every kind of metrics is made of. A server does this
// for every call, so there is one object and no more than it needs, and the clock is read only where something lasts.

import type { Observation, Step } from "../contracts.ts";
import type { ColdframeError, ErrorCode } from "../errors.ts";
import type { Items } from "../stream.ts";
import { watched } from "./watched-items.ts";

/** What many invocations have in common: how many are here, and how many of them wait for a slot. */
export interface Crowd {
  inFlight: number;
  waiting: number;
}

/** Node's global is a getter, which costs as much again as the clock. */
const { performance: clock } = globalThis;

/** One invocation, watched. Milliseconds; a step that did not happen has none. */
export class Stopwatch implements Observation {
  preprocess: number | undefined;
  queue: number | undefined;
  /** Until the last item, when it streams. */
  predict: number | undefined;
  /** From the call of predict to the first item. */
  firstToken: number | undefined;
  postprocess: number | undefined;
  /** What answered: `predict`, `chatCompletions`, ... */
  member: string | undefined;
  status: number | undefined;
  code: ErrorCode | undefined;

  #predictBegan = 0;
  #done: (timings: Stopwatch) => void;
  #crowd: Crowd | undefined;

  /** @param done gets it once it is over */
  constructor(done: (timings: Stopwatch) => void, crowd?: Crowd) {
    this.#done = done;
    this.#crowd = crowd;
    if (crowd) crowd.inFlight++;
  }

  step<T>(name: Step, run: () => T): T {
    if (name === "queue") return this.#queued(run);
    const from = clock.now();
    if (name !== "preprocess" && name !== "postprocess") {
      this.member = name;
      this.#predictBegan = from;
    }
    try {
      const result = run();
      if (isThenable(result)) this.#settleWith(result, name, from);
      else this.#settle(name, from);
      return result;
    } catch (error) {
      this.#settle(name, from);
      throw error;
    }
  }

  #queued<T>(run: () => T): T {
    const result = run();
    // A free slot is taken at once.
    this.queue = 0;
    if (!isThenable(result)) return result;
    const from = clock.now();
    if (this.#crowd) this.#crowd.waiting++;
    const settle = () => {
      this.queue = clock.now() - from;
      if (this.#crowd) this.#crowd.waiting--;
    };
    result.then(settle, settle);
    return result;
  }

  #settleWith(promise: PromiseLike<unknown>, name: Step, from: number): void {
    const settle = () => this.#settle(name, from);
    promise.then(settle, settle);
  }

  #settle(name: Step, from: number): void {
    const took = clock.now() - from;
    if (name === "preprocess") this.preprocess = took;
    else if (name === "postprocess") this.postprocess = took;
    else this.predict = took;
  }

  items(items: Items<unknown>): Items<unknown> {
    return watched(items, {
      first: () => {
        this.firstToken = clock.now() - this.#predictBegan;
      },
      end: () => {
        this.predict = clock.now() - this.#predictBegan;
      },
    });
  }

  answered(status: number): void {
    this.status = status;
  }

  failed({ code }: ColdframeError): void {
    this.code = code;
  }

  end(): void {
    if (this.#crowd) this.#crowd.inFlight--;
    this.#done(this);
  }
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as { then?: unknown } | null | undefined)?.then === "function";
