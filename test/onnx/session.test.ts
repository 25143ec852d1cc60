// createSession against onnxruntime-node itself: what it opens, on which device, and what it says of a model that is
// missing, broken, too new or without its weights.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFileSync, linkSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { listSupportedBackends, Tensor, type TypedTensor } from "onnxruntime-node";
import { cudaObstacle } from "../../adapter/onnx/device.ts";
import { createSession, type SessionOptions } from "../../adapter/onnx/index.ts";
import { zeroFeeds } from "../../adapter/onnx/warm-up.ts";
import type { ColdframeError } from "../../adapter/runtime/errors.ts";
import { makeFolder, refusal } from "../build/_project.ts";
import { makeModel, matMul, type Model, modelBytes, type Type, type Value, weights } from "./_model.ts";

const SIZE = 8;
const CPU: SessionOptions = { device: "cpu" };

/** The first row of `x W` for an `x` of ones. */
async function answer(path: string, options: SessionOptions = CPU): Promise<number[]> {
  const session = await createSession(path, options);
  const x = new Tensor("float32", new Float32Array(SIZE).fill(1), [1, SIZE]);
  const { y } = (await session.run({ x })) as { y: TypedTensor<"float32"> };
  await session.release();
  return [...y.data];
}

const owed = Array.from({ length: SIZE }, (_, column) =>
  Array.from({ length: SIZE }, (_, row) => weights(SIZE * SIZE)[row * SIZE + column] as number).reduce(
    (sum, it) => sum + it,
  ),
);

function assertClose(actual: readonly number[]): void {
  assert.equal(actual.length, owed.length);
  for (const [i, value] of actual.entries())
    assert.ok(Math.abs(value - (owed[i] as number)) < 1e-5, `${value}`);
}

/** A model whose weights are in `w.bin` beside it. */
function makeExternal(folder: string = makeFolder()): string {
  writeFileSync(join(folder, "w.bin"), Buffer.from(weights(SIZE * SIZE).buffer));
  const external = { location: "w.bin", offset: 0, length: SIZE * SIZE * 4 };
  return makeModel(matMul(SIZE, { external }), "net.onnx", folder);
}

const refused = (path: string, options?: SessionOptions): Promise<ColdframeError> =>
  refusal(() => createSession(path, options));

test("a model at a path answers, on the CPU where nothing else is asked for or there", async () => {
  const path = makeModel(matMul(SIZE));
  assertClose(await answer(path));
  const session = await createSession(path);
  assert.equal(session.device, cudaObstacle() === undefined ? "cuda" : "cpu");
  assert.deepEqual(session.inputNames, ["x"]);
});

test("weights in a file beside the model are found", async () => {
  assertClose(await answer(makeExternal()));
});

test("weights and model as hard links, or both as links into one folder, as a data directory has them", async () => {
  const blobs = dirname(makeExternal());
  const hard = makeFolder();
  for (const name of ["net.onnx", "w.bin"]) linkSync(join(blobs, name), join(hard, name));
  assertClose(await answer(join(hard, "net.onnx")));
  const soft = makeFolder();
  for (const name of ["net.onnx", "w.bin"]) symlinkSync(join(blobs, name), join(soft, name));
  assertClose(await answer(join(soft, "net.onnx")));
});

test("weights behind a link of their own are not followed by onnxruntime, and the error says so", async () => {
  const blobs = dirname(makeExternal());
  const folder = makeFolder();
  copyFileSync(join(blobs, "net.onnx"), join(folder, "net.onnx"));
  symlinkSync(join(blobs, "w.bin"), join(folder, "w.bin"));
  const error = await refused(join(folder, "net.onnx"), CPU);
  assert.equal(error.code, "WEIGHTS_INVALID");
  assert.match(error.message, /links to another folder/);
});

