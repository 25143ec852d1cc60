// The lanes of an engine, seen from it: the first in its own thread, the others in threads of their own. How many there
// should be is download/lane-thread.ts; what a lane does is download/lane.ts.

import { type MessagePort, Worker } from "node:worker_threads";
import type { Job, JobResult } from "./job.ts";
import { Lane, type LaneOptions } from "./lane.ts";
import { startLaneThread } from "./lane-thread.ts";
import type { FromLane, ToLane } from "./run-lane.ts";
import type { Timing } from "./timing.ts";

/** What the engine asks of a lane, wherever it runs. */
export interface LaneHandle {
  readonly slots: number;
  run(slot: number, job: Job): Promise<JobResult>;
  cancel(slot: number): void;
  move(slot: number): void;
  thaw(): void;
  /** Once no job is running. */
  close(): Promise<void>;
  /** Of a thread that has ended: it takes no more jobs. */
  readonly lost: boolean;
}

/** A thread for a lane that was started before it was known to be needed, which hides the time that takes. */
export interface EarlyLane {
  /** Where the lane listens. */
  readonly port: MessagePort;
  /** Resolves when the thread is gone, or never was. */
  readonly gone: Promise<void>;
}

/** What a thread without jobs may take to end by itself. */
const CLOSE_MS = 1000;

/** A lane in this thread. */
export function openLane(options: LaneOptions): LaneHandle {
  const lane = new Lane(options);
  return {
    slots: options.slots,
    lost: false,
    run: (slot, job) => lane.run(slot, job),
    cancel: (slot) => lane.cancel(slot),
    move: (slot) => void lane.move(slot),
    thaw: () => lane.thaw(),
    close: () => lane.close(),
  };
}

/** A lane in a thread of its own: in the early one, or in a new one that runs `file`. */
export function startLane(
  file: string | EarlyLane,
  options: LaneOptions,
  onLost: (what: string) => void,
): LaneHandle {
  const line = typeof file === "string" ? startLaneThread(file) : file.port;
  const waiting = new Map<number, (result: JobResult) => void>();
  const starts = new Map<number, number>();
  let lost = false;
  const exited =
    typeof file === "string"
      ? new Promise<void>((resolve) => line.once("exit", () => resolve()))
      : file.gone.then(() => lose("a thread of the download has ended"));
  const post = (message: ToLane) => line.postMessage(message);

  function lose(what: string): void {
    if (lost) return;
    lost = true;
    // Of its memory nothing is left: what a slot had of a part counts for nothing.
    for (const [slot, resolve] of waiting)
      resolve({ kind: "broken", what, requests: 0, offset: starts.get(slot) ?? 0 });
    waiting.clear();
    onLost(what);
  }

  line.on("message", ({ slot, result }: FromLane) => {
    const resolve = waiting.get(slot);
    waiting.delete(slot);
    resolve?.(result);
  });
  if (line instanceof Worker) {
    line.on("error", (error: Error) => lose(`a thread of the download failed: ${error.message}`));
    line.on("exit", (code) => lose(`a thread of the download ended with exit code ${code}`));
  }
  post({ kind: "open", ...options });

  return {
    slots: options.slots,
    get lost() {
      return lost;
    },
    run(slot, job) {
      if (lost) {
        return Promise.resolve({
          kind: "broken",
          what: "its thread is gone",
          requests: 0,
          offset: job.start,
        });
      }
      return new Promise((resolve) => {
        waiting.set(slot, resolve);
        starts.set(slot, job.start);
        post({ kind: "run", slot, job });
      });
    },
    cancel: (slot) => post({ kind: "cancel", slot }),
    move: (slot) => post({ kind: "move", slot }),
    thaw: () => post({ kind: "thaw" }),
    async close() {
      if (!lost) post({ kind: "close" });
      lost = true;
      const timer = setTimeout(() => {
        if (line instanceof Worker) void line.terminate();
        else line.close();
      }, CLOSE_MS);
      await exited;
      clearTimeout(timer);
    },
  };
}

/** Where one job at a time runs. */
export interface LaneSlot {
  readonly lane: LaneHandle;
  readonly index: number;
  /** How far its job has come, in the file. */
  offset: number;
}

export interface LaneSetOptions {
  readonly file: string;
  /** For the second one. */
  readonly early?: EarlyLane | undefined;
  /** Of all lanes together, that are used at once. */
  readonly connections: number;
  readonly timing: Timing;
  readonly environment: Readonly<Record<string, string | undefined>>;
  onLost(what: string): void;
}

interface OpenLane {
  readonly lane: LaneHandle;
  readonly free: LaneSlot[];
}

/** All lanes, as the slots they have. */
export class LaneSet {
  readonly #options: LaneSetOptions;
  readonly #lanes: OpenLane[] = [];

  constructor(options: LaneSetOptions) {
    this.#options = options;
  }

  /** At least `count` lanes; the first in this thread. */
  grow(count: number): void {
    const { file, early, connections, timing, environment, onLost } = this.#options;
    while (this.#lanes.length < count) {
      const first = this.#lanes.length === 0;
      // The first can do it all: the others may come late, or be lost.
      const slots = first ? connections : Math.ceil(connections / count);
      const offsets = new Float64Array(new SharedArrayBuffer(slots * Float64Array.BYTES_PER_ELEMENT));
      const options = { slots, timing, environment: networkSettings(environment), offsets };
      const second = this.#lanes.length === 1;
      const lane = first ? openLane(options) : startLane(second && early ? early : file, options, onLost);
      const free = Array.from({ length: slots }, (_, i) => {
        // Taken from the end: the first ones are used most, and the memory of the others is never touched.
        const index = slots - 1 - i;
        return {
          lane,
          index,
          get offset() {
            return offsets[index] as number;
          },
          set offset(offset: number) {
            offsets[index] = offset;
          },
        };
      });
      this.#lanes.push({ lane, free });
    }
  }

  /** A slot of the lane that has least to do. */
  take(): LaneSlot | undefined {
    let best: OpenLane | undefined;
    const busy = ({ lane, free }: OpenLane) => lane.slots - free.length;
    for (const candidate of this.#lanes) {
      if (candidate.lane.lost || candidate.free.length === 0) continue;
      if (best === undefined || busy(candidate) < busy(best)) best = candidate;
    }
    return best?.free.pop();
  }

  release(slot: LaneSlot): void {
    this.#lanes.find(({ lane }) => lane === slot.lane)?.free.push(slot);
  }

  thaw(): void {
    for (const { lane } of this.#lanes) if (!lane.lost) lane.thaw();
  }

  /** Once no job is running. */
  async close(): Promise<void> {
    await Promise.all(this.#lanes.map(({ lane }) => lane.close()));
  }
}

/** What connections are made with; of the rest, other threads have no need to know. */
function networkSettings(environment: LaneOptions["environment"]): LaneOptions["environment"] {
  const names = /^(https?_proxy|all_proxy|no_proxy|aws_ca_bundle|node_extra_ca_certs)$/i;
  return Object.fromEntries(Object.entries(environment).filter(([name]) => names.test(name)));
}
