// `file:///folder/` or `file:///folder/file`: files of this machine, such as a mounted volume. Links are followed while
// they stay inside the folder that was named; a device, a pipe or a way out of it is refused. The path is taken as it
// is written, without URL encoding.

import { type BigIntStats, promises } from "node:fs";
import { join } from "node:path";
import { ColdframeError } from "../errors.ts";
import type { CreateSource, RemoteFile, WeightsEntry } from "./_contracts.ts";
import { matcher } from "./files/patterns.ts";

const PAGE = 1000;

/** A folder within a folder, and so on: more is a mistake, or a trap. */
const MAX_DEPTH = 100;

const createFileSource: CreateSource = (entry) => ({
  kind: "local",
  async *list() {
    const root = rootOf(entry);
    const real = await orRefuse(promises.realpath(root), root);
    const stats = await orRefuse(promises.stat(real, { bigint: true }), root);
    if (!stats.isDirectory()) {
      if (root.endsWith("/")) throw notFound(root, `${root} is no folder.`);
      yield [fileOf("", real, stats)];
      return;
    }
    const files: RemoteFile[] = [];
    const { allowPatterns, ignorePatterns } = entry;
    const wanted = matcher(allowPatterns, ignorePatterns);
    const notIgnored = matcher(undefined, ignorePatterns);
    await walk({ root: real, files, wanted, notIgnored }, real, "", []);
    files.sort((a, b) => (a.path < b.path ? -1 : 1));
    for (let at = 0; at < files.length; at += PAGE) yield files.slice(at, at + PAGE);
  },
});

export default createFileSource;

/** @throws WEIGHTS_INVALID when it is no absolute path */
function rootOf({ source, versionId }: WeightsEntry): string {
  const path = source.replace(/^file:\/\//i, "");
  const fix =
    "Write file:///folder/ or file:///folder/file, with an absolute path; files of the project belong in data/.";
  if (!path.startsWith("/") || path.includes("\0"))
    throw new ColdframeError("WEIGHTS_INVALID", `${source} is no absolute path.`, { fix });
  if (versionId !== undefined)
    throw new ColdframeError("WEIGHTS_INVALID", `${source}: files have no versions.`);
  return path;
}

interface Walk {
  /** Absolute, without links. */
  readonly root: string;
  readonly files: RemoteFile[];
  wanted(path: string): boolean;
  notIgnored(path: string): boolean;
}

/**
 * @param at absolute, without links
 * @param below its path under the source, with "/"
 * @param above the folders it lies in, without links
 */
async function walk(tour: Walk, at: string, below: string, above: readonly string[]): Promise<void> {
  const { root, files, wanted, notIgnored } = tour;
  const isInside = (path: string) => path.startsWith(root === "/" ? root : `${root}/`);
  if (above.includes(at)) throw refuse(at, "is a link to a folder that it lies in");
  if (above.length > MAX_DEPTH) throw refuse(at, `is deeper than ${MAX_DEPTH} folders`);
  for (const name of await orRefuse(promises.readdir(at), at)) {
    const path = below === "" ? name : `${below}/${name}`;
    // A pattern that matches a folder's name and "/" matches all that is in it, like `lost+found/`.
    if (!notIgnored(path) || !notIgnored(`${path}/`)) continue;
    const shown = join(at, name);
    const real = await orRefuse(promises.realpath(shown), shown);
    const stats = await orRefuse(promises.stat(real, { bigint: true }), shown);
    if (stats.isDirectory() && isInside(real)) {
      await walk(tour, real, path, [...above, at]);
      continue;
    }
    if (!wanted(path)) continue;
    if (!isInside(real)) throw refuse(shown, `is a link to ${real}, outside ${root}`);
    files.push(fileOf(path, real, stats));
  }
}

/** Pinned by what changes when it is written to or replaced; it has no checksum. */
function fileOf(path: string, real: string, stats: BigIntStats): RemoteFile {
  if (!stats.isFile()) throw refuse(real, "is no file");
  const etag = `"${stats.mtimeNs.toString(36)}-${stats.ino.toString(36)}"`;
  return { path, key: real, size: Number(stats.size), etag };
}

async function orRefuse<T>(asked: Promise<T>, path: string): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EACCES" || code === "EPERM")
      throw new ColdframeError("WEIGHTS_FORBIDDEN", `${path} may not be read.`, {
        fix: "Let the user the function runs as read it.",
        cause: error,
      });
    if (code === "ENOENT" || code === "ENOTDIR")
      throw notFound(path, `there is no ${path} on this machine.`, error);
    throw new ColdframeError("WEIGHTS_UNREACHABLE", `${path} cannot be read (${code}).`, { cause: error });
  }
}

const refuse = (path: string, what: string): ColdframeError =>
  new ColdframeError("WEIGHTS_INVALID", `${path} ${what}.`, {
    fix: "Leave it out with ignore_patterns, or put a file in its place.",
  });

const notFound = (path: string, message: string, cause?: unknown): ColdframeError =>
  new ColdframeError("WEIGHTS_NOT_FOUND", message, {
    fix: `Check the spelling, and that the volume with ${path} is mounted.`,
    cause,
  });
