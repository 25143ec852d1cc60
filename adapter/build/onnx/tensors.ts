// What an ONNX model holds, from its files alone: how much weights, which operators, and where the bytes of each tensor
// are. Nothing is run.

import { closeSync, openSync, readSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  GRAPH,
  graphsOf,
  NODE,
  readModelFile,
  type TensorInFile,
  tensorsOf,
  withModelFile,
} from "../../onnx/model-file.ts";
import { type ByteFile, fields, type Range } from "../../onnx/protobuf.ts";

/** A smaller tensor stays: shapes and axes, which onnxruntime reads while it optimises the graph. */
export const MIN_EXTERNAL_BYTES = 1024;
const COMPARE_BYTES = 2 ** 20;

/** Where a tensor's bytes are now: in the model itself, or in a file beside it. */
export interface Source extends Range {
  /** Absolute. */
  readonly path: string;
}

/** What is known of a model from its file alone. */
export interface ModelContents {
  /** Bytes of the tensors in it that could lie outside. */
  readonly embeddedBytes: number;
  /** How often each operator occurs. */
  readonly operators: ReadonlyMap<string, number>;
  /** Files beside the model that it needs, as they stand in it. */
  readonly externalFiles: readonly string[];
  readonly metadata: ReadonlyMap<string, string>;
}

/** @throws MalformedMessage, or an error that says that it is no model */
export function readContents(model: string): ModelContents {
  return withModelFile(model, (file) => {
    const { graph, metadata } = readModelFile(file);
    if (graph === undefined) throw new Error("it has no graph");
    const tensors = [...tensorsOf(file, graph)];
    const operators = new Map<string, number>();
    for (const name of operatorsOf(file, graph)) operators.set(name, (operators.get(name) ?? 0) + 1);
    return {
      embeddedBytes: tensors
        .filter(({ external }) => external === undefined)
        .reduce((sum, tensor) => sum + bytesOf(sourceOf(model, tensor)), 0),
      operators,
      externalFiles: [...new Set(tensors.flatMap(({ external }) => external?.location ?? []))],
      metadata,
    };
  });
}

function* operatorsOf(file: ByteFile, graph: Range): Generator<string> {
  for (const node of fields(file, graph)) {
    if (node.number !== GRAPH.node) continue;
    for (const part of fields(file, node)) if (part.number === NODE.opType) yield file.text(part);
    for (const inner of graphsOf(file, node)) yield* operatorsOf(file, inner);
  }
}

/**
 * Whether two models hold the same tensors, byte for byte and in the same order.
 * @throws MalformedMessage
 */
export function sameTensors(one: string, other: string): boolean {
  return withModelFile(one, (a) =>
    withModelFile(other, (b) => {
      const [left, right] = [graphTensors(a), graphTensors(b)];
      if (left.length !== right.length) return false;
      return left.every((tensor, i) => {
        const twin = right[i] as TensorInFile;
        const [here, there] = [sourceOf(one, tensor, 0), sourceOf(other, twin, 0)];
        return tensor.name === twin.name && `${tensor.dims}` === `${twin.dims}` && sameBytes(here, there);
      });
    }),
  );
}

const graphTensors = (file: ByteFile): TensorInFile[] => {
  const { graph } = readModelFile(file);
  return graph === undefined ? [] : [...tensorsOf(file, graph)];
};

/** Where the bytes of a tensor are; undefined when it is too small, or of strings. */
export function sourceOf(
  model: string,
  { raw, external, type, dims }: TensorInFile,
  least: number = MIN_EXTERNAL_BYTES,
): Source | undefined {
  if (external !== undefined) {
    const path = join(dirname(model), external.location);
    const length = external.length ?? byteLength(type, dims);
    return { path, from: external.offset, to: external.offset + length };
  }
  return raw === undefined || bytesOf(raw) < least ? undefined : { path: model, from: raw.from, to: raw.to };
}

export const bytesOf = (range: Range | undefined): number =>
  range === undefined ? 0 : range.to - range.from;

/** Bits of an element by TensorProto.DataType; those that exporters write to external data. */
const BITS: Readonly<Record<number, number>> = {
  1: 32,
  2: 8,
  3: 8,
  4: 16,
  5: 16,
  6: 32,
  7: 64,
  9: 8,
  10: 16,
  11: 64,
  12: 32,
  13: 64,
  14: 64,
  15: 128,
  16: 16,
  17: 8,
  18: 8,
  19: 8,
  20: 8,
  21: 4,
  22: 4,
  23: 4,
};

function byteLength(type: number, dims: readonly number[]): number {
  const bits = BITS[type];
  if (bits === undefined) throw new Error(`a tensor of type ${type} does not say how long it is`);
  return Math.ceil((dims.reduce((product, dimension) => product * dimension, 1) * bits) / 8);
}

function sameBytes(one: Source | undefined, other: Source | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  if (bytesOf(one) !== bytesOf(other)) return false;
  return withOpen(one.path, (a) =>
    withOpen(other.path, (b) => equalRanges(a, one.from, b, other.from, bytesOf(one))),
  );
}

function equalRanges(one: number, from: number, other: number, at: number, length: number): boolean {
  const [left, right] = [Buffer.alloc(COMPARE_BYTES), Buffer.alloc(COMPARE_BYTES)];
  for (let done = 0; done < length; ) {
    const wanted = Math.min(COMPARE_BYTES, length - done);
    const bytes = readSync(one, left, 0, wanted, from + done);
    if (bytes === 0 || readSync(other, right, 0, bytes, at + done) !== bytes) return false;
    if (left.compare(right, 0, bytes, 0, bytes) !== 0) return false;
    done += bytes;
  }
  return true;
}

export function withOpen<T>(path: string, use: (descriptor: number) => T): T {
  const descriptor = openSync(path, "r");
  try {
    return use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
