// What `push-weights` uploads: the files of a folder, and all that is known of each after reading it once. Symbolic links
// are followed inside the folder and refused outside, for whoever pushes a folder means what is in it.

import { open } from "node:fs/promises";
import { readdirSync, realpathSync, type Stats, statSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import { ColdframeError } from "../../runtime/errors.ts";
import { allocateSlabs, type CrcAlgorithm, createChecksum } from "../../runtime/weights/files/checksum.ts";
import type { Blocks } from "../../runtime/weights/_contracts.ts";
import { concatenateCrcs } from "../../runtime/weights/files/crc-combine.ts";
import { pathProblem } from "../../runtime/weights/files/paths.ts";

/** What desktops leave in folders, and what version control and Coldframe keep beside files. */
const LITTER = new Set([".DS_Store", "Thumbs.db", "desktop.ini", ".git", ".coldframe"]);

/** Each block can be verified, and fetched again, by itself. */
export const BLOCK_BYTES = 8 * 2 ** 20;

export interface PushFile {
  /** Below the folder, with "/". */
  readonly path: string;
  /** Absolute, without links. */
  readonly from: string;
  readonly size: number;
}

/** What reading a file once says of it. */
export interface FileFacts {
  /** Lower-case hex. */
  readonly sha256: string;
  readonly crcs: Readonly<Record<CrcAlgorithm, string>>;
  /** CRC32C, which is verified fastest; absent of a file that is a single block. */
  readonly blocks?: Blocks;
}

/**
 * The files of a folder, sorted by path.
 * @throws WEIGHTS_NOT_FOUND for no folder or an empty one; WEIGHTS_INVALID for a link that leaves the folder, leads
 * nowhere or in a circle, for a device, and for a name that no data directory can have
 */
export function listPushFiles(folder: string): PushFile[] {
  const root = realFolder(folder);
  const files = walk(root, root, []).toSorted((a, b) => (a.path < b.path ? -1 : 1));
  for (const { path } of files) {
    const problem = pathProblem(path, "linux");
    if (problem !== undefined)
      throw refused(
        `${JSON.stringify(path)} cannot be a file of the data directory: ${problem}`,
        "Rename it.",
      );
  }
  if (files.length > 0) return files;
  throw new ColdframeError("WEIGHTS_NOT_FOUND", `${folder} has no files.`, {
    fix: "Name the folder that has the weights.",
  });
}

function realFolder(folder: string): string {
  const stats = statSync(folder, { throwIfNoEntry: false });
  if (stats?.isDirectory()) return realpathSync(folder);
  const found = stats === undefined ? "no such folder" : "a file";
  throw new ColdframeError("WEIGHTS_NOT_FOUND", `${resolve(folder)}: found ${found}, allowed a folder.`, {
    fix: "Name the folder that has the weights; its files keep their names below the prefix.",
  });
}

function walk(root: string, folder: string, above: readonly string[]): PushFile[] {
  const here = realpathSync(folder);
  if (above.includes(here)) throw refused(`${folder} links to a folder that contains it`, "Remove the link.");
  return readdirSync(folder)
    .filter((name) => !LITTER.has(name))
    .flatMap((name) => {
      const path = join(folder, name);
      const stats = statTarget(path);
      const from = realpathSync(path);
      if (!from.startsWith(root + sep)) {
        const way = "Copy the file into the folder; only what is inside is uploaded.";
        throw refused(`${relative(root, path)} links to ${from}, outside the folder`, way);
      }
      if (stats.isDirectory()) return walk(root, path, [...above, here]);
      if (!stats.isFile()) throw refused(`${path} is neither a file nor a folder`, "Remove it.");
      return [{ path: relative(root, path).replaceAll(sep, "/"), from, size: stats.size }];
    });
}

function statTarget(path: string): Stats {
  try {
    return statSync(path);
  } catch (cause) {
    throw refused(`${path} links to nothing`, "Remove the link, or make what it points to.", cause);
  }
}

function refused(sentence: string, fix: string, cause?: unknown): ColdframeError {
  return new ColdframeError("WEIGHTS_INVALID", `${sentence}.`, {
    fix,
    ...(cause !== undefined && { cause }),
  });
}

let slab: Uint8Array | undefined;

/** Read a file once. @throws WEIGHTS_CHANGED when it is not as long any more */
export async function readFacts({ path, from, size }: PushFile, signal: AbortSignal): Promise<FileFacts> {
  const sha256 = createChecksum("sha256");
  const crc32 = createChecksum("crc32");
  const crc64nvme = createChecksum("crc64nvme");
  const pieces: { crc: string; length: number }[] = [];
  // One file at a time: see push-weights.ts.
  slab ??= allocateSlabs(1, BLOCK_BYTES, { wasm: true })[0] as Uint8Array;
  await using file = await open(from, "r");
  for (let at = 0; at < size; at += BLOCK_BYTES) {
    signal.throwIfAborted();
    const block = slab.subarray(0, Math.min(BLOCK_BYTES, size - at));
    await readFully(file, block, at, path);
    const crc32c = createChecksum("crc32c");
    for (const checksum of [sha256, crc32, crc64nvme, crc32c]) checksum.update(block);
    pieces.push({ crc: crc32c.digest(), length: block.length });
  }
  const values = Buffer.from(pieces.map(({ crc }) => crc).join(""), "hex").toString("base64");
  return {
    sha256: sha256.digest(),
    crcs: {
      crc32: crc32.digest(),
      crc32c: concatenateCrcs("crc32c", pieces),
      crc64nvme: crc64nvme.digest(),
    },
    ...(pieces.length > 1 && { blocks: { algorithm: "crc32c", size: BLOCK_BYTES, values } }),
  };
}

/** Fill `bytes` from a place of a file. @throws WEIGHTS_CHANGED when it ends before that */
export async function readFully(
  file: Awaited<ReturnType<typeof open>>,
  bytes: Uint8Array,
  position: number,
  path: string,
): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, position + done);
    if (bytesRead === 0) throw changed(path);
    done += bytesRead;
  }
}

export function changed(path: string): ColdframeError {
  return new ColdframeError("WEIGHTS_CHANGED", `${path} was changed while it was uploaded.`, {
    fix: "Push again when nothing writes to it any more.",
  });
}
