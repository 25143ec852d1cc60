// Opens the files of a download: those an earlier attempt left, when they are of the same one, or new ones.

import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  openSync,
  rmSync,
  type Stats,
} from "node:fs";
import { toDiskError } from "./disk-error.ts";
import { Journal, type JournalIdentity } from "./journal.ts";
import type { PartClaim } from "./part-claim.ts";

/** Nobody changes a blob. */
const BLOB_MODE = 0o444;
/** Less the umask. */
const REOPENED_MODE = 0o666;
const MODE_BITS = 0o777;

/** Give a partial file the mode of a blob, which one that nobody opens again mostly has from the start. */
export function protect(fd: number, { mode }: Stats): void {
  if ((mode & MODE_BITS) !== BLOB_MODE) fchmodSync(fd, BLOB_MODE);
}

export interface OpenPart {
  readonly fd: number;
  /** Absent: what is fetched is not kept for later. */
  readonly journal: Journal | undefined;
}

/** @throws WEIGHTS_NO_ROOM; the claim is then released */
export function openPart(claim: PartClaim, identity: JournalIdentity): OpenPart {
  try {
    return reopen(claim, identity) ?? create(claim, identity);
  } catch (error) {
    claim.release();
    throw toDiskError(error, claim.part);
  }
}

function reopen({ part, journal: path }: PartClaim, identity: JournalIdentity): OpenPart | undefined {
  const journal = path === undefined ? undefined : Journal.open(path, identity);
  if (journal === undefined) return undefined;
  let fd: number | undefined;
  try {
    fd = openSync(part, constants.O_RDWR | constants.O_NOFOLLOW);
    if (fstatSync(fd).size === identity.size) return { fd, journal };
  } catch {
    // Not there, or no file of ours.
  }
  if (fd !== undefined) closeSync(fd);
  journal.close();
  return undefined;
}

function create(claim: PartClaim, identity: JournalIdentity): OpenPart {
  const resumable = claim.journal !== undefined;
  // A name of one's own is new.
  if (resumable) removePart(claim);
  let fd: number | undefined;
  try {
    fd = openSync(claim.part, "wx+", resumable ? REOPENED_MODE : BLOB_MODE);
    // A hole of the full size: parts are written into it in any order. Reserves nothing.
    ftruncateSync(fd, identity.size);
    return { fd, journal: claim.journal === undefined ? undefined : Journal.create(claim.journal, identity) };
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    removePart(claim);
    throw error;
  }
}

/** The part first: a journal alone promises nothing. */
export function removePart({ part, journal }: PartClaim): void {
  rmSync(part, { force: true });
  if (journal !== undefined) rmSync(journal, { force: true });
}
