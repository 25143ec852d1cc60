// Whether a file still is what was verified: by what lstat says of it, or by its content. What is compared when, and where
// it is recorded, is files/ready.ts.

import { type BigIntStats, closeSync, lstatSync, openSync, readSync, statSync } from "node:fs";
import type { Blocks, Checksum } from "../_contracts.ts";
import { createChecksum } from "./checksum.ts";

const READ_BYTES = 1024 * 1024;

/** What a file was when it was verified. */
export interface Recorded {
  readonly size: number;
  readonly mtimeNs: string;
  readonly ino: string;
  readonly checksum?: Checksum;
  readonly blocks?: Blocks;
}

/** Of the file itself, or of what a link to a blob points at. */
export function look(file: string): BigIntStats | undefined {
  const options = { bigint: true, throwIfNoEntry: false } as const;
  const found = lstatSync(file, options);
  return found?.isSymbolicLink() ? statSync(file, options) : found;
}

/** By size, time and inode. */
export function isUnchanged(file: string, was: Recorded): boolean {
  const is = look(file);
  return (
    is !== undefined &&
    is.isFile() &&
    Number(is.size) === was.size &&
    String(is.mtimeNs) === was.mtimeNs &&
    String(is.ino) === was.ino
  );
}

/** Whether the content has its checksum; without one, its size. */
export function isIntact(file: string, { size, checksum, blocks }: Recorded): boolean {
  if (look(file)?.size !== BigInt(size)) return false;
  if (checksum) return checksumOf(file, 0, size, checksum.algorithm) === checksum.value.toLowerCase();
  if (!blocks) return true;
  const values = Buffer.from(blocks.values, "base64");
  const count = Math.ceil(size / blocks.size);
  if (count === 0) return true;
  const width = values.length / count;
  return Array.from({ length: count }, (_, index) => {
    const start = index * blocks.size;
    const length = Math.min(blocks.size, size - start);
    const value = values.subarray(index * width, (index + 1) * width).toString("hex");
    return checksumOf(file, start, length, blocks.algorithm) === value;
  }).every(Boolean);
}

function checksumOf(file: string, start: number, size: number, algorithm: Checksum["algorithm"]): string {
  const checksum = createChecksum(algorithm, size);
  const slice = Buffer.allocUnsafe(Math.min(READ_BYTES, Math.max(size, 1)));
  const fd = openSync(file, "r");
  try {
    for (let at = 0; at < size; ) {
      const read = readSync(fd, slice, 0, Math.min(slice.length, size - at), start + at);
      if (read === 0) break;
      checksum.update(slice.subarray(0, read));
      at += read;
    }
  } finally {
    closeSync(fd);
  }
  return checksum.digest();
}
