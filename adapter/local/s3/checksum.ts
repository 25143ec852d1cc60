// The checksums of S3: the algorithms, their headers, and what S3 allows of each in a multipart upload.
// Source: docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html.

import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import type { Content } from "./content.ts";
import { newRegister, updateCrc32c, updateCrc64Nvme } from "./crc.ts";
import { invalidRequest } from "./s3-error.ts";

/** In the order in which S3 itself lists them. Newer ones (MD5, SHA512, XXHASH) are refused. */
export const ALGORITHMS = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] as const;

export type Algorithm = (typeof ALGORITHMS)[number];

/** `FULL_OBJECT`: of all bytes. `COMPOSITE`: of the checksums of the parts, written with `-<number of parts>`. */
export type ChecksumType = "FULL_OBJECT" | "COMPOSITE";

/** Of an object. `value` is base64, without the `-N` of a composite one. */
export interface ObjectChecksum {
  readonly algorithm: Algorithm;
  readonly type: ChecksumType;
  readonly value: string;
}

export interface Hasher {
  update(bytes: Uint8Array): void;
  digest(): Buffer;
}

export function newHasher(algorithm: Algorithm | "MD5"): Hasher {
  if (algorithm === "CRC32") {
    let crc = 0;
    return {
      update: (bytes) => {
        crc = crc32(bytes, crc);
      },
      digest: () => bigEndian(crc),
    };
  }
  if (algorithm === "CRC32C") {
    const register = newRegister();
    return {
      update: (bytes) => updateCrc32c(register, bytes),
      digest: () => bigEndian(~register.low),
    };
  }
  if (algorithm === "CRC64NVME") {
    const register = newRegister();
    return {
      update: (bytes) => updateCrc64Nvme(register, bytes),
      digest: () => Buffer.concat([bigEndian(~register.high), bigEndian(~register.low)]),
    };
  }
  const hash = createHash(algorithm.toLowerCase());
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() };
}

export function digestOf(algorithm: Algorithm | "MD5", ...pieces: readonly Uint8Array[]): Buffer {
  const hasher = newHasher(algorithm);
  for (const piece of pieces) hasher.update(piece);
  return hasher.digest();
}

/** Of all bytes of a content. */
export async function digestContent(algorithm: Algorithm | "MD5", content: Content): Promise<Buffer> {
  const hasher = newHasher(algorithm);
  for await (const piece of content.read(0, content.size)) hasher.update(piece);
  return hasher.digest();
}

export function checksumHeader(algorithm: Algorithm): string {
  return `x-amz-checksum-${algorithm.toLowerCase()}`;
}

/** `ChecksumCRC32` */
export function checksumElement(algorithm: Algorithm): string {
  return `Checksum${algorithm}`;
}

/** Undefined when the name is not in the request. @throws InvalidRequest for one that S3 does not know */
export function algorithmOf(name: string | undefined): Algorithm | undefined {
  if (name === undefined) return undefined;
  const found = ALGORITHMS.find((algorithm) => algorithm === name.toUpperCase());
  if (found !== undefined) return found;
  throw invalidRequest(
    `Checksum algorithm provided is unsupported. Please try again with any of the valid types: [${ALGORITHMS.join(", ")}]`,
  );
}

/** @throws InvalidRequest when the two do not go together */
export function checksumTypeOf(algorithm: Algorithm, asked: string | undefined): ChecksumType {
  const type = asked?.toUpperCase() ?? (algorithm === "CRC64NVME" ? "FULL_OBJECT" : "COMPOSITE");
  if (type !== "FULL_OBJECT" && type !== "COMPOSITE")
    throw invalidRequest("Value for x-amz-checksum-type header is invalid.");
  const refused =
    type === "COMPOSITE" ? algorithm === "CRC64NVME" : algorithm === "SHA1" || algorithm === "SHA256";
  if (!refused) return type;
  throw invalidRequest(
    `The ${type} checksum type cannot be used with the ${algorithm.toLowerCase()} checksum algorithm.`,
  );
}

function bigEndian(word: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(word | 0);
  return bytes;
}
