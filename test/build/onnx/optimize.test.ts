// The ONNX optimiser, with onnxruntime-node itself: what it writes answers as the original does, what it cannot prove to
// answer so it leaves alone, and the files of an artifact or a folder come out complete.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { test } from "node:test";
import { InferenceSession, Tensor, type TypedTensor } from "onnxruntime-node";
import { describeOptimization, optimizeOnnx } from "../../../adapter/build/onnx/optimize.ts";
import { optimizeOnnxFiles, optimizeOnnxFolder } from "../../../adapter/build/onnx/folder.ts";
import { readContents } from "../../../adapter/build/onnx/tensors.ts";
import { readModelFile, tensorsOf, withModelFile } from "../../../adapter/onnx/model-file.ts";
import { makeModel, matMul, type Model, type Node, type TensorValues, weights } from "../../onnx/_model.ts";
import { makeFolder, refusal, writeFiles } from "../_project.ts";

const REPOSITORY = join(import.meta.dirname, "../../..");
const QUICK = { project: REPOSITORY, measure: false };

/** 4 MiB: enough for a file of its own. */
const SIZE = 1024;
const BYTES = SIZE * SIZE * 4;

const hash = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");

/** The first row of the answer to a row of halves. */
async function answer(path: string, size = SIZE): Promise<Float32Array> {
  const session = await InferenceSession.create(path, { executionProviders: ["cpu"], logSeverityLevel: 3 });
  const x = new Tensor("float32", new Float32Array(size).fill(0.5), [1, size]);
  const { y } = (await session.run({ x })) as { y: TypedTensor<"float32"> };
  await session.release();
  return y.data;
}

const tensors = (path: string) =>
  withModelFile(path, (file) => {
    const { graph } = readModelFile(file);
    return graph === undefined ? [] : [...tensorsOf(file, graph)];
  });

const metadata = (path: string) => withModelFile(path, (file) => readModelFile(file).metadata);

/** `x W`, and then so many pairs of nodes that do nothing: an optimiser removes them. */
function longGraph(pairs: number, size: number, last: Partial<Node> = {}): Model {
  const nodes: Node[] = [{ op: "MatMul", inputs: ["x", "w"], outputs: ["n0"] }];
  for (let i = 0; i < pairs; i++) {
    nodes.push({ op: "Neg", inputs: [`n${i}`], outputs: [`m${i}`] });
    nodes.push({ op: "Identity", inputs: [`m${i}`], outputs: [`n${i + 1}`] });
  }
  nodes.push({ op: "Tanh", inputs: [`n${pairs}`], outputs: ["y"], ...last });
  return { ...matMul(size), nodes };
}

test("large weights get a file of their own, at whole pages, and the answers stay the same", async () => {
  const model = makeModel(matMul(SIZE, { metadata: { author: "Ada" } }));
  const before = hash(model);
  const folder = makeFolder();
  const { written, note } = await optimizeOnnx(model, folder, QUICK);
  assert.deepEqual(written, [join(folder, "net.onnx"), join(folder, "net.onnx.data")]);
  assert.equal(note, undefined);
  assert.deepEqual(readdirSync(folder).toSorted(), ["net.onnx", "net.onnx.data"]);
  assert.equal(hash(model), before, "the original is as it was");
  const [path] = written as [string];
  assert.ok(readFileSync(path).length < 1000);
  const external = { location: "net.onnx.data", offset: 0, length: BYTES };
  assert.deepEqual(
    tensors(path).map((tensor) => tensor.external),
    [external],
  );
  assert.deepEqual(await answer(path), await answer(model));
  assert.equal(metadata(path).get("author"), "Ada");
  assert.match(metadata(path).get("coldframe.optimized") ?? "", /^weights onnxruntime 1\.\d+\.\d+$/);
});

test("the same model makes the same bytes each time", async () => {
  const model = makeModel(longGraph(60, SIZE));
  const hashes = await Promise.all(
    [makeFolder(), makeFolder()].map(async (folder) => {
      const { written } = await optimizeOnnx(model, folder, QUICK);
      assert.equal(written.length, 2);
      return written.map(hash);
    }),
  );
  assert.deepEqual(hashes[0], hashes[1]);
});

