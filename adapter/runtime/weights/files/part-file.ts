// One file while it is fetched: a partial file of its full size that parts are written into in any order, the journal
// of what is there, and the proof that the whole is right, after which alone it gets its name, blobs/<id>. Fetching is
// not its business. A crash at any instant leaves no blobs/<id> or the right one; nothing is synced to the disk, because
// the page cache survives the process.

import { closeSync, fstatSync, renameSync, rmSync, type Stats, statSync } from "node:fs";
import { BlockCheck, type Mismatch } from "./block-check.ts";
import { type CrcAlgorithm, createChecksum } from "./checksum.ts";
import type { PlannedFile } from "../_contracts.ts";
import type { Journal } from "./journal.ts";
import { claimPart, type PartClaim } from "./part-claim.ts";
import { openPart, protect, removePart } from "./part-open.ts";
import { cutParts, type Part } from "./parts.ts";
import { bootId } from "./process.ts";
import { ReadBack, readSlices } from "./read-back.ts";
import { blobFile } from "./tree.ts";
import { checksOf, partAlgorithmOf, WholeCheck } from "./whole-check.ts";

export type { Mismatch } from "./block-check.ts";
export type { Part } from "./parts.ts";

export interface PartFileOptions {
  /** `false`: nothing is hashed; the length is all that is checked. */
  readonly verify: boolean;
  /** The most of a part. */
  readonly partBytes: number;
}

export interface PartFile {
  /** To write parts at their place, from any thread of this process. */
  readonly fd: number;
  readonly parts: readonly Part[];
  /** Indices of the parts that were not there when it was opened, ascending. */
  readonly missing: readonly number[];
  /** What `completePart` wants of each part; `undefined`: nothing. */
  readonly partAlgorithm: CrcAlgorithm | undefined;
  /**
   * Say that all bytes of a part have been written, and with what checksum. They must not be written again afterwards,
   * unless the answer is "wrong": the part is not what the source says (see `mismatch`), and is to be fetched again.
   * @throws WEIGHTS_NO_ROOM
   */
  completePart(index: number, checksum: string | undefined): "kept" | "wrong";
  /**
   * Prove the whole and give it its name. After "corrupt" nothing has the name: open the file again to fetch what is
   * wrong. Those are the parts of the blocks that did not fit where the source has checksums of blocks, and else all.
   * Either way this file is closed.
   */
  finish(): Promise<"complete" | "corrupt">;
  /** The checksum that was found, after "corrupt". */
  readonly found: string | undefined;
  /** The latest checksum that was not the expected one: after "wrong" and "corrupt". */
  readonly mismatch: Mismatch | undefined;
  /** Remove everything. Nothing may be writing any more, as for `close`. */
  discard(): Promise<void>;
  /** Stop, and leave the parts that are there to the next `openPartFile`, in this process or another. */
  close(): Promise<void>;
}

/**
 * Begin a file, or go on where another process or an earlier attempt stopped: what a journal lists is read and proved
 * first. Whoever opens a file that somebody is fetching gets one of their own; both end well.
 * @throws WEIGHTS_NO_ROOM; WEIGHTS_INVALID when the file's blocks are not of its size
 */
export async function openPartFile(
  root: string,
  planned: PlannedFile,
  options: PartFileOptions,
): Promise<PartFile> {
  const download = new Download(root, planned, options);
  try {
    await download.recover();
  } catch (error) {
    await download.close();
    throw error;
  }
  return download;
}

class Download implements PartFile {
  readonly fd: number;
  readonly parts: readonly Part[];
  readonly partAlgorithm: CrcAlgorithm | undefined;
  missing: readonly number[] = [];
  mismatch: Mismatch | undefined;
  found: string | undefined;

  readonly #root: string;
  readonly #planned: PlannedFile;
  readonly #claim: PartClaim;
  readonly #journal: Journal | undefined;
  readonly #readBack: ReadBack;
  readonly #blocks: BlockCheck | undefined;
  readonly #whole: WholeCheck;
  readonly #kept = new Map<number, string>();
  #closed = false;

