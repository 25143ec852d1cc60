// A folder of weights -> a prefix of a bucket, so that whoever loads them can verify every byte. Reading, comparing and
// uploading are files of their own (push-*.ts); here is their order, and how much happens at once.

import { ColdframeError } from "../../runtime/errors.ts";
import { readS3Source } from "../../runtime/weights/sources/s3-address.ts";
import { openBucket } from "./bucket.ts";
import type { PushPlace } from "./errors.ts";
import { type FileFacts, listPushFiles, type PushFile, readFacts } from "./files.ts";
import { findObject, sameObject } from "./found.ts";
import { configLines, type LockOutcome, lockPushed, type PushedObject, readProject } from "./lock.ts";
import { createRoom } from "./room.ts";
import { type Bucket, UPLOAD_BYTES, uploadFile, type WrittenObject } from "./upload.ts";

/** Requests at a time. */
const REQUESTS = 4;

export interface PushOptions {
  readonly folder: string;
  /** `s3://bucket/prefix/`; the "/" may be left out. */
  readonly destination: string;
  /** The folder with config.yaml, if there is one. */
  readonly project: string;
  /** Instead of the environment's. */
  readonly region?: string;
  readonly endpoint?: string;
  /** Read, compare, and write nothing. */
  readonly dryRun?: boolean;
  readonly onStep?: (step: PushStep) => void;
  /** Ends the push; what is unfinished is removed. */
  readonly signal?: AbortSignal;
}

export interface PushStep {
  readonly what: "reading" | "uploading" | "pinning";
  readonly path: string;
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface PushReport {
  readonly destination: string;
  readonly files: readonly PushedFile[];
  readonly uploadedBytes: number;
  /** weights.lock.json was written. */
  readonly locked: boolean;
  /** For config.yaml; absent when it names the prefix already. */
  readonly config?: string;
  readonly warnings: readonly string[];
  readonly milliseconds: number;
}

export interface PushedFile {
  readonly path: string;
  readonly key: string;
  readonly bytes: number;
  /** `unchanged`: it was there already. Of a dry run, `uploaded` is what would be. */
  readonly status: "uploaded" | "unchanged";
  readonly sha256: string;
  readonly crc32c: string;
  readonly etag?: string;
  readonly versionId?: string;
}

/**
 * Upload what is not there yet.
 * @throws WEIGHTS_NOT_FOUND, WEIGHTS_INVALID, WEIGHTS_CHANGED, WEIGHTS_FORBIDDEN, WEIGHTS_UNREACHABLE; for a project,
 * what `readConfig` throws
 */
export async function pushWeights(options: PushOptions): Promise<PushReport> {
  const started = performance.now();
  const destination = withSlash(options.destination);
  const prefix = readS3Source(destination).key;
  const files = listPushFiles(options.folder);
  const loaded = readProject(options.project);
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, options.signal]);
  const room = createRoom({ requests: REQUESTS, bytes: UPLOAD_BYTES }, signal);
  const bucket: Bucket = { ...(await openBucket(destination, options)), signal, room };
  try {
    const done: Done[] = [];
    const work = new Work(stop);
    const totalBytes = files.reduce((sum, { size }) => sum + size, 0);
    let doneBytes = 0;
    const step = (what: PushStep["what"], path: string, bytes = 0) => {
      doneBytes += bytes;
      options.onStep?.({ what, path, doneBytes, totalBytes });
    };
    for (const [index, file] of files.entries()) {
      if (signal.aborted) break;
      step("reading", file.path);
      // One at a time, while others are uploaded.
      const facts = await work.run(() => readFacts(file, signal));
      if (facts === undefined) break;
      work.start(async () => {
        const key = prefix + file.path;
        const onBytes = (count: number) => step("uploading", file.path, count);
        done[index] = await pushOne(bucket, { key, file, facts, onBytes }, options.dryRun ?? false);
      });
    }
    await work.end();
    signal.throwIfAborted();

    const settings = { destination, region: bucket.region, endpoint: bucket.endpoint };
    if (loaded !== undefined && !options.dryRun) step("pinning", "weights.lock.json");
    const lock: LockOutcome =
      loaded === undefined || options.dryRun
        ? { named: options.dryRun === true, written: false, warnings: [] }
        : await lockPushed(loaded, done, settings);
    return {
      destination,
      files: done.map(toPushedFile),
      uploadedBytes: done.reduce((sum, { status, size }) => sum + (status === "uploaded" ? size : 0), 0),
      locked: lock.written,
      ...(!lock.named && { config: configLines(settings) }),
      warnings: [...unverified(done, bucket, options.dryRun ?? false), ...lock.warnings],
      milliseconds: Math.round(performance.now() - started),
    };
  } finally {
    bucket.client.destroy();
  }
}

