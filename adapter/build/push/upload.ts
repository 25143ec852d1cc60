// Writes one file to S3, in one request or in parts, with the CRC32C of the whole that S3 checks before the object
// exists. Whatever goes wrong, no unfinished upload stays behind: S3 would keep its parts, and bill them, for good.
// Source: docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html, qfacts.html (limits).

import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import type { CompletedPart } from "@aws-sdk/client-s3";
import { createChecksum } from "../../runtime/weights/files/checksum.ts";
import { concatenateCrcs } from "../../runtime/weights/files/crc-combine.ts";
import { changed, type FileFacts, type PushFile, readFully } from "./files.ts";
import type { OpenBucket } from "./bucket.ts";
import { pushError } from "./errors.ts";
import type { Room } from "./room.ts";

const MIB = 2 ** 20;

/** The most that is written in one request, and the least of a part. */
const PART_BYTES = 16 * MIB;

/** S3's limit. */
const MAX_PARTS = 10_000;

/** What is in memory at a time: four parts, of files of up to 160 GB. */
export const UPLOAD_BYTES = 4 * PART_BYTES;

/** A bucket, and what of it may happen when. */
export interface Bucket extends OpenBucket {
  readonly room: Room;
  readonly signal: AbortSignal;
}

/** An object as it was written, or found. */
export interface WrittenObject {
  readonly etag: string | undefined;
  readonly versionId: string | undefined;
  /** S3 has compared its own checksum of the whole; other servers may have none. */
  readonly verified: boolean;
}

interface Upload {
  readonly key: string;
  readonly file: PushFile;
  readonly facts: FileFacts;
  readonly onBytes: (count: number) => void;
}

/** Write a file. @throws WEIGHTS_CHANGED, WEIGHTS_FORBIDDEN, WEIGHTS_NOT_FOUND, WEIGHTS_UNREACHABLE */
export async function uploadFile(bucket: Bucket, upload: Upload): Promise<WrittenObject> {
  await using file = await open(upload.file.from, "r");
  try {
    return await (upload.file.size <= PART_BYTES
      ? putWhole(bucket, upload, file)
      : putParts(bucket, upload, file));
  } catch (error) {
    bucket.signal.throwIfAborted();
    throw pushError(error, bucket, upload.key);
  }
}

/** The size of all parts but the last. */
export function partBytesOf(size: number): number {
  return Math.max(PART_BYTES, Math.ceil(size / MAX_PARTS / MIB) * MIB);
}

async function putWhole(
  bucket: Bucket,
  { key, file, facts, onBytes }: Upload,
  handle: FileHandle,
): Promise<WrittenObject> {
  return bucket.room(file.size, async () => {
    const body = await readPart(handle, file, 0, file.size);
    const crc = crcOf(body);
    if (crc !== facts.crcs.crc32c) throw changed(file.path);
    const answer = await bucket.client.send(
      new bucket.sdk.PutObjectCommand({
        ...objectOf(bucket, key),
        Metadata: { sha256: facts.sha256 },
        ...bodyOf(bucket, body, crc),
      }),
      { abortSignal: bucket.signal },
    );
    onBytes(file.size);
    return written(answer, facts);
  });
}

async function putParts(bucket: Bucket, upload: Upload, handle: FileHandle): Promise<WrittenObject> {
  const { client, sdk, signal } = bucket;
  const { key, facts } = upload;
  signal.throwIfAborted();
  // Not to be aborted: it may have been done by then, and nobody would know the id. An answer that is lost leaves an
  // upload behind, one without parts, which costs nothing.
  const { UploadId } = await client.send(
    new sdk.CreateMultipartUploadCommand({
      ...objectOf(bucket, key),
      Metadata: { sha256: facts.sha256 },
      ChecksumAlgorithm: "CRC32C",
      ChecksumType: "FULL_OBJECT",
    }),
  );
  const id = UploadId as string;
  try {
    const Parts = await sendParts(bucket, upload, handle, id);
    const answer = await client.send(
      new sdk.CompleteMultipartUploadCommand({
        ...objectOf(bucket, key),
        UploadId: id,
        MultipartUpload: { Parts },
        ChecksumCRC32C: toBase64(facts.crcs.crc32c),
        ChecksumType: "FULL_OBJECT",
        MpuObjectSize: upload.file.size,
      }),
      { abortSignal: signal },
    );
    return written(answer, facts);
  } catch (error) {
    await abort(bucket, key, id, error);
    throw error;
  }
}

