// The heart of the download: parts of all files through one bounded set of connections, into partial files, each proved
// before it gets its name. Decides what runs when: which files there are is download/files.ts, their order
// download/queue.ts, the pace download/pace.ts, the tries of a part download/transfer.ts, the threads download/lanes.ts,
// what becomes of a file download/course.ts.

import type { FetchStats, PlannedFile } from "../_contracts.ts";
import { Course } from "./course.ts";
import type { Download } from "./download.ts";
import type { Engine, EngineOptions, Progress } from "./engine-options.ts";
import { Files } from "./files.ts";
import { FreezeWatch } from "./freeze-watch.ts";
import { lanesFor } from "./lane-thread.ts";
import { type LaneSlot, LaneSet } from "./lanes.ts";
import { Pace } from "./pace.ts";
import type { Part, PartFile } from "../files/part-file.ts";
import { FileQueue } from "./queue.ts";
import { RetryBudget } from "./retry.ts";
import { Tally } from "./tally.ts";
import { CLOCK, TIMING } from "./timing.ts";
import { type Conditions, type Ending, Transfer } from "./transfer.ts";

export type { Engine, EngineOptions, Progress } from "./engine-options.ts";

const LAMBDA_CONNECTIONS = 8;
const CONNECTIONS = 16;
/**
 * A file of this size is over before its connection has come to speed: what takes time is the way there and back, and
 * more at once take no longer. One connection for so many of them, up to so many times the others.
 */
const TINY_BYTES = 256 * 1024;
const TINY_PER_CONNECTION = 8;
const TINY_FACTOR = 8;
/** Partial files that are open, also those that are being proved: two descriptors each, of Lambda's 1024. */
const MAX_OPEN_FILES = 192;
/** Tries after the first of all parts together: so many in a row, then so many a second. */
const RETRY_BURST = 64;
const RETRIES_PER_SECOND = 20;

/** Begins at the first `add`. */
export const createEngine = (options: EngineOptions): Engine => new Downloads(options);

class Downloads implements Engine {
  readonly done: Promise<FetchStats>;
  readonly #options: EngineOptions;
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #settled = Promise.withResolvers<FetchStats>();
  readonly #files: Files;
  readonly #queue = new FileQueue<Download>();
  readonly #transfers = new Set<Transfer>();
  /** What has to end before `done` settles. */
  readonly #work = new Set<Promise<void>>();
  readonly #conditions: Conditions;
  readonly #pace: Pace;
  readonly #tally: Tally;
  readonly #course: Course;
  readonly #lanes: LaneSet;
  readonly #watch: FreezeWatch;
  readonly #ticker: NodeJS.Timeout;
  /** For parts of large files, and for all when there are few tiny ones. */
  readonly #connections: number;
  readonly #mostConnections: number;
  #tiny = 0;
  #smallRunning = 0;
  #ended = false;
  #over = false;
  /** Of a lazy file: told when those that are not lazy are complete. */
  #lazyFailure: { readonly error: unknown } | undefined;

