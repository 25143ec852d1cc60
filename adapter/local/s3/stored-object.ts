// One object as the store has it, and how its ETag and checksum come from its bytes. Both are computed when somebody
// asks: a folder of large files is served without reading it first.
// Source: docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html (ETag), userguide/checking-object-integrity.html.

import {
  type Algorithm,
  type ChecksumType,
  digestContent,
  digestOf,
  type ObjectChecksum,
} from "./checksum.ts";
import { type Content, sliceContent } from "./content.ts";

/** One part of an object that came in parts. */
export interface StoredPart {
  readonly number: number;
  readonly start: number;
  readonly size: number;
  /** Base64; only of a composite checksum, for S3 keeps no other. */
  readonly checksum: string | undefined;
}

/** Which checksum an object has, known before its value is. */
export interface ChecksumKind {
  readonly algorithm: Algorithm;
  readonly type: ChecksumType;
}

export interface StoredObject {
  readonly key: string;
  /** `null` of one that was written without versioning. */
  readonly versionId: string;
  /** Whole seconds, as S3 has it. */
  readonly lastModified: Date;
  readonly storageClass: string;
  /** content-type, x-amz-meta-* and whatever else a GET answers with. Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly content: Content;
  /** Undefined for an object that came in one piece. */
  readonly parts: readonly StoredPart[] | undefined;
  /** Undefined for an object of the time before checksums. */
  readonly checksumKind: ChecksumKind | undefined;
  /** Without quotes. */
  etag(): Promise<string>;
  checksum(): Promise<ObjectChecksum | undefined>;
}

/** What a version of an object is, besides its bytes. */
export interface ObjectFacts {
  readonly key: string;
  readonly lastModified: Date;
  readonly storageClass: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What S3 gives an object that came without a checksum. */
export const DEFAULT_CHECKSUM: ChecksumKind = { algorithm: "CRC64NVME", type: "FULL_OBJECT" };

/** Of bytes that came in one piece. @param kind `undefined`: none at all */
export function objectOfBytes(
  facts: ObjectFacts,
  content: Content,
  kind: ChecksumKind | undefined,
): Omit<StoredObject, "versionId"> {
  return {
    ...facts,
    content,
    parts: undefined,
    checksumKind: kind,
    etag: once(async () => (await digestContent("MD5", content)).toString("hex")),
    checksum: once(() => wholeChecksum(content, kind)),
  };
}

/** Of bytes that came in parts of these sizes; they are numbered from 1, whatever they were uploaded as. */
export async function objectOfParts(
  facts: ObjectFacts,
  content: Content,
  sizes: readonly number[],
  kind: ChecksumKind | undefined,
): Promise<Omit<StoredObject, "versionId">> {
  const composite = kind?.type === "COMPOSITE" ? kind.algorithm : undefined;
  const parts: StoredPart[] = [];
  const md5s: Buffer[] = [];
  const checksums: Buffer[] = [];
  let start = 0;
  for (const [i, size] of sizes.entries()) {
    const part = sliceContent(content, start, size);
    md5s.push(await digestContent("MD5", part));
    if (composite !== undefined) checksums.push(await digestContent(composite, part));
    const checksum = checksums[i]?.toString("base64");
    parts.push({ number: i + 1, start, size, checksum });
    start += size;
  }
  const etag = `${digestOf("MD5", ...md5s).toString("hex")}-${sizes.length}`;
  return {
    ...facts,
    content,
    parts,
    checksumKind: kind,
    etag: async () => etag,
    checksum: once(async () =>
      composite === undefined
        ? wholeChecksum(content, kind)
        : {
            algorithm: composite,
            type: "COMPOSITE" as const,
            value: digestOf(composite, ...checksums).toString("base64"),
          },
    ),
  };
}

/** The value as headers and most documents have it: a composite one names its number of parts. */
export function checksumText({ type, value }: ObjectChecksum, { parts }: StoredObject): string {
  return type === "COMPOSITE" ? `${value}-${parts?.length ?? 1}` : value;
}

async function wholeChecksum(
  content: Content,
  kind: ChecksumKind | undefined,
): Promise<ObjectChecksum | undefined> {
  if (kind === undefined) return undefined;
  return { ...kind, value: (await digestContent(kind.algorithm, content)).toString("base64") };
}

function once<T>(compute: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => {
    result ??= compute();
    return result;
  };
}
