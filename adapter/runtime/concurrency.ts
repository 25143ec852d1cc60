// `runtime.predict_concurrency`: how many calls of predict run at once in one environment, first come first served.

import type { Cancellation } from "./call.ts";
import { ColdframeError } from "./errors.ts";
import type { Invocation, VendorMember } from "./model.ts";

/**
 * What gives a slot back: at once when one is free, else when one is. Who is cancelled while waiting leaves the queue.
 * @throws QUEUE_FULL
 */
export type TakeSlot = (cancellation: Cancellation) => (() => void) | Promise<() => void>;

/** A slot for one call of a member of the model, or a place in a batch of them; see batch.ts. */
export type TakeTurn = (
  cancellation: Cancellation,
  member: "predict" | VendorMember,
  input: unknown,
  invocation: Invocation,
) => Turn | Promise<Turn>;

/** Gives the slot back. */
export interface Turn {
  (): void;
  /** Of a place in a batch: the model's own answer, which takes the place of a call. */
  readonly answer?: Promise<unknown>;
}

export const queueFull = (maxQueue: number): ColdframeError =>
  new ColdframeError("QUEUE_FULL", `${maxQueue} calls are waiting already; try again shortly.`);

/**
 * A counting semaphore with a fair queue.
 * @param maxQueue how many may wait; who comes then is refused with QUEUE_FULL
 */
export function createSlots(free: number, maxQueue = Infinity): TakeSlot {
  // Each hands the slot to one waiting caller.
  const queue: (() => void)[] = [];

  function giveBack(): void {
    const hand = queue.shift();
    if (hand) hand();
    else free++;
  }

  function slot(): () => void {
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      giveBack();
    };
  }

  return (cancellation) => {
    if (free > 0) {
      free--;
      return slot();
    }
    if (queue.length >= maxQueue) throw queueFull(maxQueue);
    const handed = new Promise<void>((resolve, reject) => {
      queue.push(resolve);
      cancellation.onCancel((reason) => {
        const at = queue.indexOf(resolve);
        if (at >= 0) queue.splice(at, 1);
        reject(reason);
      });
    });
    return handed.then(() => {
      if (!cancellation.reason) return slot();
      // Left after it was handed the slot and before it could take it: both can come from one closing connection.
      giveBack();
      throw cancellation.reason;
    });
  };
}
