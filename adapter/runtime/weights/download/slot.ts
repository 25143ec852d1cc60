// What one job of a lane has: its memory, its checksum, its place in the file, and how far it is, which the engine reads
// from another thread. Writing is here, and what a disk refuses; receiving is download/lane.ts.

import { writeSync } from "node:fs";
import { createChecksum } from "../files/checksum.ts";
import type { Connection } from "./connection.ts";
import type { Job } from "./job.ts";
import type { Ticket } from "./pool.ts";

const NO_BYTES = new Uint8Array();

/** The disk's fault, of the side that is read or the one that is written to. */
export class DiskError extends Error {
  readonly code: string;
  readonly side: "source" | "target";

  constructor(side: "source" | "target", cause: unknown) {
    const { code = "FAILED", message } = cause as NodeJS.ErrnoException;
    super(message, { cause });
    this.code = code;
    this.side = side;
  }
}

export class Slot {
  slab: Uint8Array = NO_BYTES;
  checksum: { update(bytes: Uint8Array): void; digest(): string } | undefined;
  fd = -1;
  offset = 0;
  requests = 0;
  cancelled = false;
  ticket: Ticket | undefined;
  /** What a job that is moved goes on on. */
  next: Connection | undefined;
  url: URL | undefined;
  readonly #index: number;
  readonly #offsets: Float64Array;

  constructor(index: number, offsets: Float64Array) {
    this.#index = index;
    this.#offsets = offsets;
  }

  begin({ fd, start, algorithm, resume }: Job, slab: Uint8Array): void {
    if (!resume) this.checksum = algorithm && createChecksum(algorithm);
    this.slab = slab;
    this.fd = fd;
    this.requests = 0;
    this.cancelled = false;
    this.offset = start;
    this.#offsets[this.#index] = start;
  }

  /** Synchronous: on few cores a thread that waits costs more than the write, and nothing has to be paused. */
  write(bytes: Uint8Array): void {
    this.checksum?.update(bytes);
    for (let at = 0; at < bytes.length; ) {
      try {
        at += writeSync(this.fd, bytes, at, bytes.length - at, this.offset + at);
      } catch (error) {
        throw new DiskError("target", error);
      }
    }
    this.offset += bytes.length;
    this.#offsets[this.#index] = this.offset;
  }
}
