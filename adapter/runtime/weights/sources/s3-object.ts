// Everything S3 knows of one object, as a RemoteFile: its pin, and the best checksum that can be had without reading it.

import type { Blocks, HttpAnswer, RemoteFile } from "../_contracts.ts";
import { mapConcurrently } from "./concurrent.ts";
import {
  compositeAlgorithm,
  fullChecksum,
  md5Checksum,
  metadataChecksum,
  partCount,
  toBlocks,
} from "./s3-checksums.ts";
import type { Part, PartsPage } from "./s3-documents.ts";
import type { ObjectPin, S3Requests } from "./s3-requests.ts";

type Headers = HttpAnswer["headers"];

/** An object, and what an answer to HEAD with checksum mode says of it. */
export interface HeadedObject {
  readonly key: string;
  readonly path: string;
  readonly versionId?: string | undefined;
  readonly headers: Headers;
}

/** Asking for each part alone costs a request a part; beyond this many, an unverified file is the lesser evil. */
const MAX_PARTS_ASKED = 1000;

/**
 * @param plainEtag the ETag of an object put in one piece is its MD5
 * @param concurrency requests at the same time, for an object of many parts
 */
export async function describeObject(
  { key, path, versionId, headers }: HeadedObject,
  requests: S3Requests,
  plainEtag: boolean,
  concurrency: number,
): Promise<RemoteFile> {
  const size = Number(headers["content-length"]);
  const etag = headers["etag"];
  const version = headers["x-amz-version-id"];
  const file: RemoteFile = {
    path,
    key,
    size,
    ...(etag !== undefined && { etag }),
    // "null": the object is older than the bucket's versioning.
    ...(version !== undefined && version !== "null" && { versionId: version }),
  };
  if (size === 0) return file;
  const pin: ObjectPin = { key, versionId, etag };
  const full = fullChecksum(headers);
  const parts = partCount(etag);
  if (full) {
    const partSize = parts === undefined ? undefined : await firstPartSize(pin, size, parts, requests);
    return { ...file, checksum: full, ...(partSize !== undefined && { partSize }) };
  }
  const algorithm = compositeAlgorithm(headers);
  if (algorithm) {
    const blocks = await blocksOf(pin, size, algorithm, requests, concurrency);
    if (blocks) return { ...file, blocks, partSize: blocks.size };
  }
  const checksum = (plainEtag ? md5Checksum(headers) : undefined) ?? metadataChecksum(headers);
  const partSize = parts === undefined ? undefined : await firstPartSize(pin, size, parts, requests);
  return { ...file, ...(checksum && { checksum }), ...(partSize !== undefined && { partSize }) };
}

/** Ranges along the parts are what S3 reads fastest. Servers that know no parts answer with the whole object. */
async function firstPartSize(
  pin: ObjectPin,
  size: number,
  parts: number,
  requests: S3Requests,
): Promise<number | undefined> {
  if (parts === 1) return undefined;
  const headers = await requests.headPart(pin, 1);
  const partSize = Number(headers?.["content-length"]);
  return headers?.["x-amz-mp-parts-count"] === String(parts) && partSize > 0 && partSize < size
    ? partSize
    : undefined;
}

async function blocksOf(
  pin: ObjectPin,
  size: number,
  algorithm: Blocks["algorithm"],
  requests: S3Requests,
  concurrency: number,
): Promise<Blocks | undefined> {
  const parts =
    (await listedParts(pin, requests)) ?? (await askedParts(pin, size, algorithm, requests, concurrency));
  return parts && toBlocks(parts, algorithm, size);
}

/** From GetObjectAttributes; `undefined` when it is refused, or does not tell of this object and all its parts. */
async function listedParts(pin: ObjectPin, requests: S3Requests): Promise<Part[] | undefined> {
  const parts: Part[] = [];
  for (let marker: string | undefined; ; ) {
    const page: PartsPage | undefined = await requests.partsPage(pin, marker);
    // The object may have been replaced since, and this request takes no If-Match.
    if (!page || `"${page.etag}"` !== pin.etag || page.parts.length === 0) return undefined;
    parts.push(...page.parts);
    if (page.next === undefined) return parts.length === page.total ? parts : undefined;
    if (!(Number(page.next) > Number(marker ?? 0))) return undefined;
    marker = page.next;
  }
}

/** From a HEAD of each part. */
async function askedParts(
  pin: ObjectPin,
  size: number,
  algorithm: Blocks["algorithm"],
  requests: S3Requests,
  concurrency: number,
): Promise<Part[] | undefined> {
  const count = partCount(pin.etag) ?? 0;
  if (count < 1 || count > MAX_PARTS_ASKED) return undefined;
  const ask = async (number: number): Promise<Part | undefined> => {
    const headers = await requests.headPart(pin, number);
    const value = headers?.[`x-amz-checksum-${algorithm}`];
    if (!headers || !value) return undefined;
    return { number, size: Number(headers["content-length"]), checksums: { [algorithm]: value } };
  };
  const first = await ask(1);
  if (!first || (count > 1 && first.size >= size)) return undefined;
  const numbers = Array.from({ length: count - 1 }, (_, index) => index + 2);
  const parts = [first, ...(await mapConcurrently(numbers, concurrency, ask))];
  return parts.includes(undefined) ? undefined : (parts as Part[]);
}