interface Done extends PushedObject {
  readonly path: string;
  readonly status: PushedFile["status"];
  readonly verified: boolean;
}

async function pushOne(
  bucket: Bucket,
  upload: { key: string; file: PushFile; facts: FileFacts; onBytes: (count: number) => void },
  dryRun: boolean,
): Promise<Done> {
  const { key, file, facts, onBytes } = upload;
  const about = { key, path: file.path, size: file.size, facts };
  const same = sameObject(await findObject(bucket, key), file.size, facts);
  if (same !== undefined || dryRun) {
    onBytes(file.size);
    const nothing = { etag: undefined, versionId: undefined, verified: true };
    return { ...about, ...(same ?? nothing), status: same === undefined ? "uploaded" : "unchanged" };
  }
  const written = await uploadFile(bucket, upload).catch(async (error: ColdframeError) => {
    // The answer to the last request was lost, and it was sent again when the upload was complete already.
    const isOver = (error.cause as Error | undefined)?.name === "NoSuchUpload";
    const there = isOver ? sameObject(await findObject(bucket, key), file.size, facts) : undefined;
    if (there === undefined) throw error;
    return there;
  });
  return { ...about, ...(written.verified ? written : await lookAgain(bucket, upload)), status: "uploaded" };
}

/** At what a server without checksums has now. */
async function lookAgain(
  bucket: Bucket,
  { key, file, facts }: { key: string; file: PushFile; facts: FileFacts },
): Promise<WrittenObject> {
  const found = await findObject(bucket, key);
  const same = sameObject(found, file.size, facts);
  if (same !== undefined) return same;
  // Who may not read what it writes cannot know more.
  if (found === undefined) return { etag: undefined, versionId: undefined, verified: false };
  const sentence = `s3://${bucket.place.bucket}/${key} is not what was uploaded: it has ${found.ContentLength} bytes there, and ${file.size} here.`;
  throw new ColdframeError("WEIGHTS_CORRUPT", sentence, {
    fix: "See that nobody else writes to it, and push again.",
  });
}

function toPushedFile({ path, key, size, status, facts, etag, versionId }: Done): PushedFile {
  return {
    ...{ path, key, bytes: size, status, sha256: facts.sha256, crc32c: facts.crcs.crc32c },
    ...(etag !== undefined && { etag }),
    ...(versionId !== undefined && { versionId }),
  };
}

/** What went to a server without checksums was checked by it all the same, a request at a time. */
function unverified(done: readonly Done[], { endpoint }: PushPlace, dryRun: boolean): string[] {
  if (dryRun || done.every(({ verified }) => verified)) return [];
  return [
    `${endpoint ?? "the server"} keeps no checksums of objects: each request was checked with Content-MD5, the SHA-256 is in the metadata, and only weights.lock.json has what a download is verified by, block by block.`,
  ];
}

/** Its first failure ends all of it. */
class Work {
  readonly #stop: AbortController;
  readonly #running: Promise<void>[] = [];
  #failure: { readonly error: unknown } | undefined;

  constructor(stop: AbortController) {
    this.#stop = stop;
  }

  /** Now; undefined after a failure. */
  async run<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.#failure ??= { error };
      this.#stop.abort(error);
      return undefined;
    }
  }

  /** Beside what comes next. */
  start(work: () => Promise<void>): void {
    this.#running.push(this.run(work));
  }

  /** When everything has ended, and cleaned up after itself. */
  async end(): Promise<void> {
    await Promise.all(this.#running);
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

function withSlash(destination: string): string {
  if (!/^s3:\/\//i.test(destination)) {
    throw new ColdframeError("WEIGHTS_INVALID", `${JSON.stringify(destination)} is no place in S3.`, {
      fix: "Write it as s3://bucket/prefix/.",
    });
  }
  const { bucket, key } = readS3Source(destination);
  return key === "" ? `s3://${bucket}/` : destination.replace(/\/?$/, "/");
}
