// A lane: the connections and the memory of one thread, and what they do with a part: receive it, compute its checksum
// while it is in the cache, write it to its place in the file. One attempt at a time; what follows a failure is for
// download/transfer.ts to decide. In a thread of its own it is run by download/run-lane.ts.

import { close, fstat, open, read } from "node:fs";
import { promisify } from "node:util";
import { ColdframeError } from "../../errors.ts";
import { allocateSlabs } from "../files/checksum.ts";
import { type Connection, MAX_ERROR_BYTES } from "./connection.ts";
import type { HttpAnswer } from "../_contracts.ts";
import { WireError } from "./http.ts";
import type { HttpPlace, Job, JobResult, LocalPlace } from "./job.ts";
import { Pool, Ticket } from "./pool.ts";
import { DiskError, Slot } from "./slot.ts";
import type { Timing } from "./timing.ts";

export interface LaneOptions {
  /** How many jobs at once; each has a slab. */
  readonly slots: number;
  readonly timing: Timing;
  /** For proxies and certificates. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Shared memory; cell `slot` is the offset of the job there. */
  readonly offsets: Float64Array;
}

/** Where throughput stops growing, while a dozen of them stay in the processor's cache. A multiple of the page. */
const SLAB_BYTES = 512 * 1024;
/** Slabs that are allocated together; most lanes use few of their slots. */
const SLAB_GROUP = 8;

const CANCELLED = new Error("the job was cancelled");
const AWAY = new Error("the process was frozen");
const MOVED = new Error("the job goes on on another connection");
const CLOSED = new Error("the lane is closed");

export class Lane {
  readonly #slots: readonly Slot[];
  readonly #pool: Pool;
  /** Of the slots, a group at a time. The system gives the memory when it is first written to. */
  readonly #slabs: (readonly Uint8Array[])[] = [];
  /** Where a CRC that Node does not have is computed without a copy. */
  readonly #wideSlabs: (readonly Uint8Array[])[] = [];
  /** Counts thaws. */
  #epoch = 0;

  constructor({ slots, timing, environment, offsets }: LaneOptions) {
    this.#slots = Array.from({ length: slots }, (_, index) => new Slot(index, offsets));
    this.#pool = new Pool(environment, timing);
  }

