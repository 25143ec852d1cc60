// Whose a partial file is. Two downloads of one file never write to the same one: blobs/<id>.part and its journal are
// for who claims them, and whoever comes meanwhile gets a name of its own, which is not continued by anybody. A claim is
// a file named after its process, so that it ends with the process.

import { createHash, randomBytes } from "node:crypto";
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { runs, thisProcess } from "./process.ts";
import { blobFile } from "./tree.ts";

/** How long nothing was written for a process that is not seen from here (another container, another host). */
const FOREIGN_SILENCE_MS = 60_000;

/** `<id>.<owner>.claim`, and partial files that nobody will continue. */
const OWNED = /^([0-9a-f]+)\.([\w-]+)\.(claim|part)$/;

export interface PartClaim {
  readonly part: string;
  /** `undefined`: what is fetched is not kept for later. */
  readonly journal: string | undefined;
  /** When the files are closed or gone. */
  release(): void;
}

/** Data roots that this thread has looked through for what killed processes left. */
const swept = new Set<string>();

/** Tells the claims of this thread from those of other threads of the process. */
const THREAD = randomBytes(4).toString("hex");
let claims = 0;

/** @param resumable whether to ask for the partial file that can be continued */
export function claimPart(root: string, id: string, resumable: boolean): PartClaim {
  if (!swept.has(root)) {
    mkdirSync(join(root, "blobs"), { recursive: true });
    sweep(root);
  }
  swept.add(root);
  const owned = `${blobFile(root, id)}.${ownerName()}-${THREAD}${(claims++).toString(36)}`;
  const apart: PartClaim = { part: `${owned}.part`, journal: undefined, release: () => {} };
  if (!resumable) return apart;
  const own = `${owned}.claim`;
  closeSync(openSync(own, "wx"));
  // First the own claim, then the look at others': of two who do that at once, one sees the other, or each does and
  // nobody has it.
  if (sweep(root, id).length > 1) {
    rmSync(own, { force: true });
    return apart;
  }
  return {
    part: `${blobFile(root, id)}.part`,
    journal: `${blobFile(root, id)}.journal`,
    release: () => rmSync(own, { force: true }),
  };
}

/**
 * Remove the partial files of what is complete: a killed process left them, and another one fetched the file apart.
 * @param complete ids
 */
export function removeParts(root: string, complete: ReadonlySet<string>): void {
  const folder = join(root, "blobs");
  for (const name of readdirSync(folder)) {
    const id = /^([0-9a-f]+)\.(part|journal)$/.exec(name)?.[1] ?? "";
    if (complete.has(id) && sweep(root, id).length === 0) rmSync(join(folder, name), { force: true });
  }
}

/**
 * Remove what processes that ended have left and nobody can continue.
 * @returns the claims of `id` that stay
 */
function sweep(root: string, id?: string): string[] {
  const folder = join(root, "blobs");
  return readdirSync(folder).filter((name) => {
    const [, owned, owner = "", kind] = OWNED.exec(name) ?? [];
    if (owned === undefined || (id !== undefined && owned !== id)) return false;
    const path = join(folder, name);
    if (!isAbandoned(owner, [path, `${blobFile(root, owned)}.part`])) return kind === "claim";
    rmSync(path, { force: true });
    return false;
  });
}

/** @param signs files that the owner writes to while it lives */
function isAbandoned(owner: string, signs: readonly string[]): boolean {
  const [pid, startTicks, boot, namespace] = owner.split("-");
  const [, , ownBoot, ownNamespace] = ownerName().split("-");
  if (boot === ownBoot && namespace === ownNamespace)
    return !runs({ pid: Number(pid), ...(startTicks !== "0" && startTicks !== undefined && { startTicks }) });
  const seen = signs.map((path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0);
  return Date.now() - Math.max(...seen) > FOREIGN_SILENCE_MS;
}

let owner: string | undefined;

/** `<pid>-<start ticks>-<boot>-<pid namespace>`; in the name of a claim, what is its own follows. */
function ownerName(): string {
  if (owner === undefined) {
    const { pid, startTicks, bootId, pidNamespace, host } = thisProcess();
    const boot = createHash("sha256")
      .update(bootId ?? host)
      .digest("hex")
      .slice(0, 12);
    owner = [pid, startTicks ?? 0, boot, pidNamespace ?? 0].join("-");
  }
  return owner;
}
