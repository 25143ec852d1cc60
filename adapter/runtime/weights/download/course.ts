// The course of each file: opened, its parts in, proved, told of; or fetched once more because bytes were wrong, or
// looked up once more because it had changed. When what runs is decided in download/engine.ts.

import { join } from "node:path";
import { ColdframeError } from "../../errors.ts";
import type { PlannedFile } from "../_contracts.ts";
import type { Download } from "./download.ts";
import { corrupt, diskFailed } from "./failures.ts";
import { openPartFile, type PartFile } from "../files/part-file.ts";
import { fileId } from "../files/plan.ts";
import type { Tally } from "./tally.ts";

export interface CourseOptions {
  readonly root: string;
  readonly verify: boolean;
  onFile(planned: PlannedFile): unknown;
  onChanged?(planned: PlannedFile): Promise<PlannedFile | undefined>;
  onLog?(message: string): void;
}

/** What a file's course asks of the engine. */
export interface CourseHooks {
  /** Its free parts can be taken. */
  opened(download: Download): void;
  /** One of its parts has to be taken again. */
  putBack(download: Download, index: number): void;
  /** Nothing of it is to be taken. */
  forget(download: Download): void;
  /** From the start again. */
  again(download: Download): void;
  /** These are wanted instead of it. */
  replace(download: Download, planned: readonly PlannedFile[]): void;
  complete(download: Download): void;
  fail(download: Download, error: unknown): void;
  /** Has to end before the download does. */
  track(work: Promise<void>): void;
  /** The download is over. */
  isOver(): boolean;
}

export class Course {
  readonly #options: CourseOptions;
  readonly #tally: Tally;
  readonly #hooks: CourseHooks;
  readonly #open = new Set<PartFile>();

  constructor(options: CourseOptions, tally: Tally, hooks: CourseHooks) {
    this.#options = options;
    this.#tally = tally;
    this.#hooks = hooks;
  }

  /** Partial files that are open. */
  get openFiles(): number {
    return this.#open.size;
  }

  /** Of a file, for messages. */
  pathOf({ first }: Download): string {
    return join(this.#options.root, "blobs", first.id);
  }

  async open(download: Download): Promise<void> {
    const { root, verify } = this.#options;
    const { first, partBytes } = download;
    let part: PartFile;
    try {
      part = await openPartFile(root, first, { verify, partBytes });
    } catch (error) {
      this.#hooks.forget(download);
      return this.#hooks.fail(download, diskFailed(error, this.pathOf(download)));
    }
    this.#open.add(part);
    if (this.#hooks.isOver() || download.dropped) return;
    download.opened(part);
    this.#tally.bytes += download.bytesIn;
    this.#hooks.opened(download);
    if (download.left === 0) this.#hooks.track(this.#prove(download));
  }

  /** All bytes of a part are in the file. */
  partIn(download: Download, index: number, checksum: string | undefined): void {
    const file = download.part as PartFile;
    let verdict: "kept" | "wrong";
    try {
      verdict = file.completePart(index, checksum);
    } catch (error) {
      return this.#hooks.fail(download, diskFailed(error, this.pathOf(download)));
    }
    if (verdict === "wrong") {
      if (download.wrong.has(index))
        return this.#hooks.fail(download, corrupt(download.first, file.mismatch));
      this.#options.onLog?.(`${download.first.path}: a part came with wrong bytes and is fetched again`);
      download.wrong.add(index);
      return this.#hooks.putBack(download, index);
    }
    this.#tally.fetched(download.arrived(index));
    if (download.left === 0) this.#hooks.track(this.#prove(download));
  }

  /** Its source has another object now. @param error what is said if that cannot be helped */
  async changed(download: Download, error: Error): Promise<void> {
    const { onChanged, onLog } = this.#options;
    this.#hooks.forget(download);
    await download.drop();
    // What was got of the old one is of no use to anybody.
    const file = download.part as PartFile;
    this.#open.delete(file);
    await file.discard();
    if (download.restarted || !onChanged) return this.#hooks.fail(download, error);
    const now: PlannedFile[] = [];
    for (const planned of download.planned) {
      let again: PlannedFile | undefined;
      try {
        again = await onChanged(planned);
      } catch (failure) {
        return this.#hooks.fail(download, failure);
      }
      if (this.#hooks.isOver()) return;
      if (!again) return this.#hooks.fail(download, error);
      now.push(again);
    }
    onLog?.(`${download.first.path} has changed and is fetched anew`);
    this.#hooks.replace(download, now);
  }

  /** One of the paths of a complete file. */
  async tell(download: Download, planned: PlannedFile): Promise<void> {
    this.#tally.told(planned, this.#options.verify);
    try {
      await this.#options.onFile(planned);
    } catch (error) {
      this.#hooks.fail(download, error);
    }
  }

  /** What is there of files that are not complete is kept, unless the disk is full. Nothing may be writing any more. */
  async close(failure: unknown): Promise<void> {
    const full = failure instanceof ColdframeError && failure.code === "WEIGHTS_NO_ROOM";
    await Promise.allSettled([...this.#open].map((file) => (full ? file.discard() : file.close())));
  }

  async #prove(download: Download): Promise<void> {
    const file = download.part as PartFile;
    let verdict: "complete" | "corrupt";
    try {
      verdict = await file.finish();
    } catch (error) {
      return this.#hooks.fail(download, diskFailed(error, this.pathOf(download)));
    }
    this.#open.delete(file);
    if (verdict === "corrupt") return this.#refetch(download, file);
    download.complete = true;
    // Of ten thousand files, what proved them would be most of what is kept.
    download.part = undefined;
    this.#hooks.forget(download);
    for (const planned of download.planned) await this.tell(download, planned);
    this.#hooks.complete(download);
  }

  async #refetch(download: Download, file: PartFile): Promise<void> {
    if (download.refetched) return this.#hooks.fail(download, corrupt(download.first, file.mismatch));
    let confirmed: readonly PlannedFile[] | undefined;
    try {
      confirmed = await confirm(download.planned);
    } catch (error) {
      return this.#hooks.fail(download, error);
    }
    if (this.#hooks.isOver() || download.dropped) return;
    if (confirmed && !download.restarted) {
      this.#options.onLog?.(
        `${download.first.path} has another checksum than was listed, and is fetched again`,
      );
      this.#hooks.forget(download);
      return this.#hooks.replace(download, confirmed);
    }
    this.#options.onLog?.(`${download.first.path} came with wrong bytes and is fetched again`);
    download.refetched = true;
    this.#tally.bytes -= download.bytesIn;
    this.#hooks.again(download);
  }
}

/** What the sources say of the files when they look again, if that is not what they had said. */
async function confirm(planned: readonly PlannedFile[]): Promise<readonly PlannedFile[] | undefined> {
  const again: PlannedFile[] = [];
  for (const one of planned) {
    const file = one.source.kind === "http" ? await one.source.confirm?.(one.file) : undefined;
    if (!file) return undefined;
    again.push({ ...one, file, id: fileId(one.entry, file) });
  }
  return again;
}
