// One part, from the moment it is taken until it is in: try, and try again what may go better, as the source judges its
// answers and the rules of download/retry.ts say. What becomes of the file is the engine's business.

import { ColdframeError } from "../../errors.ts";
import type { HttpSource, PlannedFile } from "../_contracts.ts";
import type { Taken } from "./download.ts";
import { changed, diskFailed, sourceUnreadable, unreachable } from "./failures.ts";
import type { Job, JobResult } from "./job.ts";
import type { LaneSlot } from "./lanes.ts";
import type { Pace } from "./pace.ts";
import type { Part, PartFile } from "../files/part-file.ts";
import { MAX_TRIES, pause, type RetryBudget, retryAfterMs, waitMs } from "./retry.ts";
import type { Clock, Timing } from "./timing.ts";

/** What all transfers of an engine share. */
export interface Conditions {
  readonly timing: Timing;
  readonly clock: Clock;
  readonly pace: Pace;
  readonly budget: RetryBudget;
  readonly counts: { requests: number; retries: number };
  /** The process was frozen and nobody has noticed yet. */
  thawed(): boolean;
}

export type Ending =
  | { readonly kind: "in"; readonly checksum: string | undefined }
  | { readonly kind: "cancelled" }
  | { readonly kind: "changed"; readonly error: Error }
  | { readonly kind: "failed"; readonly error: unknown }
  /** Its lane is gone: another may have it. */
  | { readonly kind: "lost" };

/** A try that brought so much was none in vain. */
const PROGRESS_BYTES = 1024 * 1024;
/** How often a part may change its connection because it is late. */
const MAX_MOVES = 3;

export interface TransferOf {
  readonly planned: PlannedFile;
  readonly file: PartFile;
  readonly part: Part;
  /** Of the file, for messages. */
  readonly path: string;
  readonly slot: LaneSlot;
  /** Not on a connection that was used before: the last one brought wrong bytes. */
  readonly fresh: boolean;
  /** Counts an "again" of the file; `false`: too many. @param since when the request began. @param now when it was answered */
  again(since: number, now: number): boolean;
}

export class Transfer implements Taken {
  readonly of: TransferOf;
  readonly #conditions: Conditions;
  readonly #cancellation = Promise.withResolvers<void>();
  #cancelled = false;
  #pause: { end(): void } | undefined;
  #offset: number;
  #running = false;
  #beganAt = 0;
  #moves = 0;

  constructor(of: TransferOf, conditions: Conditions) {
    this.of = of;
    this.#conditions = conditions;
    this.#offset = of.part.start;
  }

