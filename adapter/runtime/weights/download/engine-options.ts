// What a download is asked for, and what it shows of itself. Types only; the download is download/engine.ts.

import type { FetchStats, PlannedFile } from "../_contracts.ts";
import type { CourseOptions } from "./course.ts";
import type { EarlyLane } from "./lanes.ts";
import type { Clock, Timing } from "./timing.ts";

export interface EngineOptions extends CourseOptions {
  /** Of the data; files appear in its folder `blobs`. */
  readonly root: string;
  /** `false`: only lengths and ETags are checked. */
  readonly verify: boolean;
  /** Requests at once, at most. Absent: 8 on Lambda, else 16, and for many tiny files up to eight times as many. */
  readonly connections?: number;
  /** Threads that receive. Absent: 2 for many bytes on a machine that has the cores. The first is the caller's own. */
  readonly lanes?: number;
  /** What the other threads run; calls `runLane` when `workerData.coldframe` is "lane". */
  readonly laneFile: string;
  /** The first of the other threads, if it was started already. Whoever did that ends it where it was not needed. */
  readonly earlyLane?: EarlyLane | undefined;
  /** A file is complete and has its name; awaited, and what it throws ends the download. */
  onFile(planned: PlannedFile): unknown;
  /** It is not what it was: what it is now, or nothing, which ends the download. Absent: nothing. Asked once a file. */
  onChanged?(planned: PlannedFile): Promise<PlannedFile | undefined>;
  /** What an operator may want to know and nobody has to act on. */
  onLog?(message: string): void;
  /** For proxies, certificates and Lambda's own variables. Absent: the process's. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly timing?: Partial<Timing>;
  readonly clock?: Clock;
}

export interface Progress {
  readonly bytes: number;
  readonly totalBytes: number;
  readonly files: number;
  readonly totalFiles: number;
  /** In use. */
  readonly connections: number;
}

/** A download that is going on. */
export interface Engine {
  /** More files; also while others are being fetched. */
  add(files: readonly PlannedFile[]): void;
  /** There will be no more. */
  end(): void;
  /** What is missing of this file comes next; also of one that is added later. */
  hurry(path: string): void;
  /**
   * Settles when nothing is running any more and nothing is open.
   * @throws every code of WEIGHTS_*, and the reason given to `stop`
   */
  readonly done: Promise<FetchStats>;
  progress(): Progress;
  /** As far as it has come. */
  stats(): FetchStats;
  /** What is there of files that are not complete is kept for the next time. */
  stop(reason: Error): void;
}
