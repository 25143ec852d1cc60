// What is fetched in each case of the benchmark of weights: the objects, the server they are on, and how a manifest pins
// them for our own engine.

import { statSync } from "node:fs";
import { join } from "node:path";
import type { ManifestSource, RemoteFile } from "../adapter/runtime/weights/_contracts.ts";
import type { Radosgw } from "../test/s3/radosgw.ts";
import { checksumsOf, crc64OfFile, writeRandom } from "./_weights-data.ts";
import { BUCKET, type Credentials, fill, presign, REGION } from "./_weights-servers.ts";
import type { Fetched, Job } from "./_weights-tools.ts";

export type CaseName = "file" | "tls" | "shards" | "limited" | "distant" | "radosgw" | "small";

export const SHARDS = 4;
export const SMALL_FILES = 1000;
export const SMALL_BYTES = 64 * 1024;

/** nginx looks at no signature. */
export const ANY_CREDENTIALS: Credentials = { accessKeyId: "AKIATEST", secretAccessKey: "SECRETTEST" };

export interface Files {
  readonly one: readonly Fetched[];
  readonly shards: readonly Fetched[];
  readonly small: readonly Fetched[];
}

/** @param bytes of the one file, and of the shards together */
export function writeFiles(source: string, bytes: number): Files {
  const shard = Math.floor(bytes / SHARDS);
  const name = (i: number) => `small/${String(i).padStart(4, "0")}.bin`;
  const files = {
    one: [{ key: "one.bin", size: bytes }],
    shards: Array.from({ length: SHARDS }, (_, i) => ({ key: `shards/shard-${i}.bin`, size: shard })),
    small: Array.from({ length: SMALL_FILES }, (_, i) => ({ key: name(i), size: SMALL_BYTES })),
  };
  for (const { key, size } of Object.values(files).flat()) writeRandom(join(source, BUCKET, key), size);
  return files;
}

/** Of the cases that need a real S3 server. */
export async function signedJobs(
  { url, credentials }: Radosgw,
  source: string,
  { one, small }: Files,
): Promise<Job[]> {
  const paths = new Map([...one, ...small].map(({ key }) => [key, join(source, BUCKET, key)]));
  const etags = await fill(url, credentials, paths);
  const signed = { source, endpoint: url, credentials, etag: (key: string) => etags.get(key) ?? "" };
  return [
    makeJob("radosgw", { ...signed, files: one }),
    makeJob("small", { ...signed, files: small, prefix: "small/" }),
  ];
}

/** What every tool gets, and nothing of this machine's own settings. */
export function environmentOf({ accessKeyId, secretAccessKey }: Credentials): Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "",
    HOME: process.env["HOME"] ?? "",
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_REGION: REGION,
    AWS_DEFAULT_REGION: REGION,
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_CONFIG_FILE: "/dev/null",
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
  };
}

/** As nginx makes it: of the time of the last change and the size. */
export const nginxEtag = (source: string) => (key: string) => {
  const { mtimeMs, size } = statSync(join(source, BUCKET, key));
  return `"${Math.floor(mtimeMs / 1000).toString(16)}-${size.toString(16)}"`;
};

export interface JobFacts {
  readonly files: readonly Fetched[];
  readonly source: string;
  readonly endpoint: string;
  readonly credentials?: Credentials;
  readonly prefix?: string;
  readonly environment?: Readonly<Record<string, string>>;
  etag(key: string): string;
}

export function makeJob(name: CaseName, facts: JobFacts): Job {
  const { files, source, endpoint, prefix, etag, credentials = ANY_CREDENTIALS } = facts;
  const entry = { mount: "", endpoint, pathStyle: true, region: REGION };
  const pinned = (checksums: (file: string) => Partial<RemoteFile>): ManifestSource => ({
    ...entry,
    source: `s3://${BUCKET}/`,
    files: files.map(({ key, size }): RemoteFile => {
      const path = key.slice(key.lastIndexOf("/") + 1);
      return { path, key, size, etag: etag(key), ...checksums(join(source, BUCKET, key)) };
    }),
  });
  return {
    name,
    endpoint,
    bucket: BUCKET,
    objects: files,
    ...(prefix !== undefined && { prefix }),
    sources: {
      coldframe: pinned(checksumsOf),
      "coldframe-unverified": pinned(() => ({})),
      ...(name === "file" && { "coldframe-crc64nvme": pinned(crc64OfFile) }),
      ...(prefix !== undefined && { "coldframe-list": { ...entry, source: `s3://${BUCKET}/${prefix}` } }),
    },
    presign: (key) => presign(endpoint, credentials, key),
    environment: { ...environmentOf(credentials), ...facts.environment },
  };
}