  /** Ends soon, as `cancelled`. */
  cancel(): void {
    this.#cancelled = true;
    this.#cancellation.resolve();
    this.#pause?.end();
    if (this.#running) this.of.slot.lane.cancel(this.of.slot.index);
  }

  /** Bytes of the part that are there. */
  get received(): number {
    return this.#running ? this.of.slot.offset - this.of.part.start : this.#offset - this.of.part.start;
  }

  /** At the end of a download: what is late goes on on another connection. */
  hurry(now: number): void {
    const { part, planned, slot } = this.of;
    if (!this.#running || planned.source.kind !== "http" || planned.file.ranges === false) return;
    if (this.#moves >= MAX_MOVES) return;
    if (!this.#conditions.pace.isLate(part.end - this.#offset, now - this.#beganAt)) return;
    this.#moves++;
    // The new connection has its own time.
    this.#beganAt = now;
    slot.lane.move(slot.index);
  }

  /** The caller has entered the pace. Never rejects; nothing is written after it has settled. */
  async run(): Promise<Ending> {
    let holding = true;
    const { pace } = this.#conditions;
    try {
      let tries = 0;
      for (let { fresh } = this.of; !this.#cancelled; ) {
        const at = this.#offset;
        const step = await this.#attempt(fresh);
        if (step.kind === "again") {
          fresh = false;
          continue;
        }
        if (step.kind !== "wait") return step;
        fresh = true;
        tries = this.#offset - at >= PROGRESS_BYTES ? 1 : tries + 1;
        if (tries >= MAX_TRIES || step.fatal) return { kind: "failed", error: this.#gaveUp(step, tries) };
        pace.leave();
        holding = false;
        await this.#wait(step, tries);
        await pace.enter();
        holding = true;
      }
      return { kind: "cancelled" };
    } catch (error) {
      return { kind: "failed", error };
    } finally {
      if (holding) pace.leave();
    }
  }

  async #attempt(fresh: boolean): Promise<Ending | Wait | { readonly kind: "again" }> {
    const { planned, slot, part, file } = this.of;
    const { source } = planned;
    const { clock, counts, pace } = this.#conditions;
    const from = source.kind === "http" ? await this.#target(source) : this.#local();
    if (from === undefined || this.#cancelled) return { kind: "cancelled" };
    const resume = this.#offset > part.start;
    const job = {
      fd: file.fd,
      start: this.#offset,
      end: part.end,
      algorithm: file.partAlgorithm,
      resume,
      fresh,
      from,
    };
    const beganAt = clock.now();
    this.#beganAt = beganAt;
    slot.offset = this.#offset;
    this.#running = true;
    const result = await slot.lane.run(slot.index, job);
    this.#running = false;
    if (from.kind === "http") counts.requests += result.requests;
    if (result.kind === "done") {
      if (!resume && this.#moves === 0) pace.sample(part.end - part.start, clock.now() - beganAt);
      return { kind: "in", checksum: result.checksum };
    }
    // Without ranges there is no going on.
    this.#offset = planned.file.ranges === false ? part.start : result.offset;
    if (this.#cancelled) return { kind: "cancelled" };
    return this.#after(result, from.url, beganAt);
  }

  async #target(source: HttpSource): Promise<(Job["from"] & { readonly url: string }) | undefined> {
    const { file } = this.of.planned;
    const target = await Promise.race([source.target(file), this.#cancellation.promise]);
    if (!target) return undefined;
    return {
      kind: "http",
      url: target.url.href,
      headers: target.headers,
      size: file.size,
      etag: file.etag,
      whole: this.of.part.end - this.of.part.start === file.size,
    };
  }

  #local(): Job["from"] & { readonly url: string } {
    const { key, size } = this.of.planned.file;
    return { kind: "local", path: key, size, url: `file://${key}` };
  }

  #after(
    result: Exclude<JobResult, { kind: "done" }>,
    url: string,
    beganAt: number,
  ): Ending | Wait | { readonly kind: "again" } {
    const { planned, slot } = this.of;
    const { pace, clock, thawed } = this.#conditions;
    switch (result.kind) {
      case "away":
        return { kind: "again" };
      case "cut":
        if (thawed()) return { kind: "again" };
        return { kind: "wait", url, what: result.what, fatal: result.fatal };
      case "changed":
        return { kind: "changed", error: changed(planned, result.found) };
      case "disk": {
        const error = Object.assign(new Error(result.what), { code: result.code });
        if (result.side === "target") return { kind: "failed", error: diskFailed(error, this.of.path) };
        return { kind: "failed", error: sourceUnreadable(result.code, result.what, planned.file.key) };
      }
      case "refused":
        return { kind: "failed", error: new ColdframeError(result.code, result.what, { fix: result.fix }) };
      case "broken":
        return slot.lane.lost ? { kind: "lost" } : { kind: "failed", error: new Error(result.what) };
      case "cancelled":
        return { kind: "cancelled" };
    }
    const { answer } = result;
    const verdict = (planned.source as HttpSource).judge(answer, planned.file);
    const { error } = verdict;
    switch (verdict.action) {
      case "again":
        return this.of.again(beganAt, clock.now()) ? { kind: "again" } : { kind: "failed", error };
      case "changed":
        return { kind: "changed", error };
      case "fail":
        return { kind: "failed", error };
      case "retry": {
        if (verdict.slow) pace.slow(beganAt, clock.now());
        const what = `the server answered ${answer.status}: ${error.message}`;
        return {
          kind: "wait",
          url,
          what,
          afterMs: verdict.afterMs ?? retryAfterMs(answer, clock),
          cause: error,
        };
      }
    }
  }

  #gaveUp({ url, what, cause }: Wait, tries: number): Error {
    const { start, end } = this.of.part;
    const progress = `${this.#offset - start} of ${end - start} bytes of this part had arrived`;
    return unreachable(new URL(url), what, { tries, progress, cause });
  }

  async #wait({ afterMs }: Wait, tries: number): Promise<void> {
    const { budget, counts, timing } = this.#conditions;
    counts.retries++;
    const wait = pause(Math.max(waitMs(tries, afterMs, timing), budget.take()));
    this.#pause = wait;
    if (this.#cancelled) wait.end();
    await wait.over;
    this.#pause = undefined;
  }
}

interface Wait {
  readonly kind: "wait";
  readonly url: string;
  readonly what: string;
  readonly afterMs?: number | undefined;
  readonly fatal?: boolean;
  readonly cause?: unknown;
}
