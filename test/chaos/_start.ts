// One cold start's weights, as a deployed function has them: weights.cjs opened by the stub's way, in a process of its
// own. This is its entry with shorter time limits, so that thousands of starts end today; bundled by _start-bundle.ts.
// Prints one line of JSON, and ends by itself: what keeps it alive afterwards is a fault as well.

import { isMainThread } from "node:worker_threads";
import { ColdframeError } from "../../adapter/runtime/errors.ts";
import { openDataDir } from "../../adapter/runtime/weights-directory.ts";
import { runThread } from "../../adapter/runtime/weights-thread.ts";
import type { WeightsFacts } from "../../adapter/runtime/weights-wire.ts";

/** What a start came to. */
export type Outcome =
  | { readonly kind: "ready"; readonly path: string; readonly facts: WeightsFacts }
  | { readonly kind: "error"; readonly name: string; readonly code?: string; readonly sentence: string };

runThread(
  { s3: () => import("../../adapter/runtime/weights/s3.ts") },
  JSON.parse(process.env["CHAOS_TIMING"] ?? "{}"),
);

if (isMainThread) void start(process.argv[2] ?? "");

/** @param folder of the artifact, with weights.json */
async function start(folder: string): Promise<void> {
  const weights = openDataDir(folder, import.meta.filename);
  let outcome: Outcome;
  try {
    const facts = await weights.begin(async () => undefined, ColdframeError);
    // All of them, also those that `load()` would not wait for.
    await weights.ready();
    outcome = { kind: "ready", path: weights.path, facts };
  } catch (thrown) {
    const error = thrown as Error;
    const ours = error instanceof ColdframeError;
    const sentence = ours ? error.sentence : String(error.stack);
    outcome = { kind: "error", name: error.name, ...(ours && { code: error.code }), sentence };
  }
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
}
