// The thread that fetches the weights: it runs data-dir.ts and answers the main thread, whose end of the wire is
// weights-fetch.ts; or it is one of the further lanes of that download. Bundled with the sources in use as
// weights-thread.cjs of the artifact, whose generated entry is
//
//   import { runThread } from ".../runtime/weights-thread.ts";
//   runThread({ s3: () => import(".../runtime/weights/s3.ts") });

import { readFileSync } from "node:fs";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import type { SourceFiles, WeightsManifest } from "./weights/_contracts.ts";
import type { EarlyLane } from "./weights/download/lanes.ts";
import type { Timing } from "./weights/download/timing.ts";
import { dataRoot, type FromThread, type ThreadData, type ToThread, treeName } from "./weights-wire.ts";

/** What this file does in the threads that were started to run it; nothing in others. @param timing other time limits */
export function runThread(sources: SourceFiles, timing?: Partial<Timing>): void {
  const data = workerData as ThreadData | null;
  if (data?.coldframe === "weights" && parentPort) void fetchHere(sources, data, parentPort, timing);
}

// Here and not in `runThread`: lanes need no sources, and tests start them from this very file.
if ((workerData as ThreadData | null)?.coldframe === "lane")
  void import("./weights/download/run-lane.ts").then(({ runLane }) => runLane());

async function fetchHere(
  sources: SourceFiles,
  { folder, file, lane }: ThreadData & { readonly coldframe: "weights" },
  port: MessagePort,
  timing: Partial<Timing> = {},
): Promise<void> {
  // Before anything is awaited: its end is told once.
  const earlyLane: EarlyLane | undefined = lane && {
    port: lane,
    gone: new Promise((resolve) => lane.once("close", () => resolve())),
  };
  const post = (message: FromThread) => port.postMessage(message);
  const answers = new Map<string, PromiseWithResolvers<string | undefined>>();
  const there = new Set<string>();
  const asked = new Set<string>();
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
      laneFile: file,
      earlyLane,
      timing,
      environment: process.env,
      secret(name) {
        const before = answers.get(name);
        if (before) return before.promise;
        const answer = Promise.withResolvers<string | undefined>();
        answers.set(name, answer);
        post({ kind: "secret", name });
        return answer.promise;
      },
      onFile(path) {
        there.add(path);
        // A message wakes the other thread, which of a thousand files waits for a few at most.
        if (asked.has(path)) post({ kind: "file", path });
      },
    });
    port.on("message", (message: ToThread) => {
      if (message.kind === "hurry") {
        asked.add(message.path);
        if (there.has(message.path)) post({ kind: "file", path: message.path });
        else filling.hurry(message.path);
      } else answers.get(message.name)?.resolve(message.value);
    });
    post({ kind: "eager", facts: await filling.eager });
    const facts = await filling.done;
    // Of the others, the cold start tells.
    if (manifest.sources.some(({ lazy }) => lazy)) writeLog("info", "weights complete", facts);
    post({ kind: "done" });
  } catch (thrown) {
    post(await failureOf(thrown));
  } finally {
    lane?.close();
    port.close();
  }
}

async function failureOf(thrown: unknown): Promise<FromThread> {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const { ColdframeError } = await import("./errors.ts");
  if (!(error instanceof ColdframeError)) return { kind: "failed", message: error.stack ?? error.message };
  const { code, message, fix } = error;
  return { kind: "failed", code, message, ...(fix !== undefined && { fix }) };
}