test("every large tensor starts a page, raw or packed; a small one stays", async () => {
  const inside: TensorValues[] = [
    { name: "w", dims: [SIZE, SIZE], data: weights(SIZE * SIZE) },
    { name: "b", dims: [SIZE], data: weights(SIZE), packed: true },
    { name: "s", dims: [1], data: Float32Array.of(2) },
  ];
  const nodes: Node[] = [
    { op: "Gemm", inputs: ["x", "w", "b"], outputs: ["a"] },
    { op: "Mul", inputs: ["a", "s"], outputs: ["y"] },
  ];
  const model = makeModel({ ...matMul(SIZE), nodes, tensors: inside });
  const { written } = await optimizeOnnx(model, makeFolder(), QUICK);
  const places = tensors(written[0] as string).map(({ name, external }) => [
    name,
    external?.offset,
    external?.length,
  ]);
  assert.deepEqual(places, [
    ["w", 0, BYTES],
    ["b", BYTES, SIZE * 4],
    ["s", undefined, undefined],
  ]);
  assert.deepEqual(await answer(written[0] as string), await answer(model));
});

test("an odd length is padded to the next page", async () => {
  const data = weights(SIZE * SIZE + 1);
  const inside: TensorValues[] = [
    { name: "w", dims: [SIZE * SIZE + 1], data },
    { name: "v", dims: [300], data: data.slice(7, 307) },
  ];
  const nodes: Node[] = [
    { op: "ReduceSum", inputs: ["w"], outputs: ["a"] },
    { op: "ReduceSum", inputs: ["v"], outputs: ["b"] },
    { op: "Add", inputs: ["a", "b"], outputs: ["c"] },
    { op: "Mul", inputs: ["x", "c"], outputs: ["y"] },
  ];
  const model = makeModel({ ...matMul(SIZE), nodes, tensors: inside });
  const { written } = await optimizeOnnx(model, makeFolder(), QUICK);
  const offsets = tensors(written[0] as string).map(({ external }) => external?.offset);
  assert.deepEqual(offsets, [0, BYTES + 4096]);
  const bytes = readFileSync(written[1] as string);
  assert.deepEqual(bytes.subarray(BYTES + 4096), Buffer.from(data.slice(7, 307).buffer));
  assert.deepEqual(await answer(written[0] as string), await answer(model));
});

test("weights inside the branches of an If move too", async () => {
  const branch = (scale: number) => ({
    nodes: [{ op: "MatMul", inputs: ["x", `w${scale}`], outputs: [`y${scale}`] }],
    tensors: [{ name: `w${scale}`, dims: [SIZE, SIZE], data: weights(SIZE * SIZE).map((it) => it * scale) }],
    outputs: [{ name: `y${scale}`, type: "float32" as const, dims: ["rows", SIZE] }],
  });
  const nodes: Node[] = [
    { op: "ReduceSum", inputs: ["x"], outputs: ["sum"], attributes: { keepdims: 0 } },
    { op: "Cast", inputs: ["sum"], outputs: ["any"], attributes: { to: 9 } },
    {
      op: "If",
      inputs: ["any"],
      outputs: ["y"],
      attributes: { then_branch: branch(1), else_branch: branch(2) },
    },
  ];
  const model = makeModel({ ...matMul(SIZE), nodes, tensors: [] });
  const { written } = await optimizeOnnx(model, makeFolder(), QUICK);
  assert.deepEqual(
    tensors(written[0] as string).map(({ external }) => external?.offset),
    [0, BYTES],
  );
  assert.deepEqual(await answer(written[0] as string), await answer(model));
});

test("a small model is left alone, and one that was optimised before", async () => {
  const folder = makeFolder();
  const small = await optimizeOnnx(makeModel(matMul(8)), folder, QUICK);
  assert.deepEqual(small.written, []);
  assert.deepEqual(readdirSync(folder), []);
  const { written } = await optimizeOnnx(makeModel(matMul(SIZE)), folder, QUICK);
  const again = await optimizeOnnx(written[0] as string, makeFolder(), QUICK);
  assert.deepEqual(again.written, []);
  assert.equal(again.note, "it was optimised before");
});

