// The data directory of a deployment with weights, as the cold start and the model see it: where it is, what settles when
// it is full, and another fetch after one that failed. A fetch is weights-fetch.ts. The main thread reads this before all
// else, so it imports next to nothing.

import { existsSync, readFileSync } from "node:fs";
import type { ColdframeError } from "./errors.ts";
import { type Begun, startFetch } from "./weights-fetch.ts";
import { dataRoot, treeName, type WeightsFacts } from "./weights-wire.ts";

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
  /** See `ModelContext.weights`. After a fetch that failed it begins another, a pause later, and waits for that. */
  ready(path?: string): Promise<string>;
}

/** From a failure to the next fetch that `ready` begins: each request of a function may call it. */
const RETRY_PAUSE_MS = 2000;

/**
 * Start fetching at once.
 * @param folder of the artifact, with weights.json
 * @param file what the threads run; see weights-thread.ts
 */
export function openDataDir(folder: string, file: string): WeightsDirectory {
  // Named by its digest alone: parsing a manifest of ten thousand files is for the thread.
  const manifest = readFileSync(`${folder}/weights.json`, "latin1");
  const digest = /"digest":\s*"(\w+)"/.exec(manifest)?.[1];
  const path = `${dataRoot()}/trees/${treeName(digest ?? "", folder)}`;
  const bytes = existsSync(`${path}.ready`) ? 0 : bytesPinned(manifest);
  let begun = Promise.withResolvers<Begun>();
  let pause: Promise<void> | undefined;
  const start = () => startFetch({ file, folder, tree: path, bytes, begun: begun.promise });
  let fetch = start();

  async function startAgain(failedAt: number): Promise<void> {
    const over = failedAt + RETRY_PAUSE_MS - Date.now();
    await new Promise((resolve) => setTimeout(resolve, over));
    pause = undefined;
    if (fetch.failedAt !== undefined) fetch = start();
  }

  return {
    path,
    begin(secret, errors) {
      if (fetch.failedAt !== undefined) {
        // The secrets may have been read anew, too.
        begun = Promise.withResolvers();
        fetch = start();
      }
      begun.resolve({ secret, errors });
      return fetch.eager;
    },
    async ready(wanted = "") {
      const place = wanted === "" ? path : `${path}/${wanted}`;
      // Nothing is under its name before it is complete and verified.
      if (wanted !== "" && existsSync(place)) return place;
      if (fetch.failedAt !== undefined) await (pause ??= startAgain(fetch.failedAt));
      await fetch.arrival(wanted);
      return place;
    },
  };
}

/** Roughly: the size of a file's blocks is counted as well. */
function bytesPinned(manifest: string): number {
  let bytes = 0;
  for (const [, size] of manifest.matchAll(/"size":\s*(\d+)/g)) bytes += Number(size);
  return bytes;
}