  constructor(root: string, planned: PlannedFile, { verify, partBytes }: PartFileOptions) {
    const { file, id } = planned;
    const blocks = verify ? file.blocks : undefined;
    this.#root = root;
    this.#planned = planned;
    this.parts = cutParts(file.size, partBytes, blocks?.size);
    // One part is fetched again as a whole: no journal.
    const resumable = this.parts.length > 1;
    const checks = verify ? checksOf(planned) : [];
    const algorithm = verify ? partAlgorithmOf(planned, checks, resumable) : undefined;
    this.partAlgorithm = algorithm;
    this.#claim = claimPart(root, id, resumable);
    const { fd, journal } = openPart(this.#claim, {
      id,
      size: file.size,
      partBytes,
      algorithm,
      blockBytes: blocks?.size,
      // Unverified parts are as good as the page cache.
      boot: algorithm === undefined ? bootId() : undefined,
    });
    this.fd = fd;
    this.#journal = journal;
    this.#readBack = new ReadBack(this.fd);
    try {
      if (blocks !== undefined)
        this.#blocks = new BlockCheck(file, blocks, this.parts, this.#readBack, this.#kept);
    } catch (error) {
      this.#close(false);
      throw error;
    }
    this.#whole = new WholeCheck(checks, file.size, this.parts, algorithm, this.#kept, this.#readBack);
  }

  /** Read and prove what the journal lists. */
  async recover(): Promise<void> {
    for (const [index, checksum] of [...(this.#journal?.checksums ?? [])]) {
      const part = this.parts[index];
      if (part !== undefined && (await this.#isThere(part, checksum))) this.#keep(index, checksum);
      else this.#journal?.remove(index);
    }
    this.missing = this.parts.map(({ index }) => index).filter((index) => !this.#kept.has(index));
  }

  completePart(index: number, checksum: string | undefined): "kept" | "wrong" {
    if (this.#closed || this.parts[index] === undefined) throw new RangeError(`there is no part ${index}`);
    if (this.partAlgorithm !== undefined && checksum === undefined)
      throw new TypeError(`part ${index} has no ${this.partAlgorithm}`);
    const crc = this.partAlgorithm === undefined ? "" : (checksum as string);
    const known = this.#kept.get(index);
    if (known !== undefined && known !== crc)
      throw new Error(`part ${index} was written again, with other bytes: ${crc} after ${known}`);
    if (known !== undefined) return "kept";
    const mismatch = this.#blocks?.mismatch(index, crc);
    if (mismatch !== undefined) {
      this.mismatch = mismatch;
      return "wrong";
    }
    this.#journal?.add(index, crc);
    this.#keep(index, crc);
    return "kept";
  }

  async finish(): Promise<"complete" | "corrupt"> {
    if (this.#kept.size < this.parts.length) throw new Error("there are parts missing");
    await this.#readBack.settled();
    if (this.#closed) throw new Error("the file was closed");
    const wrong = this.#blocks?.wrong ?? new Map<number, Mismatch>();
    for (const index of wrong.keys()) this.#journal?.remove(index);
    const written = fstatSync(this.fd);
    const mismatch = wrong.values().next().value ?? this.#wrongLength(written) ?? this.#whole.mismatch();
    if (mismatch !== undefined) {
      this.mismatch = mismatch;
      this.found = mismatch.found;
      // With a part of a block that fits the rest may be right; otherwise nobody knows which bytes are wrong.
      this.#close(wrong.size > 0 && wrong.size < this.parts.length);
      return "corrupt";
    }
    this.#name(written);
    this.#end();
    return "complete";
  }

  async discard(): Promise<void> {
    this.#close(false);
  }

  async close(): Promise<void> {
    this.#close(this.#kept.size > 0);
  }

  async #isThere({ index, start, end }: Part, checksum: string): Promise<boolean> {
    if (this.partAlgorithm === undefined) return true;
    const running = createChecksum(this.partAlgorithm);
    await readSlices(this.fd, start, end, (bytes) => running.update(bytes));
    return running.digest() === checksum && this.#blocks?.mismatch(index, checksum) === undefined;
  }

  #keep(index: number, checksum: string): void {
    this.#kept.set(index, checksum);
    this.#blocks?.add(index);
    this.#whole.advance();
  }

  /** Somebody may have cut it, or written behind its end. */
  #wrongLength({ size: found }: Stats): Mismatch | undefined {
    const expected = this.#planned.file.size;
    if (found === expected) return undefined;
    return { algorithm: "size", expected: `${expected}`, found: `${found}`, start: 0, end: expected };
  }

  #name(written: Stats): void {
    const { part, journal } = this.#claim;
    const gone = () => new Error(`${part} was removed or replaced while it was fetched`);
    // Somebody who took us for dead may have begun anew; not under a name of our own.
    if (journal !== undefined && statSync(part, { throwIfNoEntry: false })?.ino !== written.ino) throw gone();
    protect(this.fd, written);
    try {
      renameSync(part, blobFile(this.#root, this.#planned.id));
    } catch (error) {
      throw (error as NodeJS.ErrnoException).code === "ENOENT" ? gone() : error;
    }
    if (journal !== undefined) rmSync(journal, { force: true });
  }

  /** @param keep leave what is there to whoever comes next */
  #close(keep: boolean): void {
    if (this.#closed) return;
    if (!keep || this.#journal === undefined) removePart(this.#claim);
    this.#end();
  }

  #end(): void {
    this.#closed = true;
    this.#readBack.stop();
    closeSync(this.fd);
    this.#journal?.close();
    this.#claim.release();
  }
}