test("a long graph is optimised once and for all; its answers stay", async () => {
  const model = makeModel(longGraph(60, 16));
  const { written, note } = await optimizeOnnx(model, makeFolder(), QUICK);
  assert.equal(note, undefined);
  assert.deepEqual(
    written.map((path) => basename(path)),
    ["net.onnx"],
  );
  const [path] = written as [string];
  const nodes = (file: string) => [...readContents(file).operators.values()].reduce((sum, it) => sum + it);
  assert.ok(nodes(path) < nodes(model) * 0.6, `${nodes(path)} of ${nodes(model)}`);
  assert.deepEqual(await answer(path, 16), await answer(model, 16));
  assert.match(metadata(path).get("coldframe.optimized") ?? "", /^extended /);
});

test("what is written does not depend on the kind of processor", async () => {
  const pairs = Array.from({ length: 60 }, (_, i): Node[] => [
    { op: "QuantizeLinear", inputs: [i === 0 ? "x" : `f${i - 1}`, "s"], outputs: [`q${i}`] },
    { op: "DequantizeLinear", inputs: [`q${i}`, "s"], outputs: [`d${i}`] },
    { op: "Mul", inputs: [`d${i}`, "s"], outputs: [`f${i}`] },
  ]).flat();
  const nodes: Node[] = [
    ...pairs,
    { op: "Identity", inputs: ["f59"], outputs: ["g"] },
    { op: "MatMul", inputs: ["g", "w"], outputs: ["y"] },
  ];
  const scale: TensorValues = { name: "s", dims: [], data: Float32Array.of(1) };
  const model = makeModel({ ...matMul(16), nodes, tensors: [...(matMul(16).tensors ?? []), scale] });
  const { written } = await optimizeOnnx(model, makeFolder(), QUICK);
  assert.match(metadata(written[0] as string).get("coldframe.optimized") ?? "", /^basic /);
  const chosen = await optimizeOnnx(makeModel(longGraph(60, 16)), makeFolder(), { ...QUICK, level: "basic" });
  assert.match(metadata(chosen.written[0] as string).get("coldframe.optimized") ?? "", /^basic /);
});

test("a graph that answers differently is not taken; its weights still move", async () => {
  const random = { op: "RandomNormalLike", inputs: ["n60"], outputs: ["y"] };
  const model = makeModel(longGraph(60, SIZE, random));
  const { written, note } = await optimizeOnnx(model, makeFolder(), QUICK);
  assert.match(note ?? "", /^its graph is as it was: optimised, its output y differs by /);
  assert.equal(written.length, 2);
  assert.equal(readContents(written[0] as string).operators.get("Identity"), 60);
});

