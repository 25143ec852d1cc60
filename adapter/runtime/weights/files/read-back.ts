// Reads what was written to a file back from the page cache, a slice at a time, so that a long hash never holds up the
// downloads of the same thread.

import { readSync } from "node:fs";

/** At 1.5 GB/s, SHA-256 takes two thirds of a millisecond for it. */
const SLICE_BYTES = 2 ** 20;

let slice: Uint8Array | undefined;

let turn: Promise<void> = Promise.resolve();

/** One slice of all files of this thread in each round of the event loop. */
function nextTurn(): Promise<void> {
  turn = turn.then(() => new Promise((resolve) => setImmediate(resolve)));
  return turn;
}

/**
 * Read the bytes `start` to `end` (exclusive).
 * @param use sees each slice once; it is overwritten by the next
 * @param stopped asked before every read; `true` ends the reading
 */
export async function readSlices(
  fd: number,
  start: number,
  end: number,
  use: (bytes: Uint8Array) => void,
  stopped: () => boolean = () => false,
): Promise<void> {
  for (let at = start; at < end; ) {
    await nextTurn();
    if (stopped()) return;
    slice ??= Buffer.allocUnsafeSlow(SLICE_BYTES);
    const length = readSync(fd, slice, 0, Math.min(SLICE_BYTES, end - at), at);
    if (length === 0) throw new Error(`the file ends at byte ${at}, before ${end}: somebody has cut it`);
    use(slice.subarray(0, length));
    at += length;
  }
}

/** Readings of one file, one after another in the order they were asked for. */
export class ReadBack {
  readonly #fd: number;
  #tail: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** @param done runs after the last slice */
  add(start: number, end: number, use: (bytes: Uint8Array) => void, done: () => void = () => {}): void {
    this.#tail = this.#tail.then(async () => {
      await readSlices(this.#fd, start, end, use, () => this.#stopped);
      if (!this.#stopped) done();
    });
    // Told by `settled`, to who asks.
    this.#tail.catch(() => {});
  }

  /** When all of them are over; rejects with the first error. */
  settled(): Promise<void> {
    return this.#tail;
  }

  /** From now on the file is not read any more. */
  stop(): void {
    this.#stopped = true;
  }
}
