// Whether there is room for what is to be fetched, before the first byte: file systems find out at the last one. When
// there is not, what other deployments left behind goes first (files/evict.ts), and then the error names the setting.
// Source: docs.aws.amazon.com/lambda/latest/api/API_EphemeralStorage.html.

import { lstatSync, statfsSync } from "node:fs";
import { ColdframeError } from "../../errors.ts";
import type { Access, PlannedFile } from "../_contracts.ts";
import { bytesOfOthers, evict } from "./evict.ts";
import { isTmpfs, memoryLeft } from "./memory.ts";
import { blobFile, blobNames } from "./tree.ts";

const MIB = 1024 * 1024;

/** For logs, compiled code, and what a model writes to the same disk. */
const RESERVE_BYTES = 64 * MIB;

/** What a file system may take for itself, of all its bytes. */
const FILE_SYSTEM_SHARE = 0.05;

/** Of Lambda, in MB of 1,048,576 bytes. */
const MIN_EPHEMERAL_MB = 512;
export const MAX_EPHEMERAL_MB = 10_240;

/** Suggestions are multiples of it. */
const EPHEMERAL_STEP_MB = 64;

/** The room of one download; it grows with its plan. */
export interface Room {
  /**
   * Make sure of room for these files as well, and that none of them is evicted. Those that are there, in whole or in
   * part, need that much less: name them all.
   * @throws WEIGHTS_NO_ROOM with the numbers and the setting
   */
  need(planned: readonly PlannedFile[]): void;
}

/**
 * For who has the turn of the root.
 * @param digest of the tree they are for; it and its blobs are never evicted
 * @param limits measures instead of the system, for tests
 */
export function openRoom(
  root: string,
  digest: string,
  environment: Access["environment"],
  limits: (root: string) => Limits = measure,
): Room {
  /** By id: two paths of one content need its bytes once. */
  const sizes = new Map<string, number>();
  let missing = 0;
  let free: number | undefined;

  function need(planned: readonly PlannedFile[]): void {
    // One look at the folder is less than two at each file.
    const names = blobNames(root);
    for (const { id, file } of planned) {
      if (sizes.has(id)) continue;
      sizes.set(id, file.size);
      missing += bytesMissing(root, id, file.size, names);
    }
    free ??= freeOf(limits(root));
    if (missing + RESERVE_BYTES <= free) return;
    // Both count from the start; now for what has been written since.
    const measureAgain = () => {
      const names = blobNames(root);
      missing = [...sizes].reduce((sum, [id, size]) => sum + bytesMissing(root, id, size, names), 0);
      free = freeOf(limits(root));
      return missing === 0 || missing + RESERVE_BYTES <= free;
    };
    if (measureAgain()) return;
    evict(root, digest, new Set(sizes.keys()), () => freeOf(limits(root)) >= missing + RESERVE_BYTES);
    if (!measureAgain())
      throw noRoom(root, missing, limits(root), bytesOfOthers(root, new Set(sizes.keys())), environment);
  }

  return { need };
}

/**
 * The least `serverless.ephemeral_storage` for a deployment with so many bytes of weights, in MB; more than 10,240 is
 * more than Lambda has.
 */
export function ephemeralStorageFor(bytes: number): number {
  const needed = ((bytes + RESERVE_BYTES) * (1 + FILE_SYSTEM_SHARE)) / MIB;
  return Math.max(MIN_EPHEMERAL_MB, Math.ceil(needed / EPHEMERAL_STEP_MB) * EPHEMERAL_STEP_MB);
}

const setStorage = (megabytes: number): string =>
  megabytes > MAX_EPHEMERAL_MB
    ? `Lambda has at most ${number(MAX_EPHEMERAL_MB)} MB of /tmp, and ${number(megabytes)} are needed: choose fewer files with allow_patterns, a smaller or quantized model, or deploy it as a container.`
    : `Set \`serverless.ephemeral_storage: ${megabytes}\` in config.yaml and deploy again.`;

/** All in bytes. */
export interface Limits {
  readonly total: number;
  readonly free: number;
  /** Only of a tmpfs: what the container may still use. */
  readonly memory?: number | undefined;
  readonly tmpfs: boolean;
}

function measure(root: string): Limits {
  const { blocks, bavail, bsize } = statfsSync(root);
  const tmpfs = isTmpfs(root);
  return { total: blocks * bsize, free: bavail * bsize, tmpfs, memory: tmpfs ? memoryLeft() : undefined };
}

const freeOf = ({ free, memory = free }: Limits): number => Math.min(free, memory);

/** A partial file has its full length from the start; what was written is in its blocks. */
function bytesMissing(root: string, id: string, size: number, names: ReadonlySet<string>): number {
  const look = (name: string) =>
    names.has(name) ? lstatSync(blobFile(root, name), { throwIfNoEntry: false }) : undefined;
  if (look(id)?.size === size) return 0;
  const part = look(`${id}.part`);
  return Math.max(0, size - (part?.blocks ?? 0) * 512);
}

function noRoom(
  root: string,
  missing: number,
  limits: Limits,
  others: number,
  environment: Access["environment"],
): ColdframeError {
  const { total, free, memory = free } = limits;
  const short = megabytes(missing + RESERVE_BYTES - freeOf(limits));
  const rest = others > MIB ? `; ${megabytes(others)} MB there belong to other deployments in use` : "";
  const where =
    memory < free
      ? `${root} is in memory, of which ${megabytes(memory)} MB are left`
      : `${root} has ${megabytes(free)} of ${megabytes(total)} MB free`;
  const reserve = `${megabytes(RESERVE_BYTES)} MB stay in reserve`;
  return new ColdframeError(
    "WEIGHTS_NO_ROOM",
    `the weights need ${megabytes(missing)} MB more, and ${where}: ${short} MB too little, as ${reserve}${rest}.`,
    { fix: wayOut(root, limits, missing, short, environment) },
  );
}

function wayOut(
  root: string,
  { total, free, memory = free, tmpfs }: Limits,
  missing: number,
  short: string,
  environment: Access["environment"],
): string {
  const elsewhere = "set COLDFRAME_DATA_DIR to a folder on a larger disk";
  if (environment["AWS_LAMBDA_FUNCTION_NAME"] !== undefined && /^\/tmp(\/|$)/.test(root)) {
    // All that is there already is there in the next environment too, mostly; and it is more than there is now.
    const now = Math.floor(total / MIB / EPHEMERAL_STEP_MB) * EPHEMERAL_STEP_MB;
    return setStorage(Math.max(ephemeralStorageFor(missing + total - free), now + EPHEMERAL_STEP_MB));
  }
  if (memory < free)
    return `Raise the memory limit of the container by ${short} MB, or ${elsewhere}: the files of a tmpfs count as memory.`;
  if (tmpfs && /^\/dev\/shm(\/|$)/.test(root))
    return `Run the container with a \`--shm-size\` at least ${short} MB larger (in Kubernetes: sizeLimit of the emptyDir mounted there), or ${elsewhere}.`;
  if (tmpfs)
    return `Make that tmpfs at least ${short} MB larger (its \`size=\` or sizeLimit), or ${elsewhere}.`;
  return `Free ${short} MB there, mount a larger volume, or ${elsewhere}.`;
}

const megabytes = (bytes: number): string => number(Math.ceil(bytes / MIB));

const number = (value: number): string => value.toLocaleString("en-US");
