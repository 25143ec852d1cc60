// Where the weights of a benchmark come from: nginx, which costs so little that the client's own limit shows (plain, TLS,
// and with a limit for each connection, as S3 has one), and radosgw, which checks signatures and lists. Source of the
// limit: 85 to 90 MB/s for one connection to S3, by its own white paper.

import { createHash, createHmac } from "node:crypto";
import { closeSync, openSync, readSync, statSync } from "node:fs";
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { type NginxOptions, startNginx } from "../test/s3/nginx.ts";

export const BUCKET = "coldframe-bench";
export const REGION = "us-east-1";
export const LIMITED_BYTES_PER_S = 85 * 1024 * 1024;
/** What S3 takes to its first byte, by the same paper's order of magnitude, and the network of a large function. */
export const DISTANT_MS = 25;
export const DISTANT_BYTES_PER_S = 375e6;

/** `url` serves the folders of `folder` as buckets. @throws when nginx is not installed */
export async function serve(
  folder: string,
  options: Pick<NginxOptions, "tls" | "limitRate"> = {},
): Promise<{ readonly url: string; readonly ca: string | undefined; close(): Promise<void> }> {
  const nginx = await startNginx({ folder, ...options });
  if ("skipped" in nginx) throw new Error(nginx.skipped);
  // By its address: a name would be looked up by some tools and not by others.
  return { ...nginx, url: nginx.url.replace("localhost", "127.0.0.1") };
}

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const PART_BYTES = 16 * 1024 * 1024;
const PRESIGNED_SECONDS = 3600;

/** Upload files under their names; the ETag of each by key. @param files path by key */
export async function fill(
  endpoint: string,
  credentials: Credentials,
  files: ReadonlyMap<string, string>,
): Promise<Map<string, string>> {
  const client = new S3Client({ endpoint, credentials, region: REGION, forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: BUCKET })).catch((error: Error) => {
    if (error.name !== "BucketAlreadyOwnedByYou" && error.name !== "BucketAlreadyExists") throw error;
  });
  const etags = new Map<string, string>();
  const left = files.entries();
  const lane = async (): Promise<void> => {
    for (const [key, file] of left) {
      await upload(client, key, file);
      const { ETag } = await client.send(new HeadObjectCommand({ Bucket: BUCKET, Key: key }));
      etags.set(key, ETag ?? "");
    }
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
  client.destroy();
  return etags;
}

async function upload(client: S3Client, Key: string, file: string): Promise<void> {
  const { size } = statSync(file);
  const fd = openSync(file, "r");
  const piece = (index: number): Buffer => {
    const bytes = Buffer.allocUnsafe(Math.min(PART_BYTES, size - index * PART_BYTES));
    readSync(fd, bytes, 0, bytes.length, index * PART_BYTES);
    return bytes;
  };
  const where = { Bucket: BUCKET, Key };
  try {
    if (size <= PART_BYTES) {
      await client.send(new PutObjectCommand({ ...where, Body: piece(0) }));
      return;
    }
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(where));
    const Parts = [];
    for (let i = 0; i * PART_BYTES < size; i++) {
      const PartNumber = i + 1;
      const part = { ...where, UploadId, PartNumber, Body: piece(i) };
      const { ETag } = await client.send(new UploadPartCommand(part));
      Parts.push({ PartNumber, ETag });
    }
    await client.send(new CompleteMultipartUploadCommand({ ...where, UploadId, MultipartUpload: { Parts } }));
  } finally {
    closeSync(fd);
  }
}

/** A URL that needs no credentials, for an hour. Source: docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html. */
export function presign(
  endpoint: string,
  { accessKeyId, secretAccessKey }: Credentials,
  key: string,
): string {
  const url = new URL(`${endpoint}/${BUCKET}/${key}`);
  const time = new Date().toISOString().replace(/[:-]|\.\d+/g, "");
  const day = time.slice(0, 8);
  const scope = `${day}/${REGION}/s3/aws4_request`;
  for (const [name, value] of [
    ["X-Amz-Algorithm", "AWS4-HMAC-SHA256"],
    ["X-Amz-Credential", `${accessKeyId}/${scope}`],
    ["X-Amz-Date", time],
    ["X-Amz-Expires", String(PRESIGNED_SECONDS)],
    ["X-Amz-SignedHeaders", "host"],
  ] as const) {
    url.searchParams.append(name, value);
  }
  const query = url.search.slice(1);
  const canonical = ["GET", url.pathname, query, `host:${url.host}\n`, "host", "UNSIGNED-PAYLOAD"].join("\n");
  const digest = createHash("sha256").update(canonical).digest("hex");
  const signingKey = [day, REGION, "s3", "aws4_request"].reduce<string | Buffer>(
    hmac,
    `AWS4${secretAccessKey}`,
  );
  url.searchParams.append(
    "X-Amz-Signature",
    hmac(signingKey, ["AWS4-HMAC-SHA256", time, scope, digest].join("\n")).toString("hex"),
  );
  return url.href;
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