  /** One job at a time in a slot. Never rejects; nothing is written after it has settled. */
  async run(index: number, job: Job): Promise<JobResult> {
    const slot = this.#slots[index] as Slot;
    const epoch = this.#epoch;
    try {
      slot.begin(job, this.#slab(index, job.algorithm));
      const end = await (job.from.kind === "http"
        ? this.#fetch(slot, job, job.from)
        : this.#copy(slot, job, job.from));
      return { ...end, requests: slot.requests, offset: slot.offset };
    } catch (error) {
      const { requests, offset } = slot;
      if (slot.cancelled) return { kind: "cancelled", requests, offset };
      if (epoch !== this.#epoch) return { kind: "away", requests, offset };
      return { ...describe(error), requests, offset };
    } finally {
      slot.ticket = undefined;
      // It was over before it could move.
      if (slot.next) this.#pool.release(slot.next);
      slot.next = undefined;
    }
  }

  /** The job ends soon, as `cancelled` if it was not over. */
  cancel(index: number): void {
    const slot = this.#slots[index] as Slot;
    slot.cancelled = true;
    slot.ticket?.cancel(CANCELLED);
  }

  /** The job goes on from where it is on a new connection, as soon as there is one; the old one is used until then. */
  async move(index: number): Promise<void> {
    const slot = this.#slots[index] as Slot;
    const { ticket, url } = slot;
    if (!ticket || !url || slot.next) return;
    let connection: Connection;
    try {
      connection = await this.#pool.open(url);
    } catch {
      return;
    }
    if (slot.ticket !== ticket || slot.next) return this.#pool.release(connection);
    slot.next = connection;
    ticket.cancel(MOVED);
  }

  /** The process was frozen: no connection can be trusted any more. */
  thaw(): void {
    this.#epoch++;
    this.#pool.reset(AWAY);
  }

  /** Ends its jobs, too. */
  async close(): Promise<void> {
    for (const slot of this.#slots) slot.cancelled = true;
    this.#pool.close(CLOSED);
  }

  #slab(index: number, algorithm: Job["algorithm"]): Uint8Array {
    const wide = algorithm === "crc32c" || algorithm === "crc64nvme";
    const groups = wide ? this.#wideSlabs : this.#slabs;
    const group = Math.floor(index / SLAB_GROUP);
    const count = Math.min(SLAB_GROUP, this.#slots.length - group * SLAB_GROUP);
    groups[group] ??= allocateSlabs(count, SLAB_BYTES, { wasm: wide });
    return groups[group][index % SLAB_GROUP] as Uint8Array;
  }

  async #fetch(
    slot: Slot,
    job: Job,
    from: HttpPlace,
  ): Promise<{ kind: "done"; checksum: string | undefined } | Ending> {
    const url = new URL(from.url);
    slot.url = url;
    let on: Connection | "new" | undefined = job.fresh ? "new" : undefined;
    while (slot.offset < job.end) {
      const plain = from.whole && slot.offset === 0;
      const range = plain ? undefined : { start: slot.offset, end: job.end };
      const { etag, size } = from;
      const headers: Record<string, string> = { ...from.headers };
      if (range) headers["range"] = `bytes=${range.start}-${range.end - 1}`;
      // A weak one never matches.
      if (etag !== undefined && !etag.startsWith("W/")) headers["if-match"] = etag;
      const ticket = new Ticket();
      slot.ticket = ticket;
      slot.requests++;
      try {
        const outcome = await this.#pool.exchange(
          {
            method: "GET",
            url,
            headers,
            data: { expected: { range, size, etag }, sink: slot },
            maxBytes: MAX_ERROR_BYTES,
          },
          { ticket, on },
        );
        if (outcome.kind === "changed") return outcome;
        if (outcome.kind === "answer") return { kind: "answer", answer: outcome.answer };
      } catch (error) {
        if (error !== MOVED || slot.cancelled) throw error;
        on = slot.next;
        slot.next = undefined;
      }
    }
    return { kind: "done", checksum: slot.checksum?.digest() };
  }

  /** Through the thread pool: a network file system is slow one read at a time. */
  async #copy(
    slot: Slot,
    job: Job,
    from: LocalPlace,
  ): Promise<{ kind: "done"; checksum: string | undefined } | Ending> {
    const failed = (error: unknown): never => {
      throw error instanceof DiskError ? error : new DiskError("source", error);
    };
    const source = await promisify(open)(from.path, "r").catch(failed);
    const readAsync = promisify(read);
    try {
      const { size } = await promisify(fstat)(source).catch(failed);
      if (size !== from.size) return { kind: "changed", found: `a size of ${size}` };
      while (slot.offset < job.end) {
        if (slot.cancelled) throw CANCELLED;
        const wanted = Math.min(slot.slab.length, job.end - slot.offset);
        const { bytesRead } = await readAsync(source, slot.slab, 0, wanted, slot.offset).catch(failed);
        if (bytesRead === 0) return { kind: "changed", found: `no bytes after ${slot.offset}` };
        slot.write(slot.slab.subarray(0, bytesRead));
      }
    } finally {
      await promisify(close)(source);
    }
    return { kind: "done", checksum: slot.checksum?.digest() };
  }
}

type Ending = { kind: "changed"; found: string } | { kind: "answer"; answer: HttpAnswer };

function describe(error: unknown) {
  if (error instanceof WireError) return { kind: "cut", what: error.message, fatal: error.fatal } as const;
  if (error instanceof DiskError) {
    return { kind: "disk", side: error.side, code: error.code, what: error.message } as const;
  }
  if (error instanceof ColdframeError) {
    return { kind: "refused", code: error.code, what: error.message, fix: error.fix ?? "" } as const;
  }
  return { kind: "broken", what: error instanceof Error ? error.message : String(error) } as const;
}
