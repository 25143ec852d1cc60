// The code cache of weights-thread.cjs is taken by the threads of a function under Lambda's flags, is the same for every
// source every time, and a start does without it.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { build } from "../../../adapter/build/build.ts";
import type { LoadedConfig } from "../../../adapter/build/config.ts";
import { bundleWeightsThread } from "../../../adapter/build/parts.ts";
import type { Cpu } from "../../../adapter/build/platform.ts";
import { cacheThread } from "../../../adapter/build/weights/code-cache.ts";
import { makeFolder, makeProject, writeFiles } from "../_project.ts";

const CPU = process.arch as Cpu;

test("every source can be rehearsed, to the same bytes however many do it at once", async () => {
  for (const schemes of [["s3"], ["https"], ["hf"], ["file"], ["file", "hf", "https", "s3"]]) {
    const config = { serverless: { runtime: "nodejs24.x" } };
    const loaded = { project: makeFolder(), config } as unknown as LoadedConfig;
    const code = await bundleWeightsThread(loaded, schemes);
    const caches = await Promise.all(
      // A copy each: of the same code it is made once.
      [1, 2, 3].map(() => cacheThread(loaded, CPU, new Uint8Array(code), schemes)),
    );
    for (const { cache, warning } of caches) {
      assert.equal(warning, undefined);
      assert.ok(cache && Buffer.from(cache).equals(caches[0]?.cache as Uint8Array), schemes.join());
    }
  }
});

test("it is taken with Lambda's flags, in the thread that fetches and in lanes", async () => {
  const directory = await buildLocal();
  const folder = makeFolder();
  // What stub.mjs and then weights-open.ts do, in each kind of thread.
  writeFiles(folder, {
    "take.cjs": `
      const { readFileSync } = require("node:fs");
      const { Script } = require("node:vm");
      const { isMainThread, Worker } = require("node:worker_threads");
      if (isMainThread) require("node:v8").setFlagsFromString("--no-expose-gc");
      const file = ${JSON.stringify(join(directory, "weights-thread.cjs"))};
      const text = "(function (require, __filename, __dirname, exports, module) {\\n" + readFileSync(file, "latin1") + "\\n})";
      console.log(new Script(text, { cachedData: readFileSync(file + ".cache"), lineOffset: -1 }).cachedDataRejected);
      const resourceLimits = { maxOldGenerationSizeMb: 64 };
      if (isMainThread) for (const limits of [{}, { resourceLimits }]) new Worker(__filename, limits);`,
  });
  const take = (...flags: string[]) =>
    execFileSync(process.execPath, [...flags, "take.cjs"], { cwd: folder, encoding: "utf8" })
      .trim()
      .split("\n");
  assert.deepEqual(take("--expose-gc", "--max-semi-space-size=32", "--max-old-space-size=512"), [
    "false",
    "false",
    "false",
  ]);
  assert.deepEqual(take("--no-opt"), ["true", "true", "true"], "or this test would prove nothing");
});

test("a start goes well with it, with a damaged one, and without it", async () => {
  const directory = await buildLocal();
  const cache = join(directory, "weights-thread.cjs.cache");
  assert.equal(filesOf(directory), 1);
  writeFileSync(cache, "damaged");
  assert.equal(filesOf(directory), 1);
  rmSync(cache);
  assert.equal(filesOf(directory), 1);
});

test("there is none where none is wanted, or none can be made, which is said once", async () => {
  assert.ok(!existsSync(join(await buildLocal({ codeCache: false }), "weights-thread.cjs.cache")));
  const architecture = process.arch === "x64" ? "arm64" : "x86_64";
  const { directory, warnings } = await build({ project: localProject(), zip: false, architecture });
  assert.ok(!existsSync(join(directory, "weights-thread.cjs.cache")));
  assert.equal(warnings.filter((warning) => /code cache/.test(warning)).length, 1);
});

function localProject(): string {
  const folder = writeFiles(makeFolder(), { "a.bin": "a" });
  return makeProject({ "config.yaml": `weights:\n  - source: file://${folder}/a.bin\n` });
}

async function buildLocal(options: { codeCache?: boolean } = {}): Promise<string> {
  return (await build({ project: localProject(), zip: false, ...options })).directory;
}

/** How many files a start of this artifact has fetched. */
function filesOf(directory: string): number {
  const [weights, folder] = [join(directory, "weights.cjs"), directory].map((path) => JSON.stringify(path));
  const program = `
    const weights = require(${weights}).open(${folder});
    weights.begin(async () => undefined, Error).then((facts) => console.log(JSON.stringify(facts)));`;
  const env = { ...process.env, COLDFRAME_DATA_DIR: makeFolder() };
  const printed = execFileSync(process.execPath, ["--expose-gc", "-e", program], { env, encoding: "utf8" });
  return (JSON.parse(printed) as { files: number }).files;
}
