// One job of the ONNX optimiser, in a process of its own: onnxruntime keeps what it allocated, so only a new process
// shows the peak of one session. Told what to do by its parent, runtime.ts, over IPC.

import { createRequire } from "node:module";
import { basename } from "node:path";
import type { InferenceSession, Tensor } from "onnxruntime-node";
import type { Answer, Job } from "./runtime.ts";
import { MIN_EXTERNAL_BYTES } from "./tensors.ts";

type Ort = typeof import("onnxruntime-node");
type Metadata = InferenceSession.ValueMetadata;
type Feeds = Record<string, Tensor>;
type Output = { readonly type: string; readonly dims: readonly number[]; readonly data: ArrayLike<unknown> };

/** What an open dimension is given, one after another. Models of images want more than one row and column. */
const SIZES = [1, 8, 64];
/** An input of more elements is not made: the answer would say no more. */
const MAX_ELEMENTS = 2 ** 24;
/** Largest difference, as a part of the largest output, that comes from adding up in another order. */
const TOLERANCE = 1e-4;
/** Of outputs of half precision. */
const HALF_TOLERANCE = 1e-2;
const HALF = new Set(["float16", "bfloat16"]);
/** onnxruntime's own log: errors alone. */
const QUIET = { logSeverityLevel: 3 as const };
const BYTES_PER_KIB = 1024;

process.once("message", async (job: Job) => {
  const answer = await run(job).catch((error: unknown) => ({
    error: error instanceof Error ? error.message : String(error),
  }));
  process.send?.(answer, () => process.disconnect());
});

async function run(job: Job): Promise<Answer> {
  const ort = createRequire(job.onnxruntime)(job.onnxruntime) as Ort;
  if (job.kind === "save") return save(ort, job);
  if (job.kind === "open") return open(ort, job.model);
  return compare(ort, job.model, job.candidate);
}

/** The graph as onnxruntime would optimise it at every start. */
async function save(ort: Ort, job: Extract<Job, { kind: "save" }>): Promise<Answer> {
  const outside = {
    optimized_model_external_initializers_file_name: `${basename(job.output)}.data`,
    optimized_model_external_initializers_min_size_in_bytes: `${MIN_EXTERNAL_BYTES}`,
  };
  await ort.InferenceSession.create(job.model, {
    ...QUIET,
    executionProviders: ["cpu"],
    graphOptimizationLevel: job.level,
    optimizedModelFilePath: job.output,
    // Prepacking would be thrown away.
    extra: { session: { disable_prepacking: "1", ...(job.outside && outside) } },
  });
  return {};
}

async function open(ort: Ort, model: string): Promise<Answer> {
  const started = performance.now();
  await ort.InferenceSession.create(model, { ...QUIET, executionProviders: ["cpu"] });
  const createMs = performance.now() - started;
  return { opened: { createMs, peakBytes: process.resourceUsage().maxRSS * BYTES_PER_KIB } };
}

/** Both models on the same inputs. Inputs that the first refuses say nothing of the second. */
async function compare(ort: Ort, model: string, candidate: string): Promise<Answer> {
  const options = { ...QUIET, executionProviders: ["cpu"] };
  const before = await ort.InferenceSession.create(model, options);
  const after = await ort.InferenceSession.create(candidate, options);
  let [inputs, difference] = [0, 0];
  let refusal = "";
  for (const size of SIZES) {
    const feeds = randomFeeds(ort, before.inputMetadata, size);
    if (feeds === undefined) continue;
    let owed: InferenceSession.ReturnType;
    try {
      owed = await before.run(feeds);
    } catch (error) {
      refusal ||= (error as Error).message.split("\n")[0] ?? "";
      continue;
    }
    const given = await after.run(feeds);
    for (const name of before.outputNames) {
      const found = distance(owed[name] as unknown as Output, given[name] as unknown as Output);
      if (typeof found === "string") return { compared: { inputs, difference, flaw: `${name} ${found}` } };
      difference = Math.max(difference, found);
    }
    inputs++;
    if (!hasOpenDimension(before.inputMetadata)) break;
  }
  return { compared: { inputs, difference, ...(inputs === 0 && { refusal }) } };
}

const hasOpenDimension = (inputs: readonly Metadata[]): boolean =>
  inputs.some((input) => input.isTensor && input.shape.some((it) => typeof it === "string"));

/** How far two outputs are apart, as a part of the largest value, or how they differ in kind. */
function distance(owed: Output, given: Output): number | string {
  if (owed.type !== given.type || `${owed.dims}` !== `${given.dims}`) {
    return `is ${given.type}[${given.dims}] instead of ${owed.type}[${owed.dims}]`;
  }
  const exact = !/^b?float/.test(owed.type);
  let [largest, apart] = [0, 0];
  for (let i = 0; i < owed.data.length; i++) {
    const [one, other] = [owed.data[i], given.data[i]];
    if (Object.is(one, other)) continue;
    if (exact) return `differs at ${i}: ${other} instead of ${one}`;
    const [left, right] = [Number(one), Number(other)];
    if (!Number.isFinite(left) || !Number.isFinite(right)) return `is ${right} instead of ${left} at ${i}`;
    apart = Math.max(apart, Math.abs(left - right));
  }
  if (apart === 0) return 0;
  for (let i = 0; i < owed.data.length; i++) {
    const value = Math.abs(Number(owed.data[i]));
    if (Number.isFinite(value)) largest = Math.max(largest, value);
  }
  const part = apart / Math.max(largest, Number.MIN_VALUE);
  const allowed = HALF.has(owed.type) ? HALF_TOLERANCE : TOLERANCE;
  return part <= allowed ? part : `differs by ${part.toExponential(1)} of its largest value`;
}

/** Random numbers of [-1, 1), and 0 or 1 where whole numbers are wanted; undefined when an input cannot be made. */
function randomFeeds(ort: Ort, inputs: readonly Metadata[], size: number): Feeds | undefined {
  const random = randomFrom(size);
  const feeds: Feeds = {};
  for (const input of inputs) {
    if (!input.isTensor) return undefined;
    const dims = input.shape.map((it) => (typeof it === "number" ? it : size));
    const length = dims.reduce((product, it) => product * it, 1);
    const data = length > MAX_ELEMENTS ? undefined : randomData(input.type, length, random);
    if (data === undefined) return undefined;
    feeds[input.name] = new ort.Tensor(input.type, data, dims);
  }
  return feeds;
}

function randomData(type: string, length: number, random: () => number): Tensor.DataType | undefined {
  const float = () => random() * 2 - 1;
  const bit = () => (random() < 0.5 ? 0 : 1);
  const half = () => (random() < 0.5 ? 0xb800 : 0x3800); // -0.5 and 0.5
  switch (type) {
    case "float32":
      return Float32Array.from({ length }, float);
    case "float64":
      return Float64Array.from({ length }, float);
    case "float16":
      return Uint16Array.from({ length }, half);
    case "int64":
      return BigInt64Array.from({ length }, () => BigInt(bit()));
    case "uint64":
      return BigUint64Array.from({ length }, () => BigInt(bit()));
    case "int32":
      return Int32Array.from({ length }, bit);
    case "uint32":
      return Uint32Array.from({ length }, bit);
    case "int16":
      return Int16Array.from({ length }, bit);
    case "uint16":
      return Uint16Array.from({ length }, bit);
    case "int8":
      return Int8Array.from({ length }, bit);
    case "uint8":
    case "bool":
      return Uint8Array.from({ length }, bit);
    default:
      return undefined;
  }
}

/** Numbers in [0, 1) that depend on the seed alone. Source: Mulberry32 by Tommy Ettinger, public domain. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}
