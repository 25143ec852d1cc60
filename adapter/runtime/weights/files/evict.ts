// Making room: what other deployments left in the data root goes, least needed first. A tree goes only without a live
// user, a blob only when no tree has it. For who has the turn of the root: then nobody else downloads into it, and a
// process that finds its tree gone waits.

import { randomBytes } from "node:crypto";
import { lstatSync, readdirSync, readlinkSync, renameSync, rmdirSync, rmSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { readyFile, readyIds } from "./ready.ts";
import { treeFolder } from "./tree.ts";
import { liveUsers } from "./users.ts";

/** Trees moved aside, whose removal was cut off. */
const ASIDE = ".evicted-";

/**
 * Remove what nobody needs until `enough` says so: blobs without a tree, then trees without a user and their blobs,
 * oldest first.
 * @param digest of the tree that stays
 * @param keep ids that stay, with their partial files
 */
export function evict(root: string, digest: string, keep: ReadonlySet<string>, enough: () => boolean): void {
  for (const name of list(join(root, "trees"))) {
    if (name.startsWith(ASIDE)) rmSync(join(root, "trees", name), { recursive: true, force: true });
  }
  removeUnused(root, keep, enough);
  for (const victim of treesByAge(root, digest)) {
    if (enough()) return;
    if (removeTree(root, victim)) removeUnused(root, keep, enough);
  }
}

/** What the data root holds that is not in `keep`, in bytes. */
export function bytesOfOthers(root: string, keep: ReadonlySet<string>): number {
  return list(join(root, "blobs"))
    .filter((name) => !keep.has(idOf(name)))
    .reduce((sum, name) => {
      const found = lstatSync(join(root, "blobs", name), { throwIfNoEntry: false });
      return sum + (found?.blocks ?? 0) * 512;
    }, 0);
}

/** Blobs and partial files that no tree has, oldest first. */
function removeUnused(root: string, keep: ReadonlySet<string>, enough: () => boolean): void {
  const used = idsInUse(root);
  const unused = list(join(root, "blobs")).flatMap((name) => {
    const id = idOf(name);
    const file = join(root, "blobs", name);
    const found = lstatSync(file, { throwIfNoEntry: false });
    // A partial file of what a tree has is left over.
    if (found === undefined || found.nlink > 1 || keep.has(id) || used.has(name)) return [];
    return [{ file, mtimeMs: found.mtimeMs }];
  });
  for (const { file } of unused.toSorted((one, other) => one.mtimeMs - other.mtimeMs)) {
    if (enough()) return;
    rmSync(file, { force: true });
  }
}

/** All but `digest`: without a record first, which nobody can use, then those whose record is oldest. */
function treesByAge(root: string, digest: string): string[] {
  const age = (other: string) => statSync(readyFile(root, other), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return trees(root)
    .filter((other) => other !== digest)
    .map((other) => ({ other, age: age(other) }))
    .toSorted((one, two) => one.age - two.age)
    .map(({ other }) => other);
}

/** @returns whether it is gone */
function removeTree(root: string, digest: string): boolean {
  if (liveUsers(root, digest) > 0) return false;
  const record = readyFile(root, digest);
  const aside = join(root, "trees", ASIDE + randomBytes(8).toString("hex"));
  const isReady = statSync(record, { throwIfNoEntry: false }) !== undefined;
  // The record first. Whoever comes now marks itself as a user, finds no record and waits for the turn; whoever read
  // the record before was marked before that.
  if (isReady) renameSync(record, `${aside}.ready`);
  if (liveUsers(root, digest) > 0) {
    if (isReady) renameSync(`${aside}.ready`, record);
    return false;
  }
  renameSync(treeFolder(root, digest), aside);
  removeEmpty(join(root, "trees", `${digest}.users`));
  rmSync(aside, { recursive: true, force: true });
  rmSync(`${aside}.ready`, { force: true });
  return true;
}

/** Of all trees: where there are no hard links, the number of a blob's links says nothing. */
const idsInUse = (root: string): Set<string> =>
  new Set(trees(root).flatMap((digest) => idsOfTree(root, digest)));

/** By its record, or by the links that are in it so far. */
const idsOfTree = (root: string, digest: string): readonly string[] =>
  readyIds(root, digest) ?? targetsBelow(treeFolder(root, digest));

function targetsBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return targetsBelow(path);
    return entry.isSymbolicLink() ? [basename(readlinkSync(path))] : [];
  });
}

const trees = (root: string): string[] =>
  list(join(root, "trees")).filter(
    (name) =>
      !name.startsWith(ASIDE) && lstatSync(join(root, "trees", name)).isDirectory() && !name.includes("."),
  );

/** A user may have come between. */
function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {}
}

const idOf = (name: string): string => name.replace(/\..*$/, "");

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