test("a graph that no made-up input fits is not taken", async () => {
  const model = longGraph(60, SIZE, { op: "Add", inputs: ["n60", "z"] });
  const z = { name: "z", type: "float32" as const, dims: ["wide", "other"] };
  // Reshape to a fixed shape: none of the sizes that are tried has 35 elements.
  const nodes: Node[] = [
    { op: "Reshape", inputs: ["v", "shape"], outputs: ["z0"] },
    ...(model.nodes as Node[]),
  ];
  nodes[nodes.length - 1] = { op: "Add", inputs: ["n60", "z1"], outputs: ["y"] };
  nodes.splice(1, 0, { op: "ReduceSum", inputs: ["z0"], outputs: ["z1"] });
  const shape: TensorValues = { name: "shape", dims: [1], data: BigInt64Array.of(35n) };
  const fixed = makeModel({
    ...model,
    nodes,
    tensors: [...(model.tensors ?? []), shape],
    inputs: [...(model.inputs ?? []), { ...z, name: "v" }],
  });
  const { written, note } = await optimizeOnnx(fixed, makeFolder(), QUICK);
  assert.match(note ?? "", /^its graph is as it was: no input to compare answers with \(/);
  assert.equal(written.length, 2);
});

test("weights that lie in several files come together; small ones too", async () => {
  const folder = makeFolder();
  const data = weights(SIZE * SIZE);
  writeFiles(folder, { "a.bin": Buffer.from(data.buffer), "b.bin": Buffer.alloc(16 + 400 * 4, 7) });
  const inside: TensorValues[] = [
    { name: "w", dims: [SIZE, SIZE], data, external: { location: "a.bin", offset: 0 } },
    { name: "v", dims: [100], data, external: { location: "b.bin", offset: 16, length: 400 } },
    { name: "u", dims: [SIZE, SIZE], data },
  ];
  const nodes: Node[] = [
    { op: "MatMul", inputs: ["x", "w"], outputs: ["a"] },
    { op: "MatMul", inputs: ["a", "u"], outputs: ["b"] },
    { op: "ReduceSum", inputs: ["v"], outputs: ["c"] },
    { op: "Add", inputs: ["b", "c"], outputs: ["y"] },
  ];
  const model = makeModel({ ...matMul(SIZE), nodes, tensors: inside }, "net.onnx", folder);
  const { written } = await optimizeOnnx(model, makeFolder(), QUICK);
  const places = tensors(written[0] as string).map(({ external }) => [external?.location, external?.offset]);
  assert.deepEqual(places, [
    ["net.onnx.data", 0],
    ["net.onnx.data", BYTES],
    ["net.onnx.data", BYTES + 4096],
  ]);
  assert.deepEqual(await answer(written[0] as string), await answer(model));
});

test("a model that no CPU can open is kept, with onnxruntime's reason", async () => {
  const model = makeModel({
    ...matMul(SIZE),
    nodes: [{ op: "Frobnicate", inputs: ["x", "w"], outputs: ["y"] }],
  });
  const folder = makeFolder();
  const { written, note } = await optimizeOnnx(model, folder, QUICK);
  assert.deepEqual(written, []);
  assert.match(note ?? "", /cannot open it on a CPU: .*Frobnicate/);
  assert.deepEqual(readdirSync(folder), []);
});

test("what is no model is refused, and a project without onnxruntime-node", async () => {
  const folder = writeFiles(makeFolder(), { "net.onnx": "<html>" });
  const error = await refusal(() => optimizeOnnx(join(folder, "net.onnx"), makeFolder(), QUICK));
  assert.equal(error.code, "WEIGHTS_INVALID");
  assert.match(error.message, /net\.onnx is not an ONNX model/);
  const none = await refusal(() =>
    optimizeOnnx(makeModel(matMul(SIZE)), makeFolder(), { project: makeFolder() }),
  );
  assert.equal(none.code, "ADDON_UNSUPPORTED");
  assert.equal(none.fix, "Run `npm install onnxruntime-node`.");
});

test("weights that are missing are named, and those of another folder are never copied", async () => {
  const at = (location: string) => makeModel(matMul(SIZE, { external: { location, offset: 0 } }));
  const missing = await refusal(() => optimizeOnnx(at("w.bin"), makeFolder(), QUICK));
  assert.equal(missing.code, "WEIGHTS_NOT_FOUND");
  assert.match(missing.message, /keeps its weights in w\.bin, which is not there/);
  for (const location of ["/etc/hosts", "../w.bin", "a/../../w.bin", "..\\w.bin"]) {
    const error = await refusal(() => optimizeOnnx(at(location), makeFolder(), QUICK));
    assert.equal(error.code, "WEIGHTS_INVALID", location);
    assert.match(error.message, /outside its own folder/);
  }
});

test("both models are opened in processes of their own, and told in one line", async () => {
  const steps: string[] = [];
  const result = await optimizeOnnx(makeModel(matMul(SIZE)), makeFolder(), {
    project: REPOSITORY,
    onStep: (step) => steps.push(step),
  });
  assert.deepEqual(steps, ["optimise net.onnx", "measure net.onnx"]);
  const { before, after } = result;
  assert.ok(before !== undefined && after !== undefined);
  assert.ok(before.createMs > 0 && after.createMs > 0 && after.peakBytes > BYTES);
  assert.ok(after.bytes >= BYTES && before.bytes >= BYTES);
  assert.match(
    describeOptimization(result),
    /^net\.onnx: weights in a file of their own; nodes 1 to 1; opens in \d+ ms instead of \d+; peak of memory \d+ MB instead of \d+ MB\.$/,
  );
});

test("among the files of an artifact, the optimised model takes the place of the original and of its old weights", async () => {
  const folder = makeFolder();
  writeFiles(folder, { "nets/w.bin": Buffer.from(weights(SIZE * SIZE).buffer), "words.txt": "a" });
  const two: TensorValues[] = [
    {
      name: "w",
      dims: [SIZE, SIZE],
      data: weights(0),
      external: { location: "w.bin", offset: 0, length: BYTES },
    },
    { name: "v", dims: [SIZE, SIZE], data: weights(SIZE * SIZE) },
  ];
  const nodes: Node[] = [
    { op: "MatMul", inputs: ["x", "w"], outputs: ["a"] },
    { op: "MatMul", inputs: ["a", "v"], outputs: ["y"] },
  ];
  makeModel({ ...matMul(SIZE), nodes, tensors: two }, "net.onnx", join(folder, "nets"));
  makeModel(matMul(8), "small.onnx", folder);
  const files = ["nets/net.onnx", "nets/w.bin", "small.onnx", "words.txt"].map((name) => ({
    from: join(folder, name),
    to: `data/${name}`,
  }));
  const output = makeFolder();
  const result = await optimizeOnnxFiles(files, output, QUICK);
  assert.deepEqual(result.files, [
    { from: join(output, "data/nets/net.onnx"), to: "data/nets/net.onnx" },
    { from: join(output, "data/nets/net.onnx.data"), to: "data/nets/net.onnx.data" },
    { from: join(folder, "small.onnx"), to: "data/small.onnx" },
    { from: join(folder, "words.txt"), to: "data/words.txt" },
  ]);
  assert.deepEqual(
    result.models.map(({ written }) => written.length),
    [2, 0],
  );
});

test("weights that two models share stay shared, and no other file is overwritten", async () => {
  const folder = makeFolder();
  writeFiles(folder, { "w.bin": Buffer.from(weights(SIZE * SIZE).buffer), "c.onnx.data": "notes" });
  const two = (location: string): Model => ({
    ...matMul(SIZE),
    tensors: [
      { name: "w", dims: [SIZE, SIZE], data: weights(0), external: { location, offset: 0, length: BYTES } },
      { name: "v", dims: [SIZE, SIZE], data: weights(SIZE * SIZE) },
    ],
  });
  for (const name of ["a.onnx", "b.onnx"]) makeModel(two("w.bin"), name, folder);
  makeModel(matMul(SIZE), "c.onnx", folder);
  const files = readdirSync(folder).map((name) => ({ from: join(folder, name), to: name }));
  const result = await optimizeOnnxFiles(files, makeFolder(), QUICK);
  assert.deepEqual(
    result.files,
    files.toSorted((a, b) => (a.to < b.to ? -1 : 1)),
  );
  assert.deepEqual(
    result.models.map(({ note }) => note),
    [
      "another model has its weights in w.bin too",
      "another model has its weights in w.bin too",
      "c.onnx.data, the place for its weights, is another file",
    ],
  );
});

test("a folder of weights is copied whole, with its models optimised", async () => {
  const folder = makeFolder();
  mkdirSync(join(folder, "deep"));
  makeModel(matMul(SIZE), "net.onnx", join(folder, "deep"));
  writeFiles(folder, { "words.txt": "a\nb\n", "deep/config.json": "{}" });
  const output = join(makeFolder(), "out");
  writeFiles(output, { "stale.txt": "" });
  const models = await optimizeOnnxFolder(folder, output, QUICK);
  assert.equal(models.length, 1);
  const listed = readdirSync(output, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(output.length + 1));
  assert.deepEqual(listed.toSorted(), [
    "deep/config.json",
    "deep/net.onnx",
    "deep/net.onnx.data",
    "words.txt",
  ]);
  assert.equal(readFileSync(join(output, "words.txt"), "utf8"), "a\nb\n");
  assert.deepEqual(await answer(join(output, "deep/net.onnx")), await answer(join(folder, "deep/net.onnx")));
  assert.ok(existsSync(join(folder, "deep/net.onnx")) && !existsSync(join(dirname(output), "stale.txt")));
});
