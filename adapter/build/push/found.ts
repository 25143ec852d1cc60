// Whether an object is already what would be uploaded: the same size, and a checksum of the whole that S3 knows, or that
// an earlier push wrote into the object's metadata where the server knows none.

import type { HeadObjectCommandOutput } from "@aws-sdk/client-s3";
import { pushError } from "./errors.ts";
import type { FileFacts } from "./files.ts";
import { type Bucket, toBase64, type WrittenObject } from "./upload.ts";

/** What is at `key` now; undefined when there is nothing, or when this caller may not look. */
export async function findObject(bucket: Bucket, key: string): Promise<HeadObjectCommandOutput | undefined> {
  const { client, sdk, place, signal } = bucket;
  try {
    const ask = new sdk.HeadObjectCommand({ Bucket: place.bucket, Key: key, ChecksumMode: "ENABLED" });
    return await bucket.room(0, () => client.send(ask, { abortSignal: signal }));
  } catch (error) {
    signal.throwIfAborted();
    // HEAD has no body: 404 is no object or no bucket, 403 may be no object for who may not list. Writing tells.
    const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
    if (status === 404 || status === 403) return undefined;
    throw pushError(error, bucket, key, "s3:GetObject");
  }
}

/** The object, if it has these bytes. */
export function sameObject(
  found: HeadObjectCommandOutput | undefined,
  size: number,
  { crcs, sha256 }: FileFacts,
): WrittenObject | undefined {
  if (found === undefined || (found.ContentLength ?? 0) !== size) return undefined;
  const known = [
    [found.ChecksumCRC32, crcs.crc32],
    [found.ChecksumCRC32C, crcs.crc32c],
    [found.ChecksumCRC64NVME, crcs.crc64nvme],
    [found.ChecksumSHA256, sha256],
  ].filter(([value]) => value !== undefined && !value.includes("-")) as [string, string][];
  const whole = found.ChecksumType === "COMPOSITE" ? [] : known;
  const same =
    whole.length > 0
      ? whole.every(([value, hex]) => value === toBase64(hex))
      : found.Metadata?.["sha256"] === sha256;
  if (!same) return undefined;
  return { etag: found.ETag, versionId: found.VersionId, verified: whole.length > 0 };
}
