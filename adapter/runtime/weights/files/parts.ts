// How a file is cut into the parts that are fetched, so that every checksum the source has for a piece of it can be
// held against whole parts.

import { ColdframeError } from "../../errors.ts";
import type { Blocks, RemoteFile } from "../_contracts.ts";

export interface Part {
  readonly index: number;
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

/**
 * A checksum of the source, and the fewest parts it needs: parts `from` to `to` (exclusive) are the bytes `start` to
 * `end` (exclusive), and nothing else is in them but further blocks.
 */
export interface Block {
  readonly index: number;
  readonly start: number;
  readonly end: number;
  readonly from: number;
  readonly to: number;
  /** Lower-case hex. */
  readonly checksum: string;
}

/** Of one value, in bytes. */
const VALUE_BYTES: Readonly<Record<Blocks["algorithm"], number>> = {
  crc32: 4,
  crc32c: 4,
  crc64nvme: 8,
  sha1: 20,
  sha256: 32,
};

/**
 * Cut `size` bytes into parts of at most `partBytes`; of one block where blocks are larger than that times two, each
 * block is cut by itself.
 */
export function cutParts(size: number, partBytes: number, blockBytes?: number): Part[] {
  const parts: Part[] = [];
  const cut = (from: number, to: number, length: number) => {
    for (let start = from; start < to; start += length) {
      parts.push({ index: parts.length, start, end: Math.min(start + length, to) });
    }
  };
  if (blockBytes === undefined || blockBytes <= partBytes) {
    cut(0, size, blockBytes === undefined ? partBytes : partBytes - (partBytes % blockBytes));
  } else {
    for (let at = 0; at < size; at += blockBytes) cut(at, Math.min(at + blockBytes, size), partBytes);
  }
  return parts;
}

/**
 * The blocks of a file over parts that were cut for them.
 * @throws WEIGHTS_INVALID when there are too many or too few
 */
export function readBlocks({ key, size }: RemoteFile, blocks: Blocks, parts: readonly Part[]): Block[] {
  const width = VALUE_BYTES[blocks.algorithm];
  const values = Buffer.from(blocks.values, "base64");
  const count = Math.ceil(size / blocks.size);
  if (!(blocks.size > 0) || values.length !== count * width) {
    throw new ColdframeError(
      "WEIGHTS_INVALID",
      `${key} has ${size} bytes, which is ${count} blocks of ${blocks.size}, and ${values.length / width} checksums of blocks.`,
      { fix: "Write weights.lock.json anew, or upload the file again with `coldframe push-weights`." },
    );
  }
  let from = 0;
  return Array.from({ length: count }, (_, index) => {
    const start = index * blocks.size;
    const end = Math.min(start + blocks.size, size);
    while ((parts[from] as Part).end <= start) from++;
    let to = from + 1;
    while ((parts[to - 1] as Part).end < end) to++;
    const checksum = values.subarray(index * width, (index + 1) * width).toString("hex");
    return { index, start, end, from, to, checksum };
  });
}