async function sendParts(
  bucket: Bucket,
  { key, file, facts, onBytes }: Upload,
  handle: FileHandle,
  uploadId: string,
): Promise<CompletedPart[]> {
  const partBytes = partBytesOf(file.size);
  const failed = new AbortController();
  const abortSignal = AbortSignal.any([bucket.signal, failed.signal]);
  const send = async (PartNumber: number, start: number, length: number) => {
    abortSignal.throwIfAborted();
    const body = await readPart(handle, file, start, length);
    const crc = crcOf(body);
    const part = { ...objectOf(bucket, key), UploadId: uploadId, PartNumber, ...bodyOf(bucket, body, crc) };
    const { ETag } = await bucket.client.send(new bucket.sdk.UploadPartCommand(part), { abortSignal });
    onBytes(length);
    return { crc, length, part: { PartNumber, ETag, ChecksumCRC32C: part.ChecksumCRC32C } };
  };
  const sent = Array.from({ length: Math.ceil(file.size / partBytes) }, (_, i) => {
    const start = i * partBytes;
    const length = Math.min(partBytes, file.size - start);
    return bucket
      .room(length, () => send(i + 1, start, length))
      .catch((error) => {
        // No other part has to arrive any more.
        failed.abort(error);
        throw error;
      });
  });
  // All of them end before an abort: S3 keeps a part that arrives after it.
  await Promise.allSettled(sent);
  failed.signal.throwIfAborted();
  const parts = await Promise.all(sent);
  if (concatenateCrcs("crc32c", parts) !== facts.crcs.crc32c) throw changed(file.path);
  return parts.map(({ part }) => part);
}

/** @param error gets to know what could not be cleaned up */
async function abort(bucket: Bucket, key: string, UploadId: string, error: unknown): Promise<void> {
  const object = objectOf(bucket, key);
  try {
    await bucket.client.send(new bucket.sdk.AbortMultipartUploadCommand({ ...object, UploadId }));
  } catch (failure) {
    if ((failure as Error).name === "NoSuchUpload") return;
    if (error instanceof Error)
      error.message += ` (and its unfinished upload stays, and costs: aws s3api abort-multipart-upload --bucket ${object.Bucket} --key '${key}' --upload-id ${UploadId})`;
  }
}

const objectOf = ({ place }: Bucket, Key: string) => ({ Bucket: place.bucket, Key });

async function readPart(
  handle: FileHandle,
  { path }: PushFile,
  start: number,
  length: number,
): Promise<Buffer> {
  const body = Buffer.allocUnsafeSlow(length);
  await readFully(handle, body, start, path);
  return body;
}

/** What is sent, and what the server has to find. Servers that know no x-amz-checksum know Content-MD5. */
function bodyOf({ endpoint }: Bucket, body: Buffer, crc: string) {
  return {
    Body: body,
    ContentLength: body.length,
    ChecksumCRC32C: toBase64(crc),
    ...(endpoint !== undefined && { ContentMD5: createHash("md5").update(body).digest("base64") }),
  };
}

interface Answer {
  readonly ETag?: string | undefined;
  readonly VersionId?: string | undefined;
  readonly ChecksumCRC32C?: string | undefined;
}

function written({ ETag, VersionId, ChecksumCRC32C }: Answer, { crcs }: FileFacts): WrittenObject {
  return { etag: ETag, versionId: VersionId, verified: ChecksumCRC32C === toBase64(crcs.crc32c) };
}

function crcOf(body: Buffer): string {
  const crc32c = createChecksum("crc32c");
  crc32c.update(body);
  return crc32c.digest();
}

export const toBase64 = (hex: string): string => Buffer.from(hex, "hex").toString("base64");
