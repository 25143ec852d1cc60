// index.mjs of a function that fetches its weights and then loads its model, one after the other, as most functions do.
// BENCH_WAY: `sequential` fetches with our engine, `sdk` with AWS's SDK, and `download-only` loads nothing.

const { createRequire } = process.getBuiltinModule("node:module");
const { mkdirSync } = process.getBuiltinModule("node:fs");
const require = createRequire(import.meta.filename);
const folder = import.meta.dirname;
const way = process.env["BENCH_WAY"];
const dataDir = way === "sdk" ? await withSdk() : await withEngine();
if (way !== "download-only") {
  const { InferenceSession } = require("onnxruntime-node");
  await InferenceSession.create(`${dataDir}/model.onnx`);
}

/** What Lambda would call. */
export const buffered = async () => "ready";

async function withEngine() {
  const weights = require(`${folder}/weights.cjs`).open(folder);
  await weights.begin(async () => undefined, Error);
  return weights.path;
}

async function withSdk() {
  const { fetchObjects } = require(`${folder}/sdk.cjs`);
  const to = `${process.env["COLDFRAME_DATA_DIR"]}/sdk`;
  mkdirSync(to, { recursive: true });
  await fetchObjects(process.env["BENCH_ENDPOINT"], JSON.parse(process.env["BENCH_OBJECTS"] ?? "[]"), to);
  return to;
}
