// Running checksums of all algorithms a source may name, behind one shape. CRCs of 32 bits come from zlib, hashes from
// OpenSSL, the CRCs Node does not have from files/crc.ts.

import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import type { ChecksumAlgorithm } from "../_contracts.ts";
import { extendCrc, type WideCrc } from "./crc.ts";

export { allocateSlabs } from "./crc.ts";

export type CrcAlgorithm = "crc32" | WideCrc;

export interface RunningChecksum {
  update(bytes: Uint8Array): void;
  /** Lower-case hex at full width. Of a hash only once; a CRC may go on after it. */
  digest(): string;
}

/** Hex digits of a CRC. */
export const CRC_DIGITS: Readonly<Record<CrcAlgorithm, number>> = { crc32: 8, crc32c: 8, crc64nvme: 16 };

export const isCrc = (algorithm: string): algorithm is CrcAlgorithm => Object.hasOwn(CRC_DIGITS, algorithm);

/** @param size of the whole content in bytes; `git-sha1` begins with it, the others do not need it */
export function createChecksum(algorithm: ChecksumAlgorithm, size?: number): RunningChecksum {
  if (algorithm === "crc32") return zlibCrc();
  if (isCrc(algorithm)) return wideCrc(algorithm);
  if (algorithm !== "git-sha1") return createHashOf(algorithm);
  if (size === undefined) throw new TypeError("git-sha1 begins with the size of the content");
  const hash = createHashOf("sha1");
  hash.update(Buffer.from(`blob ${size}\0`));
  return hash;
}

function zlibCrc(): RunningChecksum {
  let crc = 0;
  return {
    update: (bytes) => {
      crc = crc32(bytes, crc);
    },
    digest: () => crc.toString(16).padStart(CRC_DIGITS.crc32, "0"),
  };
}

function wideCrc(algorithm: WideCrc): RunningChecksum {
  let crc = 0n;
  return {
    update: (bytes) => {
      crc = extendCrc(algorithm, crc, bytes);
    },
    // WebAssembly's integers come back signed.
    digest: () => BigInt.asUintN(64, crc).toString(16).padStart(CRC_DIGITS[algorithm], "0"),
  };
}

function createHashOf(algorithm: "sha256" | "sha1" | "md5"): RunningChecksum {
  const hash = createHash(algorithm);
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest("hex") };
}