test("a model's bytes are refused: they would be held twice", async () => {
  const bytes = readFileSync(makeModel(matMul(SIZE)));
  for (const given of [bytes, new Uint8Array(bytes), bytes.buffer]) {
    const error = await refused(given as unknown as string);
    assert.equal(error.code, "MODEL_INVALID");
    assert.match(error.message, /twice the memory/);
    assert.match(error.fix ?? "", /createSession\(join\(dataDir/);
  }
  assert.match((await refused(undefined as unknown as string)).message, /given undefined/);
});

test("a model that is not there: its path, and what is there, models first", async () => {
  const folder = dirname(makeExternal());
  for (let i = 0; i < 12; i++) writeFileSync(join(folder, `a${i}.txt`), "");
  const error = await refused(join(folder, "nett.onnx"));
  assert.equal(error.code, "WEIGHTS_NOT_FOUND");
  assert.equal(error.message, `found no model ${folder}/nett.onnx.`);
  assert.match(error.fix ?? "", / has net\.onnx, a0\.txt, .* and 4 more\.$/);
  assert.match((await refused(join(folder, "no/such/net.onnx"))).fix ?? "", /net\.onnx/);
  assert.equal((await refused(join(makeFolder(), "net.onnx"))).fix?.endsWith("is empty."), true);
});

test("a folder is no model, and its models are named", async () => {
  const path = makeModel(matMul(SIZE));
  const error = await refused(dirname(path));
  assert.equal(error.code, "WEIGHTS_INVALID");
  assert.match(error.message, /is a folder/);
  assert.match(error.fix ?? "", /net\.onnx/);
});

const BROKEN: readonly (readonly [string, string | Uint8Array, ColdframeError["code"], RegExp])[] = [
  ["nothing", "", "WEIGHTS_CORRUPT", /\(0 bytes\) is empty/],
  ["half a model", modelBytes(matMul(SIZE)).subarray(0, 150), "WEIGHTS_CORRUPT", /\(150 bytes\) is cut off/],
  ["a web page", "<!doctype html>", "WEIGHTS_INVALID", /web page/],
  [
    "a Git LFS pointer",
    "version https://git-lfs.github.com/spec/v1\noid",
    "WEIGHTS_INVALID",
    /Git LFS pointer/,
  ],
  ["something else", "PK\u0003\u0004", "WEIGHTS_INVALID", /is not an ONNX model/],
];

for (const [name, bytes, code, message] of BROKEN) {
  test(`${name} instead of a model`, async () => {
    const path = join(makeFolder(), "net.onnx");
    writeFileSync(path, bytes);
    const error = await refused(path, CPU);
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert.ok(error.message.startsWith(path));
    assert.ok(error.fix);
  });
}

const relu = (model: Partial<Model> & { op?: string }): Model => ({
  nodes: [{ op: model.op ?? "Relu", inputs: ["x"], outputs: ["y"] }],
  inputs: [{ name: "x", type: "float32", dims: [1] }],
  outputs: [{ name: "y", type: "float32", dims: [1] }],
  ...model,
});

const TOO_NEW: readonly (readonly [string, Model, RegExp])[] = [
  [
    "opset",
    relu({ opset: 999 }),
    /has opset 999 of ai\.onnx; onnxruntime-node 1\.\d+\.\d+ knows up to \d+\./,
  ],
  [
    "IR version",
    relu({ irVersion: 99 }),
    /has IR version 99; onnxruntime-node 1\.\d+\.\d+ reads up to \d+\./,
  ],
  [
    "operator",
    relu({ op: "Frobnicate" }),
    /needs the operator Frobnicate, which onnxruntime-node 1\.\d+\.\d+ does not/,
  ],
];

for (const [name, model, message] of TOO_NEW) {
  test(`an ${name} that onnxruntime does not know`, async () => {
    const error = await refused(makeModel(model), CPU);
    assert.equal(error.code, "WEIGHTS_INVALID");
    assert.match(error.message, message);
    assert.match(error.fix ?? "", /^Update onnxruntime-node, or export/);
  });
}

test("a model that contradicts itself: onnxruntime's own words, without its sources' paths", async () => {
  const model = matMul(SIZE);
  const wide: Model = { ...model, inputs: [{ name: "x", type: "float32", dims: ["rows", SIZE + 1] }] };
  const error = await refused(makeModel(wide), CPU);
  assert.match(error.message, /cannot be loaded: .*Incompatible dimensions for matrix multiplication\.$/);
  assert.ok(!error.message.includes("onnxruntime_src"));
});

test("weights that are missing or cut off are named, with the file they should be in", async () => {
  const path = makeExternal();
  truncateSync(join(dirname(path), "w.bin"), 100);
  const short = await refused(path, CPU);
  assert.equal(short.code, "WEIGHTS_CORRUPT");
  assert.match(short.message, /needs 256 bytes of w\.bin \(for w\), which has 100\.$/);
  const alone = join(makeFolder(), "net.onnx");
  copyFileSync(path, alone);
  const missing = await refused(alone, CPU);
  assert.equal(missing.code, "WEIGHTS_NOT_FOUND");
  assert.match(missing.message, /keeps its weights in w\.bin, which is not there/);
});

test("CUDA that was asked for and is not there is an error, never the CPU", {
  skip: cudaObstacle() === undefined && "this machine has CUDA",
}, async () => {
  const error = await refused(makeModel(matMul(SIZE)), { device: "cuda" });
  assert.equal(error.code, "DEVICE_UNAVAILABLE");
  assert.match(error.message, /^device "cuda" was asked for: /);
  assert.ok(error.fix);
});

test("an execution provider that onnxruntime would leave out with a warning is an error", async () => {
  const error = await refused(makeModel(matMul(SIZE)), { executionProviders: ["qnn", "cpu"] });
  assert.equal(error.code, "DEVICE_UNAVAILABLE");
  assert.ok(error.fix?.includes(listSupportedBackends()[0]?.name ?? ""));
  const twice = await refused(makeModel(matMul(SIZE)), { executionProviders: ["cpu"], device: "cpu" });
  assert.equal(twice.code, "MODEL_INVALID");
  assertClose(await answer(makeModel(matMul(SIZE)), { executionProviders: ["cpu"] }));
});

test("onnxruntime's own options are passed on, and a wrong one is the model's fault", async () => {
  const folder = makeFolder();
  await createSession(makeModel(matMul(SIZE)), {
    ...CPU,
    graphOptimizationLevel: "basic",
    optimizedModelFilePath: join(folder, "out.onnx"),
  });
  assert.ok(readFileSync(join(folder, "out.onnx")).length > 0);
  for (const wrong of [{ intraOpNumThreads: -1 }, { graphOptimizationLevel: "most" as "all" }]) {
    const error = await refused(makeModel(matMul(SIZE)), { ...CPU, ...wrong });
    assert.equal(error.code, "MODEL_INVALID");
    assert.match(error.message, new RegExp(Object.keys(wrong)[0] as string));
  }
});

test("without prepacking, weights beside the model are mapped and not copied", {
  skip: process.platform !== "linux" && "only Linux tells mapped memory from a process's own",
}, async () => {
  const [size, bytes] = [2048, 2048 * 2048 * 4];
  const folder = makeFolder();
  writeFileSync(join(folder, "w.bin"), Buffer.from(weights(size * size).buffer));
  const path = makeModel(matMul(size, { external: { location: "w.bin", offset: 0 } }), "net.onnx", folder);
  const program = `
    import { readFileSync } from "node:fs";
    const { createSession } = await import(${JSON.stringify(import.meta.resolve("../../adapter/onnx/index.ts"))});
    const own = () => Number(/RssAnon:\\s+(\\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]) * 1024;
    const options = JSON.parse(process.argv[1]);
    await createSession(${JSON.stringify(makeModel(matMul(SIZE)))}, options);
    const before = own();
    await createSession(${JSON.stringify(path)}, options);
    console.log(own() - before);`;
  const grown = async (options: SessionOptions) => {
    const args = ["--input-type=module", "-e", program, JSON.stringify({ ...CPU, ...options })];
    return Number((await promisify(execFile)(process.execPath, args)).stdout);
  };
  assert.ok((await grown({})) > bytes * 0.9, "prepacked weights are a copy");
  assert.ok((await grown({ prepacking: false })) < bytes / 2);
  // Other settings of the same group are kept.
  const extra = { session: { disable_prepacking: "0", set_denormal_as_zero: "1" } };
  assert.ok((await grown({ prepacking: false, extra })) < bytes / 2);
});

test("a warm-up run is made with zeros, or with the inputs it is given", async () => {
  const path = makeModel(matMul(SIZE));
  assertClose(await answer(path, { ...CPU, warmUp: true }));
  const x = new Tensor("float32", new Float32Array(3 * SIZE), [3, SIZE]);
  assertClose(await answer(path, { ...CPU, warmUp: { x } }));
});

test("a warm-up that cannot be says what the model takes", async () => {
  const path = makeModel(matMul(SIZE));
  const x = new Tensor("float32", new Float32Array(SIZE + 1), [1, SIZE + 1]);
  for (const warmUp of [{ x }, {}]) {
    const error = await refused(path, { ...CPU, warmUp });
    assert.equal(error.code, "MODEL_INVALID");
    assert.match(error.message, /^the warm-up run failed: /);
    assert.match(
      error.fix ?? "",
      /warmUp: \{ x: new Tensor\(\.\.\.\) \}; the model takes x: float32\[rows, 8\]\.$/,
    );
  }
});

/** Inputs of these types, which come out as they went in. */
function identity(types: readonly Type[]): Model {
  const values: Value[] = types.map((type) => ({ name: type, type, dims: ["", 2, "n"] }));
  return {
    nodes: values.map(({ name }) => ({ op: "Identity", inputs: [name], outputs: [`${name}_out`] })),
    inputs: values,
    outputs: values.map((value) => ({ ...value, name: `${value.name}_out` })),
  };
}

test("an input of float16, which onnxruntime-node cannot take on a recent Node, is told as that", {
  skip: !("Float16Array" in globalThis) && "this Node can",
}, async () => {
  const error = await refused(makeModel(identity(["float16"])), { ...CPU, warmUp: true });
  assert.match(error.fix ?? "", /takes no float16 inputs .* float32 inputs and a Cast\.$/);
});

test("zeros of every type that onnxruntime-node knows, with 1 for open dimensions", async () => {
  const types = ["float32", "uint8", "int8", "int64", "bool"] as const;
  const session = await createSession(makeModel(identity(types)), { ...CPU, warmUp: true });
  for (const tensor of Object.values(zeroFeeds(session.inputMetadata))) {
    assert.deepEqual(tensor.dims, [1, 2, 1]);
    assert.ok([...(tensor.data as Float32Array)].every((value) => Number(value) === 0));
  }
  const text = zeroFeeds([{ name: "t", isTensor: true, type: "string", shape: ["n"] }]);
  assert.deepEqual(text["t"]?.data, [""]);
  const list = await refusal(() => zeroFeeds([{ name: "s", isTensor: false }]));
  assert.match(list.message, /no zeros for the input s: not a tensor/);
});
