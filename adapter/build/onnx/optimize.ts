// Prepares an ONNX model for a fast start: its graph is optimised once instead of at every start, and large weights go to
// a file of their own, which is mapped instead of read. What is written answers as the original does, or is not kept. The
// rules, with the numbers behind them, are the constants below; whole folders are folder.ts, what it brings measure.ts.

import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, isAbsolute, join } from "node:path";
import { ColdframeError } from "../../runtime/errors.ts";
import { writeWithExternalData, writeWithMetadata } from "./external.ts";
import { measureBoth, nodesOf, type OnnxMeasure } from "./measure.ts";
import { findOnnxruntime, type Level, type Onnxruntime } from "./runtime.ts";
import { type ModelContents, readContents, sameTensors } from "./tensors.ts";

/**
 * Weights that are worth a file of their own. Opening a chain of MatMuls, with its weights inside and beside it, took
 * 26 and 25 ms for 0.5 MiB, 32 and 27 for 2 MiB, 40 and 31 for 4 MiB, 193 and 105 for 128 MiB, 968 and 363 for 512 MiB;
 * a transformer of 348 MiB 582 and 305 ms, with a peak of memory of 655 and 415 MB. onnxruntime-node 1.30, 2 cores, files
 * in the page cache, medians of 5 to 15 processes.
 */
const MIN_WEIGHTS_BYTES = 2 * 2 ** 20;

/**
 * Graphs that are worth it. At every start it saves 11 ms of 82 for 434 nodes and 14 ms of 108 for 736, and nothing that
 * could be measured for 95 or fewer.
 */
const MIN_NODES = 100;

/**
 * Not `layout` or `all`: they write blocked layouts (NCHWc) of this machine's CPU, which onnxruntime itself warns of.
 * `extended` puts in operators that every build for CPUs has.
 */
const PORTABLE: Level = "extended";

/** Above `basic` they become what suits this machine, x86 or ARM. Source: QDQS8ToU8Transformer of onnxruntime. */
const QUANTISED = ["QuantizeLinear", "DequantizeLinear"];

/** In the metadata of what is written here. */
const MARKER = "coldframe.optimized";

const NOTHING_TO_DO = "it is small, or its weights have a file of their own already";

export interface OptimizeOnnxOptions {
  /** The folder whose onnxruntime-node is used: the version that will open the model. */
  readonly project: string;
  /** Default: `extended`. For a model that runs on a GPU `basic`: above it, operators are fused as suits a CPU. */
  readonly level?: Level;
  /** Open both models in new processes and say how long it took; default true. */
  readonly measure?: boolean;
  readonly onStep?: (step: string) => void;
}

/** What became of one model. */
export interface OnnxOptimization {
  /** Absolute path of the original. */
  readonly model: string;
  /** Absolute paths of what to use instead, the model first; empty when the original is as good. */
  readonly written: readonly string[];
  /** Why the original is kept, or its graph. */
  readonly note: string | undefined;
  readonly before?: OnnxMeasure;
  readonly after?: OnnxMeasure;
}

/**
 * Write an optimised model to a folder, under the original's name. The original is never touched.
 * @param model absolute path
 * @param folder absolute path of another folder; made when it is not there
 * @throws WEIGHTS_INVALID when the file is no ONNX model, WEIGHTS_NOT_FOUND when a file beside it is missing,
 * ADDON_UNSUPPORTED without onnxruntime-node
 */
export async function optimizeOnnx(
  model: string,
  folder: string,
  { project, level, measure = true, onStep }: OptimizeOnnxOptions,
): Promise<OnnxOptimization> {
  const onnxruntime = findOnnxruntime(project);
  const contents = contentsOf(model);
  const kept = (note: string): OnnxOptimization => ({ model, written: [], note });
  if (contents.metadata.has(MARKER)) return kept("it was optimised before");
  if (join(folder, basename(model)) === model) throw new Error(`${model} would be overwritten`);
  mkdirSync(folder, { recursive: true });
  const workplace = mkdtempSync(join(folder, ".optimize-"));
  try {
    onStep?.(`optimise ${basename(model)}`);
    const heavy = contents.embeddedBytes >= MIN_WEIGHTS_BYTES;
    const outside = heavy || contents.externalFiles.length > 0;
    const wanted = level ?? levelFor(contents);
    const graph = await optimizeGraph(onnxruntime, model, contents, { workplace, outside, level: wanted });
    if (graph.model === undefined && !heavy) return kept(graph.note ?? NOTHING_TO_DO);
    const done = `${graph.model === undefined ? "weights" : wanted} onnxruntime ${onnxruntime.version}`;
    const candidate = write(
      graph.model ?? model,
      join(workplace, "candidate"),
      basename(model),
      outside,
      done,
    );
    const refusal = await openable(onnxruntime, candidate[0] as string);
    if (refusal !== undefined) return kept(refusal);
    if (measure) onStep?.(`measure ${basename(model)}`);
    const measured =
      measure && (await measureBoth(onnxruntime, [model, ...beside(model, contents)], candidate));
    return { model, written: moveTo(folder, candidate), note: graph.note, ...(measured || undefined) };
  } finally {
    rmSync(workplace, { recursive: true, force: true });
  }
}

