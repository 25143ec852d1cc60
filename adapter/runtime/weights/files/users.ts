// Who uses a tree: one marker file per use in trees/<digest>.users/, named after the process, so that nobody's files
// are evicted. A marker outlives a killed process; whoever looks removes it then.

import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type ProcessName, runs, seesPidOf, thisProcess } from "./process.ts";

/** How often a marker is renewed, for those who share the volume and do not see our pid. */
const RENEW_MS = 10 * 60_000;

/** How old a marker of such a process may be. */
const STALE_MS = 6 * RENEW_MS;

const folderOf = (root: string, digest: string) => join(root, "trees", `${digest}.users`);

/**
 * Mark this process as a user of the tree, before its ready file is read: then nobody evicts it in between.
 * @returns ends the use. The marker is renewed by the thread that calls, so call it in one that stays.
 */
export function useTree(root: string, digest: string): () => void {
  // The random end: a use that ends takes no other's marker along.
  const marker = join(folderOf(root, digest), `${nameOf(thisProcess())}-${randomBytes(4).toString("hex")}`);
  write(marker);
  const renewal = setInterval(() => {
    try {
      const now = new Date();
      utimesSync(marker, now, now);
    } catch {
      // Read-only by now, or the root is gone: nothing to protect.
    }
  }, RENEW_MS).unref();
  return () => {
    clearInterval(renewal);
    remove(marker);
  };
}

/** How many uses of the tree there are, as far as that can be known; removes the markers of processes that ended. */
export function liveUsers(root: string, digest: string): number {
  const folder = folderOf(root, digest);
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return 0;
  }
  return names.filter((name) => {
    const marker = join(folder, name);
    const user = parse(name);
    if (user !== undefined && (seesPidOf(user) ? runs(user) : isFresh(marker))) return true;
    remove(marker);
    return false;
  }).length;
}

// Again when an eviction removed the empty folder in between. Where nothing can be written, nothing is evicted either:
// EROFS, EACCES, and ENOENT, which is what a recursive mkdir makes of EROFS.
function write(marker: string): void {
  for (let left = 10; left > 0; left--) {
    try {
      mkdirSync(dirname(marker), { recursive: true });
      return writeFileSync(marker, "");
    } catch (error) {
      if (!/^(ENOENT|EROFS|EACCES|EPERM)$/.test((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  }
}

function remove(marker: string): void {
  try {
    rmSync(marker, { force: true });
  } catch {
    // Read-only, as above.
  }
}

function isFresh(marker: string): boolean {
  const found = statSync(marker, { throwIfNoEntry: false });
  return found !== undefined && Date.now() - found.mtimeMs < STALE_MS;
}

/** `<pid>-<start ticks>-<boot id>-<pid namespace>`, or elsewhere than on Linux `<pid>-at-<host>`. */
function nameOf({ pid, startTicks, bootId, pidNamespace, host }: ProcessName): string {
  if (startTicks === undefined || bootId === undefined)
    return `${pid}-at-${host.replace(/[^\w.-]/g, "_").slice(0, 200)}`;
  return `${pid}-${startTicks}-${bootId.replaceAll("-", "")}-${pidNamespace ?? 0}`;
}

function parse(marker: string): ProcessName | undefined {
  const name = marker.slice(0, marker.lastIndexOf("-"));
  const elsewhere = /^(\d+)-at-(.+)$/.exec(name);
  if (elsewhere) {
    const [, pid, host] = elsewhere as unknown as [string, string, string];
    const self = thisProcess().host;
    return { pid: Number(pid), host: name === nameOf({ pid: Number(pid), host: self }) ? self : host };
  }
  const parts = /^(\d+)-(\d+)-([0-9a-f]{32})-(\d+)$/.exec(name);
  if (!parts) return undefined;
  const [, pid, startTicks, boot, pidNamespace] = parts as unknown as [
    string,
    string,
    string,
    string,
    string,
  ];
  return {
    pid: Number(pid),
    startTicks,
    // As the kernel writes it, with its dashes.
    bootId: boot.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"),
    ...(pidNamespace === "0" ? {} : { pidNamespace }),
    host: "",
  };
}
