// A lock file: one owner among processes that share a folder but no sockets, such as containers on one volume. Its
// content says who owns it, its modification time is the owner's heartbeat. What a killed owner leaves behind is removed
// by one of those who find it.

import { randomBytes } from "node:crypto";
import { closeSync, fstatSync, futimesSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { type ProcessName, runs, seesPidOf, thisProcess } from "./process.ts";

const HEARTBEAT_MS = 1000;

const POLL_MS = 250;

/**
 * How many looks in a row must find no heartbeat: 15 s. Looks and not seconds, because Lambda and `docker pause` freeze
 * the one who looks as well, and clocks of two hosts differ.
 */
const STALE_POLLS = 60;

/** What is in the file. */
interface Owner extends ProcessName {
  readonly token: string;
  /** Owns the abstract socket of this name as well. */
  readonly socket: boolean;
  /** ISO 8601, for people. */
  readonly since: string;
}

export interface Lock {
  /** Aborts when the file is not the owner's any more: somebody took it for dead, or removed the folder. */
  readonly lost: AbortSignal;
  release(): void;
}

/**
 * Take the lock, also from an owner that is certainly dead.
 * @param socket whether the caller holds the abstract socket of the same name
 * @returns `undefined` when somebody has it: see `watchLock`
 */
export function takeLock(file: string, socket: boolean): Lock | undefined {
  const lock = create(file, socket);
  if (lock !== undefined) return lock;
  const seen = look(file);
  if (seen !== undefined && !(isDead(seen.owner, socket) && takeAway(file, seen))) return undefined;
  return create(file, socket);
}

export interface LockWatch {
  /** Resolves when the lock may be free: released, its owner dead, or silent for 15 s. */
  readonly over: Promise<void>;
  leave(): void;
}

/** Wait for the lock of somebody else. */
export function watchLock(file: string, socket: boolean): LockWatch {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  let last: Seen | undefined;
  let silent = 0;
  const timer = setInterval(poll, POLL_MS);
  function poll(): void {
    const seen = look(file);
    silent = seen !== undefined && last !== undefined && isSame(seen, last) ? silent + 1 : 0;
    last = seen;
    if (seen !== undefined) {
      const stale = silent >= STALE_POLLS && !isAlive(seen.owner);
      if (!stale && !isDead(seen.owner, socket)) return;
      if (!takeAway(file, seen)) {
        // Whoever was at it was killed meanwhile.
        if (stale) rmSync(claimFile(file, seen), { force: true });
        return;
      }
    }
    leave();
  }
  function leave(): void {
    clearInterval(timer);
    resolve();
  }
  return { over, leave };
}

function create(file: string, socket: boolean): Lock | undefined {
  let fd: number;
  try {
    fd = openSync(file, "wx", 0o644);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return undefined;
    throw error;
  }
  const token = randomBytes(8).toString("hex");
  const owner: Owner = { token, ...thisProcess(), socket, since: new Date().toISOString() };
  writeSync(fd, JSON.stringify(owner));
  const lost = new AbortController();
  const isOurs = () => look(file)?.owner?.token === token;
  const heart = setInterval(() => {
    if (isOurs()) return futimesSync(fd, new Date(), new Date());
    clearInterval(heart);
    lost.abort(new Error(`${file} was taken away`));
  }, HEARTBEAT_MS).unref();
  return {
    lost: lost.signal,
    release() {
      clearInterval(heart);
      const seen = look(file);
      if (seen?.owner?.token === token) takeAway(file, seen);
      closeSync(fd);
    },
  };
}

interface Seen {
  /** Absent while it is being written, or when it is not a lock of ours. */
  readonly owner: Owner | undefined;
  readonly ino: bigint;
  readonly mtimeNs: bigint;
}

function look(file: string): Seen | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(file, "r");
    const { ino, mtimeNs } = fstatSync(fd, { bigint: true });
    return { owner: parse(readFileSync(fd, "utf8")), ino, mtimeNs };
  } catch (error) {
    // A network file system may say that it was removed while it was read.
    if (/^(ENOENT|ESTALE)$/.test((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function parse(text: string): Owner | undefined {
  try {
    const owner = JSON.parse(text) as Owner;
    return typeof owner?.token === "string" && Number.isSafeInteger(owner.pid) ? owner : undefined;
  } catch {
    return undefined;
  }
}

const isSame = (one: Seen, other: Seen): boolean =>
  one.ino === other.ino && one.mtimeNs === other.mtimeNs && one.owner?.token === other.owner?.token;

/** Known to be dead, without waiting. */
function isDead(owner: Owner | undefined, socket: boolean): boolean {
  if (owner === undefined) return false;
  const self = thisProcess();
  // Both of us bind the same name in the same network namespace, and we have it.
  const sharesSocket =
    socket && owner.socket && owner.netNamespace !== undefined && owner.netNamespace === self.netNamespace;
  if (sharesSocket && owner.bootId === self.bootId) return true;
  return seesPidOf(owner) && !runs(owner);
}

/**
 * Known to be alive, heartbeat or not: a stopped process is not taken over. Of this very process it says nothing, as the
 * thread that owned the lock may have ended.
 */
function isAlive(owner: Owner | undefined): boolean {
  if (owner?.startTicks === undefined || !seesPidOf(owner)) return false;
  const self = thisProcess();
  if (owner.pid === self.pid && owner.startTicks === self.startTicks) return false;
  return runs(owner);
}

/**
 * Remove the lock that was seen, and no other that came in its place.
 * @returns whether it is gone; `false` also while somebody else is at it
 */
function takeAway(file: string, seen: Seen): boolean {
  // By the name of what is removed: of all who saw this lock, one removes it, and then it is still this one.
  const claim = claimFile(file, seen);
  try {
    closeSync(openSync(claim, "wx"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
  try {
    const now = look(file);
    if (now !== undefined && isSame(now, seen)) rmSync(file, { force: true });
    return now === undefined || isSame(now, seen);
  } finally {
    rmSync(claim, { force: true });
  }
}

const claimFile = (file: string, { owner, ino }: Seen): string =>
  `${file}.${owner ? owner.token.replace(/\W/g, "") : ino}`;