/** One line for a person: what it was, what it is, what it costs to open. */
export function describeOptimization({ model, written, note, before, after }: OnnxOptimization): string {
  const name = basename(model);
  if (written.length === 0) return `${name}: kept as it is; ${note}.`;
  const parts = [written.length > 1 ? "weights in a file of their own" : "weights inside"];
  if (before !== undefined && after !== undefined) {
    parts.push(
      `nodes ${before.nodes} to ${after.nodes}`,
      `opens in ${after.createMs.toFixed(0)} ms instead of ${before.createMs.toFixed(0)}`,
      `peak of memory ${megabytes(after.peakBytes)} instead of ${megabytes(before.peakBytes)}`,
    );
  }
  return `${name}: ${[...parts, ...(note === undefined ? [] : [note])].join("; ")}.`;
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;

/** Absolute paths of the files beside a model that hold its weights. */
export const beside = (model: string, { externalFiles }: ModelContents): string[] =>
  externalFiles.map((name) => join(dirname(model), name));

/** @throws WEIGHTS_INVALID, or WEIGHTS_NOT_FOUND when a file that it needs is missing */
export function contentsOf(model: string): ModelContents {
  let contents: ModelContents;
  try {
    contents = readContents(model);
  } catch (cause) {
    const message = `${model} is not an ONNX model: ${(cause as Error).message}.`;
    throw new ColdframeError("WEIGHTS_INVALID", message, {
      fix: "Fetch or export it again, or take it out of the folder.",
      cause,
    });
  }
  for (const name of contents.externalFiles) {
    // Its bytes would end up in the artifact, and from there with everyone who has it.
    if (isAbsolute(name) || name.split(/[\\/]/).includes("..")) {
      const message = `${model} refers to ${name}, outside its own folder.`;
      throw new ColdframeError("WEIGHTS_INVALID", message, { fix: "Put its weights beside it." });
    }
    if (existsSync(join(dirname(model), name))) continue;
    const message = `${model} keeps its weights in ${name}, which is not there.`;
    throw new ColdframeError("WEIGHTS_NOT_FOUND", message, { fix: "Put it beside the model." });
  }
  return contents;
}

const levelFor = ({ operators }: ModelContents): Level =>
  QUANTISED.some((name) => operators.has(name)) ? "basic" : PORTABLE;

interface Graph {
  /** Absolute path of the model with the optimised graph; absent when the graph stays as it is. */
  readonly model?: string;
  readonly note?: string;
}

/** A graph is taken when it has fewer nodes, and gives the same answers to inputs that the original answers. */
async function optimizeGraph(
  onnxruntime: Onnxruntime,
  model: string,
  contents: ModelContents,
  { workplace, outside, level }: { workplace: string; outside: boolean; level: Level },
): Promise<Graph> {
  if (nodesOf(contents) < MIN_NODES) return {};
  const optimised = join(workplace, "graph.onnx");
  try {
    await onnxruntime.save(model, optimised, level, outside);
    if (nodesOf(readContents(optimised)) >= nodesOf(contents)) return {};
    const { inputs, flaw, refusal } = await onnxruntime.compare(model, optimised);
    if (flaw !== undefined) return { note: `its graph is as it was: optimised, its output ${flaw}` };
    if (inputs === 0)
      return { note: `its graph is as it was: no input to compare answers with (${refusal})` };
    return { model: optimised };
  } catch (error) {
    return { note: `its graph is as it was: onnxruntime ${onnxruntime.version} says: ${oneLine(error)}` };
  }
}

/** @returns absolute paths, the model first */
function write(source: string, folder: string, name: string, outside: boolean, done: string): string[] {
  mkdirSync(folder);
  const model = join(folder, name);
  if (!outside) {
    writeWithMetadata(source, model, { [MARKER]: done });
    return [model];
  }
  writeWithExternalData(source, model, { [MARKER]: done });
  // The inputs that were compared may have touched a few rows of a table.
  if (!sameTensors(source, model)) throw new Error(`the weights of ${name} were not copied as they are`);
  return [model, `${model}.data`];
}

/** @returns why not */
async function openable(onnxruntime: Onnxruntime, model: string): Promise<string | undefined> {
  try {
    await onnxruntime.open(model);
    return undefined;
  } catch (error) {
    return `onnxruntime ${onnxruntime.version} cannot open it on a CPU: ${oneLine(error)}`;
  }
}

function moveTo(folder: string, paths: readonly string[]): string[] {
  return paths.map((path) => {
    const target = join(folder, basename(path));
    renameSync(path, target);
    return target;
  });
}

/** onnxruntime's messages are long and of many lines. */
const oneLine = (error: unknown): string =>
  (error as Error).message.trim().replace(/\s+/g, " ").slice(0, 300);
