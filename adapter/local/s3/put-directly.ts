// Puts an object into a bucket without a request: as one piece or in parts, with the checksum a client would have sent,
// from memory or from a file that stays where it is.

import { stat } from "node:fs/promises";
import type { Bucket } from "./bucket.ts";
import { type Algorithm, type ChecksumType, checksumTypeOf } from "./checksum.ts";
import { fileContent, memoryContent } from "./content.ts";
import {
  type ChecksumKind,
  checksumText,
  DEFAULT_CHECKSUM,
  objectOfBytes,
  objectOfParts,
} from "./stored-object.ts";

export type PutBody = Uint8Array | string | { readonly file: string };

export interface PutOptions {
  /** Bytes: in parts of this size, the last one with what is left. Any size, even one S3 would refuse. */
  readonly partSize?: number;
  /** Bytes of each part, where they differ. */
  readonly partSizes?: readonly number[];
  /** `false`: none, as objects of the time before. Default: CRC64NVME of the whole, which S3 adds by itself. */
  readonly checksum?: { readonly algorithm: Algorithm; readonly type?: ChecksumType } | false;
  readonly contentType?: string;
  /** Without x-amz-meta-. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly storageClass?: string;
  /** Default: AES256. */
  readonly serverSideEncryption?: string;
  readonly lastModified?: Date;
}

export interface PutResult {
  /** With quotes. */
  readonly etag: string;
  readonly versionId: string | undefined;
  /** As HEAD would say it: `5FRUiw==-3` when it is composite. */
  readonly checksum:
    | { readonly algorithm: Algorithm; readonly type: ChecksumType; readonly value: string }
    | undefined;
}

/** A checksum of a file is computed when it is asked for, its parts' at once. */
export async function putDirectly(
  bucket: Bucket,
  key: string,
  body: PutBody,
  options: PutOptions,
): Promise<PutResult> {
  const content =
    typeof body === "object" && "file" in body
      ? fileContent(body.file, (await stat(body.file)).size)
      : memoryContent([typeof body === "string" ? Buffer.from(body) : body]);
  const time = (options.lastModified ?? new Date()).getTime();
  const facts = {
    key,
    lastModified: new Date(Math.trunc(time / 1000) * 1000),
    storageClass: options.storageClass ?? "STANDARD",
    headers: {
      "content-type": options.contentType ?? "binary/octet-stream",
      "x-amz-server-side-encryption": options.serverSideEncryption ?? "AES256",
      ...Object.fromEntries(
        Object.entries(options.metadata ?? {}).map(([name, value]) => [`x-amz-meta-${name}`, value]),
      ),
    },
  };
  const sizes = options.partSizes ?? partSizes(content.size, options.partSize);
  const kind = kindOf(options.checksum, sizes !== undefined);
  const made =
    sizes === undefined
      ? objectOfBytes(facts, content, kind)
      : await objectOfParts(facts, content, sizes, kind);
  const object = bucket.put(made);
  const checksum = await object.checksum();
  return {
    etag: `"${await object.etag()}"`,
    versionId: bucket.versioning === undefined ? undefined : object.versionId,
    checksum: checksum && { ...checksum, value: checksumText(checksum, object) },
  };
}

function kindOf(asked: PutOptions["checksum"], inParts: boolean): ChecksumKind | undefined {
  if (asked === false) return undefined;
  if (asked === undefined) return DEFAULT_CHECKSUM;
  const { algorithm } = asked;
  return { algorithm, type: inParts ? checksumTypeOf(algorithm, asked.type) : "FULL_OBJECT" };
}

function partSizes(size: number, partSize: number | undefined): number[] | undefined {
  if (partSize === undefined) return undefined;
  const whole = Array.from({ length: Math.floor(size / partSize) }, () => partSize);
  const rest = size % partSize;
  return rest === 0 && whole.length > 0 ? whole : [...whole, rest];
}
