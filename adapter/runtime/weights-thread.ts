// The weights of a deployment, seen from the cold start: a worker thread fills the data directory while the main thread
// evaluates modules, opens native addons and runs the model's own code; a blocked main thread stops no download. This
// file is both ends of the wire between them. What the thread does is data-dir.ts. Bundled with the sources it needs as
// weights.cjs of the artifact, whose generated entry is
//
//   import { openDataDir, runThread } from ".../runtime/weights-thread.ts";
//   runThread({ s3: () => import(".../runtime/weights/s3.ts") });
//   export const open = (folder) => openDataDir(folder);
//
// The stub calls `open` before it reads the bundle. Everything heavy is imported by the thread alone.

import { existsSync, readFileSync } from "node:fs";
import { parentPort, Worker, workerData } from "node:worker_threads";
import type { ColdframeError, ErrorCode } from "./errors.ts";
import type { CreateSource, WeightsManifest } from "./weights/_contracts.ts";

/** By URL scheme: `s3` is weights/s3.ts. */
export type SourceFiles = Readonly<Record<string, () => Promise<{ readonly default: CreateSource }>>>;

/** What fetching the weights came to, as the cold start's log line has it. */
export interface WeightsFacts {
  readonly files: number;
  readonly bytes: number;
  /** What came over the network: without what a journal had kept or another deployment had left. */
  readonly fetched_bytes: number;
  /** From the first instruction of the thread to the last byte that `load()` waits for. */
  readonly ms: number;
  /** 10^6 bytes a second over the network. */
  readonly mb_per_s: number;
  readonly requests: number;
  readonly retries: number;
  /** Files that no checksum was known of: only their length and ETag were checked. */
  readonly unverified: number;
  /** All was there already, and no request was made. */
  readonly warm: boolean;
}

/** The data directory of a deployment with weights, as the cold start sees it. */
export interface WeightsDirectory {
  /** Absolute. */
  readonly path: string;
  /**
   * What settles when all weights are there that `load()` waits for. The first call is about the fetch that `open`
   * began; after a failure, the next begins another, which keeps what the first had.
   * @param secret the value of a declared secret, asked for by sources that need one
   * @param errors the class that errors shall be of: this file is bundled apart, and its own copy would be another class
   * @throws every code of WEIGHTS_*
   */
  begin(
    secret: (name: string) => Promise<string | undefined>,
    errors: typeof ColdframeError,
  ): Promise<WeightsFacts>;
  /** See `ModelContext.weights`. */
  ready(path?: string): Promise<string>;
}

/** The folder below which data directories live: on a volume, in a container; else in the temporary folder. */
export function dataRoot(environment: NodeJS.ProcessEnv = process.env): string {
  return environment["COLDFRAME_DATA_DIR"] || `${environment["TMPDIR"] || "/tmp"}/coldframe`;
}

/**
 * The name of a data directory below `trees/`: by the weights in it, and by the artifact whose own files it links to.
 * @param digest of the manifest
 */
export function treeName(digest: string, folder: string): string {
  // FNV-1a: it tells apart a handful of folders on one machine, and costs no module.
  let hash = 0x811c9dc5;
  for (const character of folder)
    hash = Math.imul(hash ^ (character.codePointAt(0) as number), 0x01000193) >>> 0;
  return `${digest.slice(0, 32)}-${hash.toString(36)}`;
}

type FromThread =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "eager"; readonly facts: WeightsFacts }
  | { readonly kind: "done" }
  | { readonly kind: "secret"; readonly name: string }
  | { readonly kind: "failed"; readonly code?: ErrorCode; readonly message: string; readonly fix?: string };

type ToThread =
  | { readonly kind: "hurry"; readonly path: string }
  | { readonly kind: "secret"; readonly name: string; readonly value: string | undefined };

/** Start fetching at once. @param folder of the artifact, with weights.json */
export function openDataDir(folder: string): WeightsDirectory {
  // Named by its digest alone: parsing a manifest of ten thousand files is for the thread.
  const digest = /"digest":\s*"(\w+)"/.exec(readFileSync(`${folder}/weights.json`, "latin1"))?.[1];
  const path = `${dataRoot()}/trees/${treeName(digest ?? "", folder)}`;
  let fetch = startFetch(folder);
  return {
    path,
    begin(secret, errors) {
      if (fetch.failed) fetch = startFetch(folder);
      fetch.begun.resolve({ secret, errors });
      return fetch.eager.promise;
    },
    async ready(file = "") {
      const place = file === "" ? path : `${path}/${file}`;
      // Nothing is under its name before it is complete and verified.
      if (file !== "" && existsSync(place)) return place;
      await fetch.file(file);
      return place;
    },
  };
}

type Begun = {
  readonly secret: (name: string) => Promise<string | undefined>;
  readonly errors: typeof ColdframeError;
};

