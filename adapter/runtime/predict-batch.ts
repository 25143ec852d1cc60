// One batch: the model's method for many is called, and each caller is given its own answer or error. When the call fails
// as a whole, it is tried again in halves, down to who is to blame. Who goes together, and when, is batch.ts.

import type { Cancellation } from "./call.ts";
import { ColdframeError, toColdframeError } from "./errors.ts";
import { logAnything } from "./observe/log-anything.ts";
import type { Invocation, Model } from "./model.ts";

/** What a model answers many callers of one member with. */
export type BatchMethod = "predictBatch" | "embeddingsBatch";

/** One caller of a batch. */
export interface Item {
  readonly input: unknown;
  readonly invocation: Invocation;
  readonly cancellation: Cancellation;
  /** Settled once. */
  readonly answer: PromiseWithResolvers<unknown>;
}

/** What the model gave cannot be told apart: no caller has an answer, and asking again would not help. */
class Mismatch extends ColdframeError {}

/** Call the model, and settle the answer of each caller who is still there. Does not reject. */
export async function computeAll(model: Model, method: BatchMethod, items: readonly Item[]): Promise<void> {
  const present = items.filter(({ cancellation }) => !cancellation.reason);
  if (present.length === 0) return;
  try {
    const outcomes = await call(model, method, present);
    for (const [i, { answer }] of present.entries()) {
      const outcome = outcomes[i] as PromiseSettledResult<unknown>;
      if (outcome.status === "rejected") answer.reject(toColdframeError(outcome.reason, method));
      else if (outcome.value instanceof Error) answer.reject(toColdframeError(outcome.value, method));
      else answer.resolve(outcome.value);
    }
  } catch (error) {
    if (present.length === 1 || error instanceof Mismatch) {
      for (const { answer } of present) answer.reject(toColdframeError(error, method));
      return;
    }
    // One input that the model fails at fails one caller, and a batch that was too large for the memory none.
    logAnything("warn", `${method} failed; its inputs are tried again, one half after the other`, {
      request_ids: present.map(({ invocation }) => invocation.id),
      error,
    });
    const half = Math.ceil(present.length / 2);
    await computeAll(model, method, present.slice(0, half));
    await computeAll(model, method, present.slice(half));
  }
}

async function call(
  model: Model,
  method: BatchMethod,
  items: readonly Item[],
): Promise<readonly PromiseSettledResult<unknown>[]> {
  const outputs = await model[method]?.(
    items.map(({ input }) => input),
    items.map(({ invocation }) => invocation),
  );
  if (Array.isArray(outputs) && outputs.length === items.length) return Promise.allSettled(outputs);
  // Not what it is: the callers read this, and it may be another's.
  const found = Array.isArray(outputs) ? `an array of ${outputs.length}` : typeof outputs;
  throw new Mismatch(
    "OUTPUT_INVALID",
    `${method} returned ${found} for ${items.length} inputs, allowed an array with one output, or one Error, for each.`,
  );
}
