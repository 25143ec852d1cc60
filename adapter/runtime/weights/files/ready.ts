// trees/<digest>.ready: written last, it says that a tree is complete, and what each of its files looked like then. A
// warm start compares that with lstat and makes no request. Content is read again only when that is asked for.

import { randomBytes } from "node:crypto";
import {
  lstatSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { ColdframeError } from "../../errors.ts";
import { createChecksum } from "./checksum.ts";
import type { Checksum, PlannedFile } from "../_contracts.ts";
import { isIntact, isUnchanged, look, type Recorded } from "./intact.ts";
import { bootId } from "./process.ts";
import { blobFile, shippedFiles, treeFolder } from "./tree.ts";

const VERSION = 2;

export interface ReadyFile {
  /** Relative to the tree. */
  readonly path: string;
  readonly size: number;
  readonly id: string;
}

/** A tree whose every file is there and unchanged. */
export interface ReadyTree {
  readonly files: readonly ReadyFile[];
  /**
   * The machine has not started again since, so what was written is what is read. Otherwise a power cut may have lost
   * bytes of files whose size and time are right: worth `full`.
   */
  readonly sameBoot: boolean;
}

export interface ReadyOptions {
  /**
   * The folder of the files of data_dir as they are now: their links must be in the tree, and no others. Absent: those
   * that were recorded.
   */
  readonly shipped?: string | undefined;
  /** Compute the checksums of all files again. */
  readonly full?: boolean;
  /**
   * Remove blobs that are not what they were, so that they are fetched again; those whose checksum is right stay. Only
   * for who has the turn.
   */
  readonly repair?: boolean;
}

type RecordedFile = ReadyFile & Recorded;

interface Ready {
  readonly version: typeof VERSION;
  readonly digest: string;
  readonly bootId?: string;
  readonly files: readonly RecordedFile[];
  /** Links to shipped files: path in the tree, target. */
  readonly links: readonly (readonly [string, string])[];
}

export const readyFile = (root: string, digest: string): string => join(root, "trees", `${digest}.ready`);

/** The tree, when it is complete and unchanged: below a millisecond for 200 files unless `full` is asked for. */
export function readReady(
  root: string,
  digest: string,
  { shipped, full = false, repair = false }: ReadyOptions = {},
): ReadyTree | undefined {
  const ready = readRecord(root, digest);
  if (ready === undefined) return undefined;
  const tree = treeFolder(root, digest);
  let right =
    ready.links.every(([path, target]) => readlink(`${tree}/${path}`) === target) &&
    (shipped === undefined || isSameJson(ready.links, linksTo(tree, shipped)));
  for (const file of ready.files) {
    if (!repair && !right) return undefined;
    // Not join(): it would cost more than lstat.
    const place = `${tree}/${file.path}`;
    if (isUnchanged(place, file) && (!full || isIntact(place, file))) continue;
    right = false;
    if (repair) dropBlob(blobFile(root, file.id), file, full);
  }
  if (right) return { files: ready.files, sameBoot: ready.bootId === bootId() };
  if (repair) rmSync(readyFile(root, digest), { force: true });
  return undefined;
}

/**
 * Record a complete tree. Only for who has the turn, when all files are placed.
 * @param shipped the folder of the files of data_dir that are linked into the tree
 * @throws WEIGHTS_CORRUPT when a file is not there, or has another size
 */
export function writeReady(
  root: string,
  digest: string,
  files: readonly PlannedFile[],
  shipped?: string,
): void {
  const tree = treeFolder(root, digest);
  const boot = bootId();
  const ready: Ready = {
    version: VERSION,
    digest,
    ...(boot !== undefined && { bootId: boot }),
    files: files.map((planned) => record(tree, planned)),
    links: linksTo(tree, shipped),
  };
  const temporary = `${readyFile(root, digest)}.${randomBytes(8).toString("hex")}`;
  const text = JSON.stringify(ready);
  writeFileSync(temporary, `${checksumOfText(text)}\n${text}`);
  renameSync(temporary, readyFile(root, digest));
}

/** The ids of the blobs of a tree, as its record has them; nothing is compared. */
export function readyIds(root: string, digest: string): string[] | undefined {
  return readRecord(root, digest)?.files.map(({ id }) => id);
}

function record(tree: string, { path, id, file, entry }: PlannedFile): RecordedFile {
  const found = look(join(tree, path));
  if (found === undefined || Number(found.size) !== file.size) {
    const is = found === undefined ? "is gone" : `has ${found.size} bytes, not ${file.size}`;
    throw new ColdframeError("WEIGHTS_CORRUPT", `${join(tree, path)} ${is} a moment after it was fetched.`, {
      fix: "Nothing but Coldframe may write below the data root; see COLDFRAME_DATA_DIR.",
    });
  }
  const sha256: Checksum | undefined =
    entry.sha256 === undefined ? undefined : { algorithm: "sha256", value: entry.sha256 };
  const checksum = sha256 ?? file.checksum;
  return {
    path,
    size: file.size,
    id,
    mtimeNs: String(found.mtimeNs),
    ino: String(found.ino),
    ...(checksum && { checksum }),
    ...(file.blocks && { blocks: file.blocks }),
  };
}

function readRecord(root: string, digest: string): Ready | undefined {
  let text: string;
  try {
    text = readFileSync(readyFile(root, digest), "utf8");
  } catch {
    return undefined;
  }
  // Cut off by a power cut, or damaged: as if it were not there. Damage may well leave JSON that names other files.
  const end = text.indexOf("\n");
  const json = text.slice(end + 1);
  if (text.slice(0, Math.max(0, end)) !== checksumOfText(json)) return undefined;
  const ready = JSON.parse(json) as Ready;
  return ready.version === VERSION && ready.digest === digest ? ready : undefined;
}

function checksumOfText(text: string): string {
  const checksum = createChecksum("crc32");
  checksum.update(Buffer.from(text));
  return checksum.digest();
}

// A blob that somebody touched is kept when its checksum proves it: a fetch costs more than a read.
function dropBlob(blob: string, was: Recorded, full: boolean): void {
  if (look(blob) === undefined) return;
  const trusted = isUnchanged(blob, was) && !full;
  const proven = !trusted && (was.checksum ?? was.blocks) !== undefined && isIntact(blob, was);
  if (!trusted && !proven) rmSync(blob, { force: true });
}

/** Path and target of every shipped file that the tree has, or should have, as a link. */
function linksTo(tree: string, shipped: string | undefined): Ready["links"] {
  const paths = shippedFiles(shipped);
  if (shipped === undefined || paths.length === 0) return [];
  const folder = realpathSync(shipped);
  return (
    paths
      // Where links are not allowed, they are copies.
      .filter((path) => !lstatSync(`${tree}/${path}`, { throwIfNoEntry: false })?.isFile())
      .map((path) => [path, join(folder, path)] as const)
  );
}

const isSameJson = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

function readlink(file: string): string | undefined {
  try {
    return readlinkSync(file);
  } catch {
    return undefined;
  }
}
