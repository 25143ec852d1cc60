// Checksums of a whole file in the headers of an answer: the digest fields of HTTP, and what object stores send.
// Source: RFC 9530 (Repr-Digest), RFC 3230 (Digest), RFC 1864 (Content-MD5),
// cloud.google.com/storage/docs/xml-api/reference-headers (x-goog-hash).

import type { Checksum, ChecksumAlgorithm, HttpAnswer } from "../_contracts.ts";
import { fullChecksum } from "./s3-checksums.ts";

/** Names of algorithms in all of these headers, with the bytes of a value; in the order they are preferred. */
const ALGORITHMS: readonly (readonly [name: string, ChecksumAlgorithm, bytes: number])[] = [
  ["sha-256", "sha256", 32],
  ["crc32c", "crc32c", 4],
  ["sha", "sha1", 20],
  ["md5", "md5", 16],
];

/** @param partial the answer is to a Range: some of the headers are then of the bytes it carries */
export function checksumOf(headers: HttpAnswer["headers"], partial: boolean): Checksum | undefined {
  const known = new Map<string, string>();
  for (const text of [headers["repr-digest"], headers["digest"], googleHash(headers)]) {
    for (const [, name, value] of (text ?? "").matchAll(/([\w-]+)=:?([A-Za-z0-9+/]+={0,2}):?/g)) {
      const key = (name as string).toLowerCase();
      if (!known.has(key)) known.set(key, value as string);
    }
  }
  if (headers["content-md5"] && !partial) known.set("md5", headers["content-md5"]);
  for (const [name, algorithm, bytes] of ALGORITHMS) {
    const value = Buffer.from(known.get(name) ?? "", "base64");
    if (value.length === bytes) return { algorithm, value: value.toString("hex") };
  }
  // S3's are only of the whole when the answer is.
  return partial ? undefined : fullChecksum(headers);
}

/** Of the bytes as they are stored, which are not those that are sent when the store decompresses them on the way. */
function googleHash(headers: HttpAnswer["headers"]): string | undefined {
  const stored = headers["x-goog-stored-content-encoding"] ?? "identity";
  return stored === (headers["content-encoding"] ?? "identity") ? headers["x-goog-hash"] : undefined;
}
