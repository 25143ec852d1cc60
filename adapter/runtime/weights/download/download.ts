// One file on its way through the engine: into which parts it is cut, which of them are free, taken and in. Knows
// neither connections nor other files.

import type { PlannedFile, RemoteFile } from "../_contracts.ts";
import type { PartFile } from "../files/part-file.ts";
import type { Queued } from "./queue.ts";
import { MAX_AGAIN } from "./retry.ts";

/** Of a request: S3's own clients found nothing larger to be faster. */
const MIN_PART_BYTES = 8 * 1024 * 1024;
const MAX_PART_BYTES = 64 * 1024 * 1024;

/** What is taken of it at the moment. */
export interface Taken {
  cancel(): void;
}

export class Download implements Queued {
  /** More than one when the same content goes to several paths. */
  readonly planned: PlannedFile[];
  lazy: boolean;
  readonly partBytes: number;
  readonly free: number[] = [];
  readonly taken = new Set<Taken>();
  part: PartFile | undefined;
  /** Parts that are not in yet. */
  left = 0;
  /** Bytes of the others. */
  bytesIn = 0;
  #agains = 0;
  #againAt = Number.NEGATIVE_INFINITY;
  /** It has been looked up once more, because it had changed. */
  readonly restarted: boolean;
  /** It has been fetched once more, because the whole was wrong. */
  refetched = false;
  /** Parts that have been fetched once more. */
  readonly wrong = new Set<number>();
  complete = false;
  /** Nothing of it is to be taken any more: it is being given up or looked up again. */
  dropped = false;
  #idle: (() => void) | undefined;

  constructor(planned: PlannedFile, lazy: boolean, restarted = false) {
    this.planned = [planned];
    this.lazy = lazy;
    this.restarted = restarted;
    this.partBytes = partBytesOf(planned.file);
  }

  get first(): PlannedFile {
    return this.planned[0] as PlannedFile;
  }

  get size(): number {
    return this.first.file.size;
  }

  get small(): boolean {
    return this.size <= this.partBytes;
  }

  /** What `openPartFile` gave for it. */
  opened(part: PartFile): void {
    this.part = part;
    this.free.push(...part.missing);
    this.left = part.missing.length;
    this.bytesIn = part.missing.reduce((bytes, index) => bytes - lengthOf(part, index), this.size);
  }

  /**
   * Its source has said that the next target is another one. All requests that were on their way then say so, and count
   * once. @param since when the request began. @returns `false`: too often without a part in between
   */
  again(since: number, now: number): boolean {
    if (since <= this.#againAt) return true;
    this.#againAt = now;
    return ++this.#agains <= MAX_AGAIN;
  }

  /** A part is in. Returns its bytes. */
  arrived(index: number): number {
    this.#agains = 0;
    const bytes = lengthOf(this.part as PartFile, index);
    this.left--;
    this.bytesIn += bytes;
    return bytes;
  }

  release(taken: Taken): void {
    this.taken.delete(taken);
    if (this.taken.size === 0) this.#idle?.();
  }

  /** Ends what is taken of it; once nothing is, nothing is written any more. */
  async drop(): Promise<void> {
    this.dropped = true;
    this.free.length = 0;
    if (this.taken.size === 0) return;
    const idle = new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
    for (const taken of this.taken) taken.cancel();
    await idle;
  }
}

function lengthOf({ parts }: PartFile, index: number): number {
  const { start, end } = parts[index] as PartFile["parts"][number];
  return end - start;
}

/**
 * How large the parts of a file are: of an S3 multipart object whole parts of the upload, because a range that crosses
 * them is slower.
 */
export function partBytesOf({ size, partSize, ranges, blocks }: RemoteFile): number {
  // In one piece; a multiple of the blocks, which parts are cut along.
  if (ranges === false) return Math.max(1, blocks ? Math.ceil(size / blocks.size) * blocks.size : size);
  if (!partSize || partSize <= 0) return MIN_PART_BYTES;
  if (partSize <= MAX_PART_BYTES) return partSize * Math.ceil(MIN_PART_BYTES / partSize);
  for (let pieces = Math.ceil(partSize / MAX_PART_BYTES); partSize / pieces >= MIN_PART_BYTES; pieces++) {
    if (partSize % pieces === 0) return partSize / pieces;
  }
  return MAX_PART_BYTES;
}
