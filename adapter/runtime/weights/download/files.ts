// All files of a download, by content and by path: the same content is fetched once, and what somebody waits for comes
// next, also when it is named before it is known.

import type { PlannedFile } from "../_contracts.ts";
import { Download } from "./download.ts";
import type { FileQueue } from "./queue.ts";
import type { Tally } from "./tally.ts";

export class Files {
  readonly #byId = new Map<string, Download>();
  readonly #byPath = new Map<string, Download>();
  readonly #hurried = new Set<string>();
  readonly #queue: FileQueue<Download>;
  readonly #tally: Tally;
  readonly #tell: (download: Download, planned: PlannedFile) => void;

  /** @param tell that a complete file has one more path */
  constructor(
    queue: FileQueue<Download>,
    tally: Tally,
    tell: (download: Download, planned: PlannedFile) => void,
  ) {
    this.#queue = queue;
    this.#tally = tally;
    this.#tell = tell;
  }

  add(files: readonly PlannedFile[]): void {
    const added: Download[] = [];
    for (const planned of files) {
      this.#tally.totalFiles++;
      const same = this.#byId.get(planned.id);
      if (same) this.#addPath(same, planned);
      else added.push(this.#begin(new Download(planned, planned.entry.lazy === true)));
    }
    this.enqueue(...added);
  }

  /** These are wanted instead of it. */
  replace(download: Download, planned: readonly PlannedFile[]): void {
    this.#byId.delete(download.first.id);
    this.#tally.replaced(download);
    for (const file of planned) {
      const same = this.#byId.get(file.id);
      if (same) this.#addPath(same, file);
      else this.enqueue(this.#begin(new Download(file, download.lazy, true)));
    }
  }

  /** In one call: the smallest of them come in their turn. */
  enqueue(...downloads: readonly Download[]): void {
    this.#queue.add(...downloads);
    for (const download of downloads) {
      if (download.planned.some(({ path }) => this.#hurried.has(path))) this.#queue.hurry(download);
    }
  }

  hurry(path: string): void {
    this.#hurried.add(path);
    const download = this.#byPath.get(path);
    if (download) this.#queue.hurry(download);
  }

  /** Give up what is lazy and not complete. */
  dropLazy(): void {
    for (const lazy of this.#byId.values()) {
      if (!lazy.lazy || lazy.complete || lazy.dropped) continue;
      this.#queue.forget(lazy);
      void lazy.drop();
    }
  }

  #begin(download: Download): Download {
    this.#byId.set(download.first.id, download);
    this.#byPath.set(download.first.path, download);
    this.#tally.began(download);
    return download;
  }

  /** The same content once more: fetched once. */
  #addPath(download: Download, planned: PlannedFile): void {
    this.#byPath.set(planned.path, download);
    if (download.complete) return this.#tell(download, planned);
    download.planned.push(planned);
    if (!download.lazy || planned.entry.lazy) return;
    // Now a model waits for it.
    download.lazy = false;
    this.#tally.eagerPending++;
    this.#queue.hurry(download);
  }
}
