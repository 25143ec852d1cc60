// The data directory as the model sees it, trees/<digest>/: hard links to complete blobs, and symbolic links to the
// files of data_dir that the artifact ships. Appears by rename only; nothing is ever written through a link.

import { randomBytes } from "node:crypto";
import {
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  symlinkSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { ColdframeError } from "../../errors.ts";
import { TEMPORARY_PREFIX } from "./paths.ts";

/** What link(2) says where there are no hard links, across mounts, or at their limit. */
const NO_HARD_LINK = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EXDEV", "EMLINK", "EACCES"]);

/** The folder of a tree. */
export const treeFolder = (root: string, digest: string): string => `${root}/trees/${digest}`;

/** The file of a blob. Asked for many times a file, for which join() is slow. */
export const blobFile = (root: string, id: string): string => `${root}/blobs/${id}`;

/** The names of all blobs of a root, and of what is about to be one. */
export function blobNames(root: string): ReadonlySet<string> {
  try {
    return new Set(readdirSync(join(root, "blobs")));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return new Set();
    throw error;
  }
}

/** The paths of all files below `folder`, with "/", sorted; none when there is no such folder. */
export function shippedFiles(folder: string | undefined): string[] {
  if (folder === undefined || statSync(folder, { throwIfNoEntry: false }) === undefined) return [];
  const list = (below: string): string[] =>
    readdirSync(join(folder, below), { withFileTypes: true }).flatMap((entry) => {
      const path = below === "" ? entry.name : `${below}/${entry.name}`;
      return entry.isDirectory() ? list(path) : [path];
    });
  return list("").toSorted();
}

/**
 * Make the folders of the data root and of the tree, and link the files of `shippedData` into it. Only for who has the
 * turn. Weights that want the path of a shipped file are refused by the plan.
 */
export function prepareTree(root: string, digest: string, shippedData?: string): void {
  const tree = treeFolder(root, digest);
  mkdirSync(join(root, "blobs"), { recursive: true });
  mkdirSync(tree, { recursive: true });
  for (const path of shippedFiles(shippedData)) {
    const target = join(realpathSync(shippedData as string), path);
    const file = join(tree, path);
    makeParents(tree, path);
    const found = lstatSync(file, { throwIfNoEntry: false });
    if (found?.isSymbolicLink() && readlinkSync(file) === target) continue;
    appear(file, found, (temporary) => pointOrCopy(target, temporary));
  }
}

/**
 * Put a complete blob at its path of the tree; what is wrong there is replaced. Only for who has the turn. From then on
 * the blob has a link, and is not evicted.
 * @returns whether there is such a blob
 * @throws WEIGHTS_INVALID when a folder on the way is a link or a file
 */
export function place(root: string, digest: string, { path, id }: { path: string; id: string }): boolean {
  const blob = blobFile(root, id);
  const tree = treeFolder(root, digest);
  const file = join(tree, path);
  makeParents(tree, path);
  try {
    // Mostly nothing has the name, and a link appears as a whole.
    if (linked(blob, file)) return true;
    const wanted = statSync(blob, { throwIfNoEntry: false });
    if (wanted === undefined) return false;
    const found = lstatSync(file, { throwIfNoEntry: false });
    if (found !== undefined && isBlob(found, file, wanted)) return true;
    appear(file, found, (temporary) => linkOrPoint(blob, temporary));
  } catch (error) {
    // Evicted, or not there at all.
    if (statSync(blob, { throwIfNoEntry: false }) === undefined) return false;
    throw error;
  }
  return true;
}

/**
 * Remove from the tree what is neither in `paths` nor shipped: of an earlier attempt, when a source that is not pinned
 * had other files. Only for who has the turn.
 */
export function removeOthers(
  root: string,
  digest: string,
  paths: Iterable<string>,
  shippedData?: string,
): void {
  const tree = treeFolder(root, digest);
  const wanted = new Set([...paths, ...shippedFiles(shippedData)]);
  const folders = new Set([...wanted].flatMap(foldersOf));
  const visit = (below: string): void => {
    for (const entry of readdirSync(join(tree, below), { withFileTypes: true })) {
      const path = below === "" ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory() && folders.has(path)) visit(path);
      else if (!wanted.has(path)) rmSync(join(tree, path), { recursive: true, force: true });
    }
  };
  visit("");
}

/** The folders that hold `path`, outermost first. */
function foldersOf(path: string): string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

// One by one, because mkdir's `recursive` follows links out of the tree.
function makeParents(tree: string, path: string): void {
  for (const folder of foldersOf(path)) {
    const found = lstatSync(join(tree, folder), { throwIfNoEntry: false });
    if (found?.isDirectory()) continue;
    if (found !== undefined) {
      const what = found.isSymbolicLink() ? "a symbolic link" : "a file";
      throw new ColdframeError(
        "WEIGHTS_INVALID",
        `${join(tree, folder)} is ${what} where ${path} needs a folder.`,
        {
          fix: "Nothing but Coldframe may write there: remove it, and find out who made it.",
        },
      );
    }
    mkdirSync(join(tree, folder), { mode: 0o755 });
  }
}

function isBlob(found: Stats, file: string, wanted: Stats): boolean {
  const here = found.isSymbolicLink() ? statSync(file, { throwIfNoEntry: false }) : found;
  return here !== undefined && here.ino === wanted.ino && here.dev === wanted.dev;
}

function pointOrCopy(target: string, file: string): void {
  try {
    symlinkSync(target, file);
  } catch (error) {
    // Windows makes links for administrators only.
    if ((error as NodeJS.ErrnoException).code !== "EPERM") throw error;
    copyFileSync(target, file);
  }
}

/** @returns `false`: something has the name of `file` */
function linked(blob: string, file: string): boolean {
  try {
    linkOrPoint(blob, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function linkOrPoint(blob: string, file: string): void {
  try {
    linkSync(blob, file);
  } catch (error) {
    if (!NO_HARD_LINK.has((error as NodeJS.ErrnoException).code as string)) throw error;
    // Relative, so that the data root may be mounted elsewhere.
    symlinkSync(relative(dirname(file), blob), file);
  }
}

/** Make a name under a temporary one, and rename it to its own: readers see the old or the new. */
function appear(file: string, found: Stats | undefined, make: (temporary: string) => void): void {
  const temporary = join(dirname(file), TEMPORARY_PREFIX + randomBytes(8).toString("hex"));
  try {
    make(temporary);
    if (found?.isDirectory()) rmSync(file, { recursive: true });
    renameSync(temporary, file);
  } finally {
    // Also after a rename between two links to one file, which POSIX lets do nothing.
    rmSync(temporary, { force: true });
  }
}
