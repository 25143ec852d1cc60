// A small S3 on this machine, as strict as the real one: signatures, ranges, conditions, checksums, versions, errors.
// What a test puts is in memory; folders are served as they are and never written to. It is the server and the handle
// on it; each operation is a file of this folder.
// Source: docs.aws.amazon.com/AmazonS3/latest/API/, and what LocalStack has recorded from AWS itself.

import { randomBytes } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { ColdframeError } from "../../runtime/errors.ts";
import { Bucket } from "./bucket.ts";
import { isBucketName } from "./buckets.ts";
import type { Limits, Store } from "./call.ts";
import type { LoggedRequest, RequestHook } from "./fault.ts";
import type { LocalCredentials } from "./principal.ts";
import { type PutBody, type PutOptions, type PutResult, putDirectly } from "./put-directly.ts";
import { type ServerState, serve } from "./serve.ts";
import { serveFolder } from "./served-folder.ts";

export type { Fault, LoggedRequest, RequestHook, RequestInfo } from "./fault.ts";
export type { Denial, LocalCredentials } from "./principal.ts";
export type { PutBody, PutOptions, PutResult } from "./put-directly.ts";

export interface BucketOptions {
  readonly name: string;
  /** Default: the server's. Of another one, requests are redirected as S3 does. */
  readonly region?: string;
  readonly versioned?: boolean;
  /** What anybody may do without a signature: `["s3:GetObject", "s3:ListBucket"]`. */
  readonly publicActions?: readonly string[];
}

export interface LocalS3Options {
  /** Each folder in it is served, read-only, as the bucket of its name. */
  readonly folder?: string;
  readonly buckets?: readonly (string | BucketOptions)[];
  /** Default: one pair, made up for this server. */
  readonly credentials?: LocalCredentials | readonly LocalCredentials[];
  /** Default: us-east-1. */
  readonly region?: string;
  /** Default: any free one. */
  readonly port?: number;
  readonly limits?: Partial<Limits>;
}

export interface LocalS3 {
  /** Without a trailing slash. Path style; a Host of `bucket.localhost` is understood too. */
  readonly url: string;
  /** The first of them. */
  readonly credentials: LocalCredentials;
  readonly region: string;
  /** Of all requests, in the order in which they came; the newest may not be over yet. */
  readonly requests: readonly LoggedRequest[];
  /** How far the server's clock is ahead of this machine's, in milliseconds. */
  clockOffsetMs: number;
  createBucket(options: string | BucketOptions): void;
  /** Without a request. The bucket is made when it is not there. */
  put(bucket: string, key: string, body: PutBody, options?: PutOptions): Promise<PutResult>;
  /** Without a request: what DELETE would do. */
  remove(bucket: string, key: string): void;
  /** Every file below `folder` is an object below `prefix` ("" or something that ends in "/"). */
  serveFolder(bucket: string, prefix: string, folder: string): void;
  /** From now on, in place of all before: rotate them, let them expire, deny. */
  setCredentials(...credentials: readonly [LocalCredentials, ...LocalCredentials[]]): void;
  /** Asked about each request, in the order of the calls; the first fault counts. Gives back what takes the hook away. */
  on(hook: RequestHook): () => void;
  close(): Promise<void>;
}

const DEFAULT_LIMITS: Limits = { minPartBytes: 5 * 1024 * 1024, maxKeys: 1000, idleMs: 5000 };

/** Rejects with the system's own error when the port is taken (`EADDRINUSE`). @throws CONFIG_INVALID for a bucket no S3 has */
export async function startLocalS3(options: LocalS3Options = {}): Promise<LocalS3> {
  const region = options.region ?? "us-east-1";
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const store: Store = {
    region,
    buckets: new Map(),
    tokenKey: randomBytes(16).toString("hex"),
    limits,
  };
  const state: ServerState = {
    store,
    hooks: new Set(),
    log: [],
    credentials: [options.credentials ?? newCredentials()].flat(),
    clockOffsetMs: 0,
  };
  const server = createServer({ keepAliveTimeout: limits.idleMs }, (message, response) => {
    message.on("error", () => {});
    response.on("error", () => {});
    void serve(message, response, state);
  });
  // Node would wait a second longer than it says.
  Object.assign(server, { keepAliveTimeoutBuffer: 0, requestTimeout: 0, timeout: 0 });

  const createBucket = (given: string | BucketOptions): Bucket => {
    const wanted = typeof given === "string" ? { name: given } : given;
    if (!isBucketName(wanted.name)) {
      throw new ColdframeError("CONFIG_INVALID", `"${wanted.name}" cannot be the name of a bucket.`, {
        fix: "It takes 3 to 63 lower-case letters, digits, dots and hyphens, and begins and ends with a letter or digit.",
      });
    }
    if (store.buckets.has(wanted.name))
      throw new ColdframeError("CONFIG_INVALID", `There is a bucket "${wanted.name}" already.`);
    const bucket = new Bucket(wanted.name, wanted.region ?? region, new Date());
    if (wanted.versioned === true) bucket.versioning = "Enabled";
    bucket.publicActions = wanted.publicActions ?? [];
    store.buckets.set(bucket.name, bucket);
    return bucket;
  };
  const bucketOf = (name: string) => store.buckets.get(name) ?? createBucket(name);

  const local: LocalS3 = {
    url: "",
    region,
    requests: state.log,
    get credentials() {
      return state.credentials[0] as LocalCredentials;
    },
    get clockOffsetMs() {
      return state.clockOffsetMs;
    },
    set clockOffsetMs(ahead) {
      state.clockOffsetMs = ahead;
    },
    createBucket: (given) => void createBucket(given),
    put: (bucket, key, body, put = {}) => putDirectly(bucketOf(bucket), key, body, put),
    remove: (bucket, key) => void bucketOf(bucket).remove(key, new Date()),
    serveFolder: (bucket, prefix, folder) => {
      bucketOf(bucket).folders.push(serveFolder(prefix, folder));
    },
    setCredentials: (...given) => {
      state.credentials = given;
    },
    on: (hook) => {
      state.hooks.add(hook);
      return () => void state.hooks.delete(hook);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };

  for (const bucket of options.buckets ?? []) createBucket(bucket);
  if (options.folder !== undefined) {
    for (const name of readdirSync(options.folder)) {
      const folder = join(options.folder, name);
      if (statSync(folder).isDirectory()) local.serveFolder(name, "", folder);
    }
  }
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return Object.assign(local, { url: `http://127.0.0.1:${port}` });
}

function newCredentials(): LocalCredentials {
  const letters = [...randomBytes(16)].map((byte) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[byte % 32]);
  return {
    accessKeyId: `AKIA${letters.join("")}`,
    secretAccessKey: randomBytes(30).toString("base64"),
  };
}