function startFetch(folder: string) {
  const eager = Promise.withResolvers<WeightsFacts>();
  const done = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<Begun>();
  const waiting = new Map<string, PromiseWithResolvers<void>>();
  const thread = new Worker(import.meta.filename, { workerData: { coldframe: "weights", folder } });
  const fetch = { eager, begun, failed: false, file };
  let over = false;
  let told = false;
  // Who awaits them hears of it; a model that does not care about its lazy weights does not end the process.
  eager.promise.catch(() => {});
  done.promise.catch(() => {});

  function file(path: string): Promise<void> {
    if (path === "" || fetch.failed) return done.promise;
    const before = waiting.get(path);
    if (before) return before.promise;
    const arrival = Promise.withResolvers<void>();
    waiting.set(path, arrival);
    tell({ kind: "hurry", path });
    done.promise.then(async () => arrival.reject(await unknownFile(path)), arrival.reject);
    return arrival.promise;
  }

  async function unknownFile(path: string): Promise<Error> {
    const { errors } = await begun.promise;
    const fix = "Name a file as it lies below dataDir.";
    return new errors(
      "WEIGHTS_NOT_FOUND",
      `weights.ready(${JSON.stringify(path)}): no source has this file.`,
      {
        fix,
      },
    );
  }

  function tell(message: ToThread): void {
    thread.postMessage(message);
  }

  function fail(error: Error): void {
    if (over) return;
    over = fetch.failed = true;
    eager.reject(error);
    done.reject(error);
  }

  thread.on("message", async (message: FromThread) => {
    switch (message.kind) {
      case "file":
        waiting.get(message.path)?.resolve();
        break;
      case "eager":
        eager.resolve(message.facts);
        break;
      case "done":
        over = true;
        done.resolve();
        break;
      case "failed": {
        told = true;
        const { errors } = await begun.promise;
        const { code, message: sentence, fix } = message;
        const error = code
          ? new errors(code, sentence, fix === undefined ? {} : { fix })
          : new Error(sentence);
        // Where this thread was when it heard of it says nothing.
        error.stack = `${error}`;
        fail(error);
        break;
      }
      case "secret": {
        const { secret } = await begun.promise;
        const value = await secret(message.name).catch(() => undefined);
        tell({ kind: "secret", name: message.name, value });
      }
    }
  });
  thread.on("error", fail);
  // After a failure was told, its own error comes first: what it is made with arrives with `begin`.
  thread.on("exit", (code) => {
    if (!told) fail(new Error(`the thread that fetches the weights ended with exit code ${code}`));
  });
  return fetch;
}

/** What weights.cjs does in the threads that were started from it; nothing in the main thread. */
export function runThread(sources: SourceFiles): void {
  if (workerData?.coldframe === "weights") void fetchHere(sources, workerData.folder);
}

// Here and not in `runThread`: lanes need no sources, and tests start them from this very file.
if (workerData?.coldframe === "lane")
  void import("./weights/download/lane.ts").then(({ runLane }) => runLane());

async function fetchHere(sources: SourceFiles, folder: string): Promise<void> {
  const port = parentPort;
  if (!port) return;
  const post = (message: FromThread) => port.postMessage(message);
  const answers = new Map<string, PromiseWithResolvers<string | undefined>>();
  try {
    const [{ fillDataDir }, { writeLog }] = await Promise.all([import("./data-dir.ts"), import("./log.ts")]);
    const manifest = JSON.parse(readFileSync(`${folder}/weights.json`, "utf8")) as WeightsManifest;
    const filling = fillDataDir({
      manifest,
      root: dataRoot(),
      tree: treeName(manifest.digest, folder),
      shipped: `${folder}/data`,
      sdkFile: `${folder}/aws-sdk.cjs`,
      sources,
      laneFile: import.meta.filename,
      environment: process.env,
      secret(name) {
        const before = answers.get(name);
        if (before) return before.promise;
        const answer = Promise.withResolvers<string | undefined>();
        answers.set(name, answer);
        post({ kind: "secret", name });
        return answer.promise;
      },
      onFile: (path) => post({ kind: "file", path }),
    });
    port.on("message", (message: ToThread) => {
      if (message.kind === "hurry") filling.hurry(message.path);
      else answers.get(message.name)?.resolve(message.value);
    });
    post({ kind: "eager", facts: await filling.eager });
    const facts = await filling.done;
    // Of the others, the cold start tells.
    if (manifest.sources.some(({ lazy }) => lazy)) writeLog("info", "weights complete", facts);
    post({ kind: "done" });
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    const { ColdframeError } = await import("./errors.ts");
    const ours = error instanceof ColdframeError;
    post({
      kind: "failed",
      message: ours ? error.message : (error.stack ?? error.message),
      ...(ours && { code: error.code }),
      ...(ours && error.fix !== undefined && { fix: error.fix }),
    });
  } finally {
    port.close();
  }
}
