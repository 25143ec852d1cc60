// What weights.cjs of the artifact is: for the stub, `open`, which starts the fetch; for the threads that are started
// from it, the way to weights-thread.cjs through V8's code cache. Two files, because the main thread would compile the
// whole engine only to start a thread that compiles it again.
// Source: V8 accepts a cache made by the same Node version with the same flags, and does without any other.

import { readFileSync } from "node:fs";
import { Script } from "node:vm";
import { workerData } from "node:worker_threads";
import { openDataDir, type WeightsDirectory } from "./weights-directory.ts";

/** What index.mjs calls before all else. @param folder of the artifact */
export const open = (folder: string): WeightsDirectory => openDataDir(folder, import.meta.filename);

if (workerData?.coldframe) runFile(`${import.meta.dirname}/weights-thread.cjs`);

function runFile(filename: string): void {
  // esbuild writes ASCII, and a latin1 string needs no UTF-8 decoding.
  const source = readFileSync(filename, "latin1");
  const script = new Script(`(function (require, __filename, __dirname, exports, module) {\n${source}\n})`, {
    filename,
    // The wrapper is a line of its own.
    lineOffset: -1,
    cachedData: readCache(filename),
  });
  const module = { exports: {} };
  script.runInThisContext()(require, filename, import.meta.dirname, module.exports, module);
}

/** Nothing when it was built without one: for another architecture, or another Node version than the function's. */
function readCache(filename: string): Buffer | undefined {
  try {
    return readFileSync(`${filename}.cache`);
  } catch {
    return undefined;
  }
}
