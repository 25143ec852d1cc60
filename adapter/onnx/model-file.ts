// What an .onnx file says of itself, without loading it: versions, metadata, and where each of its tensors lies. Its
// messages are those of onnx.proto (github.com/onnx/onnx/blob/main/onnx/onnx.proto3), of which it knows what it needs.

import { ByteFile, type Field, fields, numbersOf, type Range } from "./protobuf.ts";

/** Field numbers. */
export const MODEL = { irVersion: 1, producer: 2, graph: 7, opset: 8, metadata: 14 } as const;
export const GRAPH = { node: 1, initializer: 5, input: 11, sparseInitializer: 15 } as const;
export const NODE = { opType: 4, attribute: 5, domain: 7 } as const;
export const ATTRIBUTE = { graph: 6, graphs: 11 } as const;
export const TENSOR = {
  dims: 1,
  type: 2,
  floats: 4,
  name: 8,
  raw: 9,
  doubles: 10,
  external: 13,
  location: 14,
} as const;
/** Of StringStringEntryProto: metadata and external_data. */
const ENTRY = { key: 1, value: 2 } as const;
const OPSET = { domain: 1, version: 2 } as const;

/** TensorProto.DataLocation. */
export const EXTERNAL = 1;

export interface ModelFile {
  readonly irVersion: number;
  /** Domain -> version; the domain of ONNX itself is "". */
  readonly opsets: ReadonlyMap<string, number>;
  readonly metadata: ReadonlyMap<string, string>;
  /** Absent when the file holds no model. */
  readonly graph: Range | undefined;
}

/** The frame around the graph; of a file of any size, a few reads. @throws MalformedMessage */
export function readModelFile(file: ByteFile): ModelFile {
  let irVersion = 0;
  let graph: Range | undefined;
  const opsets = new Map<string, number>();
  const metadata = new Map<string, string>();
  for (const field of fields(file, file.whole())) {
    if (field.number === MODEL.irVersion) irVersion = field.value;
    else if (field.number === MODEL.graph) graph = field;
    else if (field.number === MODEL.metadata) metadata.set(...entry(file, field));
    else if (field.number === MODEL.opset) {
      let [domain, version] = ["", 0];
      for (const part of fields(file, field)) {
        if (part.number === OPSET.domain) domain = file.text(part);
        if (part.number === OPSET.version) version = part.value;
      }
      opsets.set(domain, version);
    }
  }
  return { irVersion, opsets, metadata, graph };
}

/** A tensor's bytes in a file beside the model. */
export interface ExternalPlace {
  /** Relative to the model's folder, as it stands in the model. */
  readonly location: string;
  readonly offset: number;
  /** Absent: to the end of the file. */
  readonly length: number | undefined;
}

export interface TensorInFile {
  readonly name: string;
  /** TensorProto.DataType. */
  readonly type: number;
  readonly dims: readonly number[];
  /** Its values as little-endian bytes, when they lie in the model in one piece. */
  readonly raw: Range | undefined;
  readonly external: ExternalPlace | undefined;
}

/** @throws MalformedMessage */
export function readTensor(file: ByteFile, range: Range): TensorInFile {
  let [name, type, location] = ["", 0, 0];
  const dims: number[] = [];
  const values: Field[] = [];
  const entries = new Map<string, string>();
  for (const field of fields(file, range)) {
    if (field.number === TENSOR.dims) dims.push(...numbersOf(file, field));
    else if (field.number === TENSOR.type) type = field.value;
    else if (field.number === TENSOR.name) name = file.text(field);
    else if (field.number === TENSOR.location) location = field.value;
    else if (field.number === TENSOR.external) entries.set(...entry(file, field));
    // Packed floats and doubles are already what raw bytes would be.
    else if ([TENSOR.raw, TENSOR.floats, TENSOR.doubles].some((it) => it === field.number))
      values.push(field);
  }
  return {
    name,
    type,
    dims,
    raw: values.length === 1 && location !== EXTERNAL ? values[0] : undefined,
    external: location === EXTERNAL ? externalPlace(entries) : undefined,
  };
}

/** All initializers of a graph and of the graphs inside its nodes. @throws MalformedMessage */
export function* tensorsOf(file: ByteFile, graph: Range): Generator<TensorInFile> {
  for (const field of fields(file, graph)) {
    if (field.number === GRAPH.initializer) yield readTensor(file, field);
    if (field.number === GRAPH.node) {
      for (const inner of graphsOf(file, field)) yield* tensorsOf(file, inner);
    }
  }
}

/** The graphs in a node's attributes: branches of If, bodies of Loop and Scan. @throws MalformedMessage */
export function* graphsOf(file: ByteFile, node: Range): Generator<Field> {
  for (const attribute of fields(file, node)) {
    if (attribute.number !== NODE.attribute) continue;
    for (const part of fields(file, attribute)) {
      if (part.number === ATTRIBUTE.graph || part.number === ATTRIBUTE.graphs) yield part;
    }
  }
}

function externalPlace(entries: ReadonlyMap<string, string>): ExternalPlace {
  const length = entries.get("length");
  return {
    location: entries.get("location") ?? "",
    offset: Number(entries.get("offset") ?? 0),
    length: length === undefined ? undefined : Number(length),
  };
}

function entry(file: ByteFile, range: Range): [string, string] {
  let [key, value] = ["", ""];
  for (const field of fields(file, range)) {
    if (field.number === ENTRY.key) key = file.text(field);
    if (field.number === ENTRY.value) value = file.text(field);
  }
  return [key, value];
}

/** Open a model, look, and close it. */
export function withModelFile<T>(path: string, look: (file: ByteFile) => T): T {
  const file = new ByteFile(path);
  try {
    return look(file);
  } finally {
    file.close();
  }
}
