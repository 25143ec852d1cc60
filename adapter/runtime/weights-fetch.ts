// One fetch, seen from the main thread: a worker fills the data directory while the main thread evaluates modules, opens
// native addons and runs the model's own code; a blocked main thread stops no download. This is its end of the wire; the
// other is weights-thread.ts.

import { existsSync } from "node:fs";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import type { ColdframeError } from "./errors.ts";
import { lanesFor, startLaneThread } from "./weights/download/lane-thread.ts";
import type { FromThread, ThreadData, ToThread, WeightsFacts } from "./weights-wire.ts";

/** What the cold start brings when it has read its secrets. */
export interface Begun {
  readonly secret: (name: string) => Promise<string | undefined>;
  readonly errors: typeof ColdframeError;
}

export interface FetchStart {
  /** What the threads run. */
  readonly file: string;
  /** Of the artifact. */
  readonly folder: string;
  /** The data directory. */
  readonly tree: string;
  /** That are likely to be fetched. */
  readonly bytes: number;
  readonly begun: Promise<Begun>;
}

/** A fetch that is going on, or over. */
export interface Fetch {
  /** All weights are there that `load()` waits for. @throws every code of WEIGHTS_* */
  readonly eager: Promise<WeightsFacts>;
  /** Milliseconds since 1970, once it has failed. */
  readonly failedAt: number | undefined;
  /** When this file is in the tree, which comes next; "": all of them. @throws every code of WEIGHTS_* */
  arrival(path: string): Promise<void>;
}

export function startFetch({ file, folder, tree, bytes, begun }: FetchStart): Fetch {
  const eager = Promise.withResolvers<WeightsFacts>();
  const done = Promise.withResolvers<void>();
  const waiting = new Map<string, PromiseWithResolvers<void>>();
  // Two threads start in the time of one where there are processors for both.
  const lane = lanesFor(bytes, process.env) > 1 ? startEarlyLane(file) : undefined;
  const workerData: ThreadData = { coldframe: "weights", folder, file, lane };
  const thread = new Worker(file, { workerData, ...(lane && { transferList: [lane] }) });
  let failedAt: number | undefined;
  let over = false;
  let told = false;
  // Who awaits them hears of it; a model that does not care about its lazy weights does not end the process.
  eager.promise.catch(() => {});
  done.promise.catch(() => {});

  function arrival(path: string): Promise<void> {
    if (path === "" || failedAt !== undefined) return done.promise;
    const before = waiting.get(path);
    if (before) return before.promise;
    const file = Promise.withResolvers<void>();
    waiting.set(path, file);
    tell({ kind: "hurry", path });
    done.promise.then(async () => {
      // The thread may have ended before it heard the question.
      if (existsSync(`${tree}/${path}`)) file.resolve();
      else file.reject(unknownFile(path, (await begun).errors));
    }, file.reject);
    return file.promise;
  }

  function tell(message: ToThread): void {
    thread.postMessage(message);
  }

  function fail(error: Error): void {
    if (over) return;
    over = true;
    failedAt = Date.now();
    eager.reject(error);
    done.reject(error);
  }

  async function hear(message: FromThread): Promise<void> {
    switch (message.kind) {
      case "file":
        return waiting.get(message.path)?.resolve();
      case "eager":
        return eager.resolve(message.facts);
      case "done":
        over = true;
        return done.resolve();
      case "failed":
        told = true;
        return fail(errorOf(message, (await begun).errors));
      case "secret": {
        const { secret } = await begun;
        const value = await secret(message.name).catch(() => undefined);
        tell({ kind: "secret", name: message.name, value });
      }
    }
  }

  thread.on("message", hear);
  thread.on("error", fail);
  // After a failure was told, its own error comes first: what it is made with arrives with `begin`.
  thread.on("exit", (code) => {
    if (!told) fail(new Error(`the thread that fetches the weights ended with exit code ${code}`));
  });
  return {
    eager: eager.promise,
    arrival,
    get failedAt() {
      return failedAt;
    },
  };
}

/** Its failure is seen by the one who talks to it. */
function startEarlyLane(file: string): MessagePort {
  const { port1, port2 } = new MessageChannel();
  startLaneThread(file, port2).on("error", () => {});
  return port1;
}

function errorOf(
  { code, message, fix }: FromThread & { readonly kind: "failed" },
  errors: typeof ColdframeError,
): Error {
  const error = code ? new errors(code, message, fix === undefined ? {} : { fix }) : new Error(message);
  // Where this thread was when it heard of it says nothing.
  error.stack = `${error}`;
  return error;
}

function unknownFile(path: string, errors: typeof ColdframeError): Error {
  const sentence = `weights.ready(${JSON.stringify(path)}): no source has this file.`;
  return new errors("WEIGHTS_NOT_FOUND", sentence, { fix: "Name a file as it lies below dataDir." });
}
