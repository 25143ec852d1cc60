// The objects of a benchmark: random files, what a lock or S3 would say of them, and whether a copy is one.

import { randomFillSync } from "node:crypto";
import { closeSync, mkdirSync, openSync, readSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { createChecksum } from "../adapter/runtime/weights/files/checksum.ts";
import type { RemoteFile } from "../adapter/runtime/weights/_contracts.ts";

/** As `coldframe push-weights` cuts. */
const BLOCK_BYTES = 8 * 1024 * 1024;

/** Write a file of random bytes. @param file below the folder of a bucket */
export function writeRandom(file: string, size: number): void {
  mkdirSync(dirname(file), { recursive: true });
  const piece = Buffer.allocUnsafe(BLOCK_BYTES);
  const fd = openSync(file, "w");
  for (let at = 0; at < size; ) {
    randomFillSync(piece);
    at += writeSync(fd, piece, 0, Math.min(piece.length, size - at));
  }
  closeSync(fd);
}

/** What the lock file says of a file that was pushed. */
export function checksumsOf(file: string): Pick<RemoteFile, "checksum" | "blocks"> {
  const size = statSync(file).size;
  const whole = createChecksum("crc32c");
  const pieces: string[] = [];
  readPieces(file, (piece) => {
    const block = createChecksum("crc32c");
    for (const checksum of [whole, block]) checksum.update(piece);
    pieces.push(block.digest());
  });
  const values = Buffer.from(pieces.join(""), "hex").toString("base64");
  const blocks = { algorithm: "crc32c", size: BLOCK_BYTES, values } as const;
  const checksum = { algorithm: "crc32c", value: whole.digest() } as const;
  return { checksum, ...(size > BLOCK_BYTES && { blocks }) };
}

/** What S3 says of an object that came without a checksum. */
export function crc64OfFile(file: string): Pick<RemoteFile, "checksum"> {
  const running = createChecksum("crc64nvme");
  readPieces(file, (piece) => running.update(piece));
  return { checksum: { algorithm: "crc64nvme", value: running.digest() } };
}

/** Whether two files have the same bytes. */
export function sameBytes(a: string, b: string): boolean {
  if (statSync(a).size !== statSync(b).size) return false;
  const fd = openSync(b, "r");
  const other = Buffer.allocUnsafe(BLOCK_BYTES);
  let same = true;
  readPieces(a, (piece, i) => {
    const read = readSync(fd, other, 0, piece.length, i * BLOCK_BYTES);
    same &&= piece.equals(other.subarray(0, read));
  });
  closeSync(fd);
  return same;
}

function readPieces(file: string, onPiece: (piece: Buffer, index: number) => void): void {
  const fd = openSync(file, "r");
  const piece = Buffer.allocUnsafe(BLOCK_BYTES);
  for (let i = 0; ; i++) {
    const read = readSync(fd, piece, 0, piece.length, i * BLOCK_BYTES);
    if (read === 0) break;
    onPiece(piece.subarray(0, read), i);
  }
  closeSync(fd);
}
