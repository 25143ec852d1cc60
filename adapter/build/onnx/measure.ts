// What a model costs to open, before and after it was optimised: bytes, nodes, time and memory, of processes of their own.
// What is optimised, and whether it is kept, is optimize.ts.

import { statSync } from "node:fs";
import type { Onnxruntime, Opened } from "./runtime.ts";
import { type ModelContents, readContents } from "./tensors.ts";

const MEASURED_ROUNDS = 3;

export interface OnnxMeasure extends Opened {
  /** Of the model and the files beside it. */
  readonly bytes: number;
  readonly nodes: number;
}

/** How many a graph has. */
export const nodesOf = ({ operators }: ModelContents): number =>
  [...operators.values()].reduce((sum, count) => sum + count, 0);

/**
 * Open both a few times.
 * @param before absolute paths of a model and the files beside it, the model first. @param after the same of the other
 */
export async function measureBoth(
  onnxruntime: Onnxruntime,
  before: readonly string[],
  after: readonly string[],
) {
  const [one, other]: [Opened[], Opened[]] = [[], []];
  // In turns: a machine that grows slow grows slow for both.
  for (let round = 0; round < MEASURED_ROUNDS; round++) {
    one.push(await onnxruntime.open(before[0] as string));
    other.push(await onnxruntime.open(after[0] as string));
  }
  return { before: summary(before, one), after: summary(after, other) };
}

function summary(files: readonly string[], opened: readonly Opened[]): OnnxMeasure {
  const median = (of: (it: Opened) => number) =>
    opened.map(of).toSorted((a, b) => a - b)[opened.length >> 1] as number;
  return {
    bytes: files.reduce((sum, path) => sum + statSync(path).size, 0),
    nodes: nodesOf(readContents(files[0] as string)),
    createMs: median(({ createMs }) => createMs),
    peakBytes: median(({ peakBytes }) => peakBytes),
  };
}
