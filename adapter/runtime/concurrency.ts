// `runtime.predict_concurrency`: how many calls of predict run at once in one environment, first come first served.

import type { Cancellation } from "./call.ts";

/** Waits for a slot, and resolves with what gives it back. Who is cancelled while waiting leaves the queue. */
export type TakeSlot = (cancellation: Cancellation) => Promise<() => void>;

/** A counting semaphore with a fair queue. */
export function createSlots(free: number): TakeSlot {
  // Each hands the slot to one waiting caller, and says whether that one was still there.
  const queue: (() => boolean)[] = [];

  return async (cancellation) => {
    if (free > 0) free--;
    else {
      await cancellation.race(
        new Promise<void>((resolve) => {
          queue.push(() => {
            resolve();
            return !cancellation.reason;
          });
        }),
      );
    }
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      for (let hand = queue.shift(); hand; hand = queue.shift()) if (hand()) return;
      free++;
    };
  };
}
