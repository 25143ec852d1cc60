// The model that is soaked: a little of everything that a call may do to the adapter, at next to no cost of its own.

import type { Files } from "../build/_project.ts";

/** Calls of the model at the same time. */
export const CONCURRENCY = 4;

/** Calls that may wait: more than the soak's callers make, and fewer than one of its bursts. */
export const MAX_QUEUE = 32;

/** In bytes. */
export const MAX_BODY = 2 ** 20;

/** Of the large stream, in bytes. */
export const LARGE = 2 ** 21;

export const PROJECT: Files = {
  "config.yaml": `model_name: soak
runtime:
  predict_concurrency: ${CONCURRENCY}
server:
  max_queue: ${MAX_QUEUE}
  max_body_mb: 1
`,
  "model/model.ts": `import { setTimeout as sleep } from "node:timers/promises";

interface Input {
  fail?: boolean;
  sleep?: number;
  rows?: number;
  file?: Uint8Array & { name: string };
  note?: string;
  words?: number;
  pause?: number;
  failAfter?: number;
  large?: boolean;
  echo?: unknown;
}

export default class Model {
  async predict(input: Input | Uint8Array, { signal }: { signal: AbortSignal }) {
    if (input instanceof Uint8Array) return input;
    if (input.fail) throw new RangeError("this one fails");
    if (input.sleep) await sleep(input.sleep, undefined, { signal });
    if (input.rows) return Array.from({ length: input.rows }, (_, id) => ({ id, label: "cat" }));
    if (input.file) return { name: input.file.name, bytes: input.file.length, note: input.note };
    if (input.words) return this.speak(input);
    if (input.large) return this.pour();
    return { echo: input.echo };
  }

  async *speak({ words = 0, pause, failAfter }: Input) {
    for (let i = 0; i < words; i++) {
      if (i === failAfter) throw new RangeError("lost its voice");
      yield { word: i };
      await (pause ? sleep(pause) : new Promise(setImmediate));
    }
  }

  *pour() {
    for (let i = 0; i < ${LARGE / 2 ** 16}; i++) yield new Uint8Array(${2 ** 16}).fill(97);
  }

  async *chatCompletions() {
    yield "In the ";
    await new Promise(setImmediate);
    yield "beginning";
  }
}
`,
};
