// Holds a file against what is known of its whole content. A CRC comes from those of the parts; a hash follows the parts
// from the first on as they come, read back from the page cache, so that little is left to do when the last one is in.

import type { Mismatch } from "./block-check.ts";
import { type CrcAlgorithm, createChecksum, isCrc, type RunningChecksum } from "./checksum.ts";
import type { Checksum, PlannedFile } from "../_contracts.ts";
import { concatenateCrcs } from "./crc-combine.ts";
import type { Part } from "./parts.ts";
import type { ReadBack } from "./read-back.ts";

/** What the whole has to be. config.yaml's checksum is asked for beside the source's, and instead of one of its kind. */
export function checksOf({ entry, file }: PlannedFile): Checksum[] {
  const checks: Checksum[] = [];
  if (entry.sha256 !== undefined) checks.push({ algorithm: "sha256", value: entry.sha256.toLowerCase() });
  if (file.checksum !== undefined && file.checksum.algorithm !== checks[0]?.algorithm)
    checks.push(file.checksum);
  return checks;
}

/**
 * The CRC to compute of parts: that of the blocks, so that each is checked when it is there; that of the whole; or, for
 * the journal's sake, the fastest there is.
 */
export function partAlgorithmOf(
  { file }: PlannedFile,
  checks: readonly Checksum[],
  journaled: boolean,
): CrcAlgorithm | undefined {
  const wanted = [file.blocks?.algorithm, ...checks.map(({ algorithm }) => algorithm)];
  const algorithm = wanted.find((name) => name !== undefined && isCrc(name)) as CrcAlgorithm | undefined;
  return algorithm ?? (journaled ? "crc32c" : undefined);
}

export class WholeCheck {
  readonly #checks: readonly Checksum[];
  readonly #parts: readonly Part[];
  readonly #checksums: ReadonlyMap<number, string>;
  readonly #readBack: ReadBack;
  /** Of those checks that do not come from the parts' checksums. */
  readonly #hashes = new Map<Checksum, RunningChecksum>();
  /** How many parts from the first on are hashed, or about to be. */
  #frontier = 0;

  /** @param checksums of the parts that are there, by `partAlgorithm` */
  constructor(
    checks: readonly Checksum[],
    size: number,
    parts: readonly Part[],
    partAlgorithm: CrcAlgorithm | undefined,
    checksums: ReadonlyMap<number, string>,
    readBack: ReadBack,
  ) {
    this.#checks = checks;
    this.#parts = parts;
    this.#checksums = checksums;
    this.#readBack = readBack;
    for (const check of checks) {
      if (check.algorithm !== partAlgorithm) this.#hashes.set(check, createChecksum(check.algorithm, size));
    }
  }

  /** There are more parts than before. */
  advance(): void {
    if (this.#hashes.size === 0) return;
    for (; this.#checksums.has(this.#frontier); this.#frontier++) {
      const { start, end } = this.#parts[this.#frontier] as Part;
      this.#readBack.add(start, end, (bytes) => {
        for (const hash of this.#hashes.values()) hash.update(bytes);
      });
    }
  }

  /** What is not as it has to be, when all parts are there and everything was read back. Ask once. */
  mismatch(): Mismatch | undefined {
    for (const check of this.#checks) {
      const { algorithm, value: expected } = check;
      const found = this.#hashes.get(check)?.digest() ?? this.#concatenated(algorithm as CrcAlgorithm);
      if (found !== expected)
        return { algorithm, expected, found, start: 0, end: this.#parts.at(-1)?.end ?? 0 };
    }
    return undefined;
  }

  #concatenated(algorithm: CrcAlgorithm): string {
    const pieces = this.#parts.map(({ index, start, end }) => ({
      crc: this.#checksums.get(index) as string,
      length: end - start,
    }));
    return concatenateCrcs(algorithm, pieces);
  }
}
