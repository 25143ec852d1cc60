// A stream of items, and somebody who is told when its first item and its end are there. Reading them costs an
// observer's deployment two more turns of the microtask queue an item, and no other.

import { Items } from "../stream.ts";

export interface ItemsWatch {
  first(): void;
  /** Once: they are all there, they failed with `error`, or nobody reads on. */
  end(error?: unknown): void;
  /** Asks the model for its next item. Default: just so. */
  ask?<T>(next: () => T): T;
}

/** The same items. */
export function watched<T>(items: Items<T>, { first, end, ask = (next) => next() }: ItemsWatch): Items<T> {
  let begun = false;
  let over = false;
  const finish = (error?: unknown) => {
    if (over) return;
    over = true;
    end(error);
  };
  const next = async (): Promise<IteratorResult<T>> => {
    try {
      const result = await ask(items.next);
      if (result.done) finish();
      else if (!begun) {
        begun = true;
        first();
      }
      return result;
    } catch (error) {
      finish(error);
      throw error;
    }
  };
  const stop = () => {
    finish();
    return items.return();
  };
  return new Items(next, stop);
}
