// What S3 knows of an object's bytes: full-object checksums, the checksums of its parts, the MD5 that an ETag may be.
// A value that is not of the whole object, or not of its plain bytes, must never be taken for a checksum of the file.
// Source: docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html, API_Object.html (ETag).

import type { HttpAnswer, Blocks, Checksum, ChecksumAlgorithm } from "../_contracts.ts";
import type { Part } from "./s3-documents.ts";

type Headers = HttpAnswer["headers"];
type BlockAlgorithm = Blocks["algorithm"];

/** Bytes of a value. In the order they are preferred; an object has one of them, rarely more. */
const LENGTHS = {
  sha256: 32,
  crc64nvme: 8,
  crc32c: 4,
  crc32: 4,
  sha1: 20,
  md5: 16,
} as const satisfies Partial<Record<ChecksumAlgorithm, number>>;

const ALGORITHMS = Object.keys(LENGTHS) as (keyof typeof LENGTHS)[];

/** A checksum over the checksums of the parts, with their number behind. */
const COMPOSITE = /^[A-Za-z0-9+/]+=*-\d+$/;

/** The checksum of the whole object among the headers of an answer to HEAD. */
export function fullChecksum(headers: Headers): Checksum | undefined {
  // Older servers do not say the type; of a multipart object it may then be either.
  const type = headers["x-amz-checksum-type"] ?? (partCount(headers["etag"]) ? "unknown" : "FULL_OBJECT");
  if (type !== "FULL_OBJECT") return undefined;
  for (const algorithm of ALGORITHMS) {
    const value = toHex(headers[`x-amz-checksum-${algorithm}`], LENGTHS[algorithm]);
    if (value) return { algorithm, value };
  }
  return undefined;
}

/** Whether the parts of the object have checksums, each its own. */
export function compositeAlgorithm(headers: Headers): BlockAlgorithm | undefined {
  for (const algorithm of ALGORITHMS) {
    const value = headers[`x-amz-checksum-${algorithm}`];
    if (!value || algorithm === "md5") continue;
    if (headers["x-amz-checksum-type"] === "COMPOSITE" || COMPOSITE.test(value)) return algorithm;
  }
  return undefined;
}

/** The MD5 that is the ETag of an object put in one piece, unless it is encrypted in a way that changes the ETag. */
export function md5Checksum(headers: Headers): Checksum | undefined {
  return changesEtag(headers) ? undefined : md5OfEtag(headers["etag"]);
}

/** An ETag that looks like an MD5: see `changesEtag`. */
export function md5OfEtag(etag: string | undefined): Checksum | undefined {
  const value = /^"([0-9a-f]{32})"$/.exec(etag ?? "")?.[1];
  return value ? { algorithm: "md5", value } : undefined;
}

/** Encrypted with a key of KMS or of the customer: the ETag is 32 hex digits all the same, and not the MD5. */
export function changesEtag(headers: Headers): boolean {
  return (
    (headers["x-amz-server-side-encryption"] ?? "AES256") !== "AES256" ||
    headers["x-amz-server-side-encryption-customer-algorithm"] !== undefined
  );
}

/**
 * What whoever uploaded the object wrote into its metadata, as `coldframe` does. S3 does not check it, so it counts
 * only when S3 knows nothing itself; a wrong one is found as a corrupt file, never taken for a right one.
 */
export function metadataChecksum(headers: Headers): Checksum | undefined {
  const value = headers["x-amz-meta-sha256"]?.toLowerCase();
  return value && /^[0-9a-f]{64}$/.test(value) ? { algorithm: "sha256", value } : undefined;
}

/** The number of parts in the ETag of a multipart object. */
export function partCount(etag: string | undefined): number | undefined {
  const digits = /^"[0-9a-f]{32}-(\d{1,5})"$/.exec(etag ?? "")?.[1];
  return digits ? Number(digits) : undefined;
}

/** The parts as blocks: only when they are all there, in order, and all but the last are of one size. */
export function toBlocks(
  parts: readonly Part[],
  algorithm: BlockAlgorithm,
  size: number,
): Blocks | undefined {
  const blockSize = parts[0]?.size ?? 0;
  if (blockSize === 0) return undefined;
  const values: string[] = [];
  let end = 0;
  for (const [index, part] of parts.entries()) {
    const value = toHex(part.checksums[algorithm], LENGTHS[algorithm]);
    const last = index === parts.length - 1;
    if (!value || part.number !== index + 1) return undefined;
    if (last ? part.size > blockSize || part.size === 0 : part.size !== blockSize) return undefined;
    values.push(value);
    end += part.size;
  }
  if (end !== size) return undefined;
  return { algorithm, size: blockSize, values: Buffer.from(values.join(""), "hex").toString("base64") };
}

function toHex(value: string | undefined, length: number): string | undefined {
  if (!value || !/^[A-Za-z0-9+/]+={0,2}$/.test(value)) return undefined;
  const bytes = Buffer.from(value, "base64");
  return bytes.length === length ? bytes.toString("hex") : undefined;
}
