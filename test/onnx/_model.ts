// Writes small ONNX models for tests: nodes, tensors, inputs and outputs as objects, and the file that they make.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { bytesField, numberField, type Piece } from "../../adapter/build/onnx/protobuf.ts";
import { makeFolder } from "../build/_project.ts";

const FLOAT = 1;
const INT64 = 7;
const TYPES = { float32: FLOAT, uint8: 2, int8: 3, int64: INT64, bool: 9, float16: 10 } as const;
const ATTRIBUTE_TYPES = { int: 2, string: 3, graph: 5, ints: 7 } as const;

export type Type = keyof typeof TYPES;

export interface Value {
  readonly name: string;
  readonly type: Type;
  readonly dims: readonly (number | string)[];
}

export interface Node {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly domain?: string;
  readonly attributes?: Readonly<Record<string, number | string | readonly number[] | Graph>>;
}

export interface TensorValues {
  readonly name: string;
  readonly dims: readonly number[];
  readonly data: Float32Array | BigInt64Array | Int8Array | Uint8Array;
  /** As packed float_data instead of raw_data. */
  readonly packed?: boolean;
  /** In this file, instead of in the model. */
  readonly external?: { readonly location: string; readonly offset: number; readonly length?: number };
}

export interface Graph {
  readonly nodes: readonly Node[];
  readonly tensors?: readonly TensorValues[];
  readonly inputs?: readonly Value[];
  readonly outputs: readonly Value[];
}

export interface Model extends Graph {
  readonly opset?: number;
  readonly irVersion?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

export function modelBytes({ opset = 17, irVersion = 8, metadata = {}, ...graph }: Model): Buffer {
  return concat([
    numberField(1, irVersion),
    ...bytesField(7, graphPieces(graph)),
    ...bytesField(8, [numberField(2, opset)]),
    ...Object.entries(metadata).flatMap(([key, value]) => bytesField(14, entry(key, value))),
  ]);
}

/** @returns the path of a new file in a folder that is removed after the tests */
export function makeModel(model: Model, name = "net.onnx", folder: string = makeFolder()): string {
  const path = join(folder, name);
  writeFileSync(path, modelBytes(model));
  return path;
}

/** `y = x W`, with as many rows as you like. */
export function matMul(size: number, options: Partial<TensorValues> & Partial<Model> = {}): Model {
  const { external, packed, ...model } = options;
  return {
    nodes: [{ op: "MatMul", inputs: ["x", "w"], outputs: ["y"] }],
    tensors: [
      {
        name: "w",
        dims: [size, size],
        data: weights(size * size),
        ...(external && { external }),
        ...(packed && { packed }),
      },
    ],
    inputs: [{ name: "x", type: "float32", dims: ["rows", size] }],
    outputs: [{ name: "y", type: "float32", dims: ["rows", size] }],
    ...model,
  };
}

/** Different, small and the same each time. */
export const weights = (length: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin(i * 12.9898) / 10);

function graphPieces({ nodes, tensors = [], inputs = [], outputs }: Graph): Piece[] {
  return [
    ...nodes.flatMap((node) => bytesField(1, nodePieces(node))),
    ...bytesField(2, "graph"),
    ...tensors.flatMap((tensor) => bytesField(5, tensorPieces(tensor))),
    ...inputs.flatMap((value) => bytesField(11, valuePieces(value))),
    ...outputs.flatMap((value) => bytesField(12, valuePieces(value))),
  ];
}

function nodePieces({ op, inputs, outputs, domain, attributes = {} }: Node): Piece[] {
  return [
    ...inputs.flatMap((name) => bytesField(1, name)),
    ...outputs.flatMap((name) => bytesField(2, name)),
    ...bytesField(4, op),
    ...(domain === undefined ? [] : bytesField(7, domain)),
    ...Object.entries(attributes).flatMap(([name, value]) => bytesField(5, attributePieces(name, value))),
  ];
}

function attributePieces(name: string, value: number | string | readonly number[] | Graph): Piece[] {
  const named = (type: keyof typeof ATTRIBUTE_TYPES, contents: Piece[]) => [
    ...bytesField(1, name),
    ...contents,
    numberField(20, ATTRIBUTE_TYPES[type]),
  ];
  if (typeof value === "number") return named("int", [numberField(3, value)]);
  if (typeof value === "string") return named("string", bytesField(4, value));
  if ("nodes" in value) return named("graph", bytesField(6, graphPieces(value)));
  return named(
    "ints",
    value.map((it) => numberField(8, it)),
  );
}

function tensorPieces({ name, dims, data, packed, external }: TensorValues): Piece[] {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const places = external === undefined ? [] : Object.entries(external);
  return [
    ...dims.map((dimension) => numberField(1, dimension)),
    numberField(2, typeOf(data)),
    ...bytesField(8, name),
    ...(external === undefined ? bytesField(packed ? 4 : 9, [bytes]) : []),
    ...places.flatMap(([key, value]) => bytesField(13, entry(key, `${value}`))),
    ...(external === undefined ? [] : [numberField(14, 1)]),
  ];
}

function typeOf(data: TensorValues["data"]): number {
  if (data instanceof Float32Array) return FLOAT;
  if (data instanceof BigInt64Array) return INT64;
  return data instanceof Int8Array ? TYPES.int8 : TYPES.uint8;
}

function valuePieces({ name, type, dims }: Value): Piece[] {
  const dimension = (it: number | string) =>
    typeof it === "number" ? [numberField(1, it)] : bytesField(2, it);
  const shape = dims.flatMap((it) => bytesField(1, dimension(it)));
  const tensor = [numberField(1, TYPES[type]), ...bytesField(2, shape)];
  return [...bytesField(1, name), ...bytesField(2, bytesField(1, tensor))];
}

const entry = (key: string, value: string): Piece[] => [...bytesField(1, key), ...bytesField(2, value)];

const concat = (pieces: readonly Piece[]): Buffer => Buffer.concat(pieces as Uint8Array[]);