  constructor(options: EngineOptions) {
    const environment = options.environment ?? process.env;
    const timing = { ...TIMING, ...options.timing };
    const clock = options.clock ?? CLOCK;
    const onLambda = environment["AWS_LAMBDA_FUNCTION_NAME"] !== undefined;
    const connections = options.connections ?? (onLambda ? LAMBDA_CONNECTIONS : CONNECTIONS);
    this.#connections = connections;
    this.#mostConnections = options.connections ?? connections * TINY_FACTOR;
    const counts = { requests: 0, retries: 0 };
    const budget = new RetryBudget(RETRY_BURST, RETRIES_PER_SECOND);
    this.#options = options;
    this.#environment = environment;
    this.#pace = new Pace(connections, timing);
    this.#tally = new Tally(counts);
    this.#course = this.#createCourse();
    const tell = (download: Download, planned: PlannedFile) =>
      this.#track(this.#course.tell(download, planned));
    this.#files = new Files(this.#queue, this.#tally, tell);
    this.#lanes = new LaneSet({
      file: options.laneFile,
      early: options.earlyLane,
      connections: this.#mostConnections,
      timing,
      environment,
      onLost: (what) => options.onLog?.(`${what}; the download goes on without it`),
    });
    this.#watch = new FreezeWatch(clock, timing.frozenMs);
    const thawed = () => this.#thawed();
    this.#conditions = { timing, clock, pace: this.#pace, budget, counts, thawed };
    this.#ticker = setInterval(() => this.#tick(clock.now()), timing.tickMs);
    this.done = this.#settled.promise;
    // Who awaits it hears of it; nobody else's process ends because of it.
    this.done.catch(() => {});
  }

  add(files: readonly PlannedFile[]): void {
    if (this.#over) return;
    this.#files.add(this.#lazyFailure ? files.filter(({ entry }) => !entry.lazy) : files);
    for (const { file } of files) if (file.size <= TINY_BYTES) this.#tiny++;
    this.#pace.widen(Math.min(this.#mostConnections, Math.ceil(this.#tiny / TINY_PER_CONNECTION)));
    const left = this.#tally.totalBytes - this.#tally.bytes;
    this.#lanes.grow(this.#options.lanes ?? lanesFor(left, this.#environment));
    this.#pump();
  }

  end(): void {
    this.#ended = true;
    this.#pump();
  }

  hurry(path: string): void {
    this.#files.hurry(path);
    this.#pump();
  }

  progress(): Progress {
    let { bytes } = this.#tally;
    for (const transfer of this.#transfers) bytes += transfer.received;
    const { totalBytes, totalFiles, stats } = this.#tally;
    return { bytes, totalBytes, files: stats.files, totalFiles, connections: this.#pace.active };
  }

  stats(): FetchStats {
    return this.#tally.stats;
  }

  stop(reason: Error): void {
    this.#finish({ error: reason });
  }

  #createCourse(): Course {
    return new Course(this.#options, this.#tally, {
      opened: (download) => this.#queue.opened(download),
      putBack: (download, index) => this.#queue.putBack(download, index),
      forget: (download) => this.#queue.forget(download),
      again: (download) => {
        this.#queue.forget(download);
        this.#files.enqueue(download);
      },
      replace: (download, planned) => this.#files.replace(download, planned),
      complete: (download) => {
        this.#tally.settled(download);
        this.#settleLazy();
      },
      fail: (download, error) => this.#fail(download, error),
      track: (work) => this.#track(work),
      isOver: () => this.#over,
    });
  }

  #pump(): void {
    if (this.#over) return;
    while (this.#startNext());
    while (this.#course.openFiles < MAX_OPEN_FILES) {
      const download = this.#queue.nextToOpen(this.#pace.allowed);
      if (!download) break;
      this.#track(this.#course.open(download));
    }
    if (this.#ended && this.#tally.pending === 0 && this.#work.size === 0) this.#finish(undefined);
  }

  #startNext(): boolean {
    if (!this.#pace.tryEnter()) return false;
    const slot = this.#lanes.take();
    const large = this.#transfers.size - this.#smallRunning < this.#connections;
    const next = slot && this.#queue.take(this.#smallRunning, this.#pace.allowed, large);
    if (next) this.#start(next.file, next.index, slot);
    else {
      if (slot) this.#lanes.release(slot);
      this.#pace.leave();
    }
    return next !== undefined;
  }

  #start(download: Download, index: number, slot: LaneSlot): void {
    const file = download.part as PartFile;
    const transfer = new Transfer(
      {
        planned: download.first,
        file,
        part: file.parts[index] as Part,
        path: this.#course.pathOf(download),
        slot,
        fresh: download.wrong.has(index),
        again: (since, now) => download.again(since, now),
      },
      this.#conditions,
    );
    this.#transfers.add(transfer);
    download.taken.add(transfer);
    if (download.small) this.#smallRunning++;
    this.#track(
      transfer.run().then((ending) => {
        this.#transfers.delete(transfer);
        if (download.small) this.#smallRunning--;
        this.#lanes.release(slot);
        download.release(transfer);
        this.#onEnding(download, index, ending);
      }),
    );
  }

  #onEnding(download: Download, index: number, ending: Ending): void {
    if (this.#over || download.dropped) return;
    switch (ending.kind) {
      case "in":
        return this.#course.partIn(download, index, ending.checksum);
      case "lost":
        return this.#queue.putBack(download, index);
      case "changed":
        return this.#track(this.#course.changed(download, ending.error));
      case "failed":
        return this.#fail(download, ending.error);
      case "cancelled":
    }
  }

  /** Lazy files do not take those down that a model waits for. */
  #fail(download: Download, error: unknown): void {
    if (this.#over) return;
    if (!download.lazy) return this.#finish({ error });
    this.#lazyFailure ??= { error };
    this.#files.dropLazy();
    this.#settleLazy();
  }

  #settleLazy(): void {
    if (this.#lazyFailure && this.#tally.eagerPending === 0) this.#finish(this.#lazyFailure);
  }

  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => this.#finish({ error }))
      .finally(() => {
        this.#work.delete(tracked);
        this.#pump();
      });
    this.#work.add(tracked);
  }

  /** @param failure `undefined`: all is there */
  #finish(failure: { readonly error: unknown } | undefined): void {
    if (this.#over) return;
    this.#over = true;
    clearInterval(this.#ticker);
    const { resolve, reject } = this.#settled;
    this.#close(failure?.error).then(() => (failure ? reject(failure.error) : resolve(this.stats())), reject);
  }

  async #close(error: unknown): Promise<void> {
    for (const transfer of this.#transfers) transfer.cancel();
    this.#pace.open();
    await Promise.allSettled(this.#work);
    await this.#lanes.close();
    await this.#course.close(error);
  }

  #tick(now: number): void {
    if (this.#thawed()) return;
    this.#pace.tick(now);
    if (this.#queue.empty) for (const transfer of this.#transfers) transfer.hurry(now);
    this.#pump();
  }

  #thawed(): boolean {
    if (!this.#watch.look()) return false;
    this.#options.onLog?.("the process was frozen: every connection is made anew");
    this.#lanes.thaw();
    return true;
  }
}
