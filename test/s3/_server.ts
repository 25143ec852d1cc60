// An S3 server that a test talks to, whichever it is: the local one, started here, or a real one that run.ts has started
// and named in the environment.

import { createHash } from "node:crypto";
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from "@aws-sdk/client-s3";
import { type LocalS3, type LocalS3Options, startLocalS3 } from "../../adapter/local/s3/local-s3.ts";

export interface S3Server {
  readonly kind: "local" | "radosgw";
  /** Without a trailing slash; path style. */
  readonly url: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** A bucket of this name, made when it is not there. */
  createBucket(name: string): Promise<void>;
  put(bucket: string, key: string, body: Uint8Array | string): Promise<{ etag: string }>;
  remove(bucket: string, key: string): Promise<void>;
  /** One that nothing closes but `close()` of the server. */
  client(config?: S3ClientConfig): S3Client;
  /** Ends the clients, and the server when it was started here. */
  close(): Promise<void>;
}

/** The local S3; `local` is the handle on everything that only it can do. */
export async function localServer(
  options: LocalS3Options = {},
): Promise<S3Server & { readonly local: LocalS3 }> {
  const local = await startLocalS3(options);
  const server = serverAt("local", local);
  return {
    ...server,
    local,
    // Straight in: what a test is given need not come over the wire.
    put: (bucket, key, body) => local.put(bucket, key, body),
    close: async () => {
      await server.close();
      await local.close();
    },
  };
}

/**
 * The server that S3_ENDPOINT, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY and S3_REGION name.
 * @throws when they do not: a conformance test is run by run.ts
 */
export function serverFromEnvironment(): S3Server {
  const read = (name: string): string => {
    const value = process.env[name];
    if (value === undefined) throw new Error(`${name} is not set: run \`npm run test:s3\`.`);
    return value;
  };
  return serverAt("radosgw", {
    url: read("S3_ENDPOINT"),
    region: read("S3_REGION"),
    credentials: {
      accessKeyId: read("S3_ACCESS_KEY_ID"),
      secretAccessKey: read("S3_SECRET_ACCESS_KEY"),
    },
  });
}

/** A name that no other run uses. */
export function newBucketName(word: string): string {
  return `${word}-${createHash("sha256").update(`${process.pid} ${performance.now()} ${word}`).digest("hex").slice(0, 12)}`;
}

function serverAt(
  kind: S3Server["kind"],
  { url, region, credentials }: Pick<S3Server, "url" | "region" | "credentials">,
): S3Server {
  const clients: S3Client[] = [];
  const client = (config: S3ClientConfig = {}): S3Client => {
    const made = new S3Client({
      endpoint: url,
      region,
      credentials: { ...credentials },
      forcePathStyle: true,
      maxAttempts: 1,
      // Checksums where S3 needs them: an older server refuses those the SDK would add.
      ...(kind === "local"
        ? {}
        : { requestChecksumCalculation: "WHEN_REQUIRED", responseChecksumValidation: "WHEN_REQUIRED" }),
      ...config,
    });
    clients.push(made);
    return made;
  };
  const own = client();
  return {
    kind,
    url,
    region,
    credentials,
    client,
    createBucket: async (name) => {
      await own.send(new CreateBucketCommand({ Bucket: name }));
    },
    put: async (bucket, key, body) => {
      const bytes = Buffer.from(body);
      const { ETag = "" } = await own.send(
        new PutObjectCommand({ Bucket: bucket, Key: key, Body: bytes, ContentLength: bytes.length }),
      );
      return { etag: ETag };
    },
    remove: async (bucket, key) => {
      await own.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
    },
    close: async () => {
      for (const one of clients) one.destroy();
    },
  };
}
