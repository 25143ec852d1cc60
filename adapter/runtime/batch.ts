// Dynamic batching: calls of predict that come at about the same time become one call of predictBatch, and calls of
// embeddings one of embeddingsBatch. Each caller has an answer, an error, a deadline and a cancellation of its own, and the
// batch has the slot of `predict_concurrency`.
//
// How long a batch that has its slot waits for more: to the end of this turn of the event loop, and on while every turn
// brings somebody, which is no wait but the reading of what is there. Then up to max_delay_ms, only until as many are there
// as at the end of the batch before, who are those that may come again. Who comes alone waits for nobody: after a batch of
// one, and when nobody came for max_delay_ms, one is enough.

import { Cancellation } from "./call.ts";
import { queueFull, type TakeSlot, type TakeTurn, type Turn } from "./concurrency.ts";
import { ColdframeError } from "./errors.ts";
import type { Invocation, Model, VendorMember } from "./model.ts";
import { type BatchMethod, computeAll, type Item } from "./predict-batch.ts";

/** `runtime.batch` of config.yaml. */
export interface BatchSettings {
  /** The most inputs of one call of predictBatch, or of embeddingsBatch. */
  readonly maxSize: number;
  /** The longest that a free slot waits for more of them. */
  readonly maxDelayMs: number;
}

/**
 * Makes the calls of a model's predict take turns in batches, and those of its embeddings where it has an embeddingsBatch;
 * those of its other members take slots as ever.
 * @param maxQueue how many calls may wait for a slot, of each of the two; who gathers in a free one does not wait
 */
export type Batching = (model: Model, takeSlot: TakeSlot, maxQueue?: number) => TakeTurn;

/** What the entry of a deployment with `runtime.batch` names. */
export const batching = (settings: BatchSettings): Batching => {
  return (model, takeSlot, maxQueue = Number.POSITIVE_INFINITY) => {
    if (typeof model.predictBatch !== "function" && typeof model.embeddingsBatch !== "function") {
      throw new ColdframeError(
        "MODEL_INVALID",
        "config.yaml has runtime.batch, and the model no predictBatch or embeddingsBatch.",
      );
    }
    const joinOf = (method: BatchMethod) =>
      typeof model[method] === "function"
        ? createBatches(settings, maxQueue, (items) => computeAll(model, method, items), takeSlot)
        : undefined;
    const joins: Partial<Record<"predict" | VendorMember, Join | undefined>> = {
      predict: joinOf("predictBatch"),
      embeddings: joinOf("embeddingsBatch"),
    };
    return (cancellation, member, input, invocation) =>
      joins[member]?.(input, invocation, cancellation) ?? takeSlot(cancellation);
  };
};

/** One caller before its batch begins. */
interface Waiting extends Item {
  begin(): void;
  refuse(reason: unknown): void;
}

type Join = (input: unknown, invocation: Invocation, cancellation: Cancellation) => Promise<Turn>;

function createBatches(
  { maxSize, maxDelayMs }: BatchSettings,
  maxQueue: number,
  run: (items: readonly Item[]) => Promise<void>,
  takeSlot: TakeSlot,
): Join {
  /** In the order in which they came; who leaves is taken out. */
  const waiting: Waiting[] = [];
  // Whether the next batch has nobody yet, waits for a slot, or has one; and how many may wait by then.
  let stage: "closed" | "queueing" | "gathering" = "closed";
  const room = { closed: 1, queueing: maxQueue, gathering: maxQueue + maxSize };
  let company = { size: 1, until: 0 };
  // Looks whether the batch that is open may begin; set while it waits.
  let look = () => {};

  /** Take a slot, wait for company, and compute with whoever is there. */
  async function open(): Promise<void> {
    stage = "queueing";
    let release: () => void;
    try {
      release = await takeSlot(new Cancellation());
    } catch (reason) {
      // All places in the queue are taken, by calls of the model's other members.
      for (const { refuse } of waiting.splice(0)) refuse(reason);
      stage = "closed";
      return;
    }
    stage = "gathering";
    await gathered();
    stage = "closed";
    const items = waiting.splice(0, maxSize);
    if (waiting.length > 0) open();
    if (items.length === 0) return release();
    let present = items.length;
    const leave = () => {
      // As with a call by itself: what nobody waits for any more holds no slot.
      if (--present === 0) release();
    };
    for (const { cancellation, begin } of items) {
      cancellation.onCancel(leave);
      begin();
    }
    // By then, each of them is told that its wait is over: a model that computes at once lets nothing else run.
    await new Promise<void>(process.nextTick);
    await run(items);
    const last = { size: Math.min(maxSize, items.length + waiting.length), until: Number.POSITIVE_INFINITY };
    company = last;
    release();
    // They cannot come again before their answers have left.
    await nextTurn();
    last.until = performance.now() + maxDelayMs;
  }

  /** Settles when nobody else is to be waited for. */
  async function gathered(): Promise<void> {
    const wanted = performance.now() > company.until ? 1 : company.size;
    const isEnough = () => waiting.length >= wanted || waiting.length === 0;
    await everybodyHere();
    if (isEnough()) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, maxDelayMs);
      look = () => {
        if (!isEnough()) return;
        clearTimeout(timer);
        resolve();
      };
    });
    look = () => {};
    await everybodyHere();
  }

  /** Until all is read that sockets hold. */
  async function everybodyHere(): Promise<void> {
    for (let before = 0; waiting.length > before && waiting.length < maxSize; ) {
      before = waiting.length;
      await nextTurn();
    }
  }

  return async (input, invocation, cancellation) => {
    if (waiting.length >= room[stage]) throw queueFull(maxQueue);
    const answer = Promise.withResolvers<unknown>();
    // Of a caller that left while the batch was computed, nobody reads it.
    answer.promise.catch(() => {});
    await cancellation.race(
      new Promise<void>((begin, refuse) => {
        const item = { input, invocation, cancellation, answer, begin, refuse };
        waiting.push(item);
        cancellation.onCancel(() => {
          const place = waiting.indexOf(item);
          if (place < 0) return;
          waiting.splice(place, 1);
          look();
        });
        if (stage === "closed") open();
        else look();
      }),
    );
    return Object.assign(() => {}, { answer: answer.promise });
  };
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
