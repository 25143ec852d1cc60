// Holds the parts of a file against its source's checksums of blocks. CRCs are compared as soon as their parts are
// there, from the parts' own; hashes after the bytes were read back.

import { createChecksum, isCrc } from "./checksum.ts";
import type { Blocks, ChecksumAlgorithm, RemoteFile } from "../_contracts.ts";
import { concatenateCrcs } from "./crc-combine.ts";
import { type Block, type Part, readBlocks } from "./parts.ts";
import type { ReadBack } from "./read-back.ts";

/** A checksum that is not the expected one, and the bytes it is of. */
export interface Mismatch {
  readonly algorithm: ChecksumAlgorithm | "size";
  readonly expected: string;
  readonly found: string;
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

/** Parts and blocks that end together: one part of whole blocks, or one block of whole parts. */
interface Group {
  readonly parts: Part[];
  readonly blocks: Block[];
  missing: number;
}

export class BlockCheck {
  /** By part, what a block it is in has wrong. */
  readonly wrong = new Map<number, Mismatch>();
  readonly #algorithm: Blocks["algorithm"];
  readonly #groups = new Map<number, Group>();
  readonly #readBack: ReadBack;
  readonly #checksums: ReadonlyMap<number, string>;

  /**
   * @param checksums of the parts that are there, by `blocks.algorithm` where that is a CRC
   * @throws WEIGHTS_INVALID when the blocks are not those of the file
   */
  constructor(
    file: RemoteFile,
    blocks: Blocks,
    parts: readonly Part[],
    readBack: ReadBack,
    checksums: ReadonlyMap<number, string>,
  ) {
    this.#algorithm = blocks.algorithm;
    this.#readBack = readBack;
    this.#checksums = checksums;
    for (const block of readBlocks(file, blocks, parts)) {
      const own = parts.slice(block.from, block.to);
      const group = this.#groups.get(block.from) ?? { parts: own, blocks: [], missing: own.length };
      group.blocks.push(block);
      for (const part of own) this.#groups.set(part.index, group);
    }
  }

  /** What is wrong with a part, as far as its checksum says that by itself. */
  mismatch(part: number, checksum: string): Mismatch | undefined {
    const group = this.#groups.get(part) as Group;
    if (!isCrc(this.#algorithm) || group.parts.length > 1) return undefined;
    return this.#compareCrc(group, checksum);
  }

  /** Say that a part is there; its blocks are checked with the last of their parts. */
  add(part: number): void {
    const group = this.#groups.get(part) as Group;
    group.missing--;
    if (group.missing > 0) return;
    if (!isCrc(this.#algorithm)) {
      for (const block of group.blocks) this.#compareHash(group, block);
    } else if (group.parts.length > 1) {
      const pieces = group.parts.map((one) => ({
        crc: this.#checksums.get(one.index) as string,
        length: one.end - one.start,
      }));
      const mismatch = this.#compareCrc(group, concatenateCrcs(this.#algorithm, pieces));
      if (mismatch !== undefined) this.#reject(group, mismatch);
    }
  }

  #compareCrc({ blocks }: Group, found: string): Mismatch | undefined {
    const algorithm = this.#algorithm;
    if (!isCrc(algorithm)) return undefined;
    const pieces = blocks.map(({ checksum, start, end }) => ({ crc: checksum, length: end - start }));
    const expected = concatenateCrcs(algorithm, pieces);
    if (found === expected) return undefined;
    return {
      algorithm,
      expected,
      found,
      start: (blocks[0] as Block).start,
      end: (blocks.at(-1) as Block).end,
    };
  }

  #compareHash(group: Group, { start, end, checksum: expected }: Block): void {
    const algorithm = this.#algorithm;
    const hash = createChecksum(algorithm);
    this.#readBack.add(
      start,
      end,
      (bytes) => hash.update(bytes),
      () => {
        const found = hash.digest();
        if (found !== expected) this.#reject(group, { algorithm, expected, found, start, end });
      },
    );
  }

  #reject({ parts }: Group, mismatch: Mismatch): void {
    for (const { index } of parts) this.wrong.set(index, mismatch);
  }
}
