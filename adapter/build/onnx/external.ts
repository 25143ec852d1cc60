// Rewrites an ONNX model with its large tensors in a file beside it, which onnxruntime maps into memory instead of
// reading it. Nothing but the place of these bytes changes. Format: onnx.proto, TensorProto.external_data.

import { closeSync, openSync } from "node:fs";
import { basename } from "node:path";
import {
  EXTERNAL,
  type ExternalPlace,
  GRAPH,
  graphsOf,
  MODEL,
  NODE,
  readTensor,
  TENSOR,
  type TensorInFile,
  withModelFile,
} from "../../onnx/model-file.ts";
import { type ByteFile, type Field, fields, type Range } from "../../onnx/protobuf.ts";
import { bytesField, copyRange, numberField, type Piece, writeAll, writePieces } from "./protobuf.ts";
import { bytesOf, type Source, sourceOf, withOpen } from "./tensors.ts";

/** A page, so that each tensor is mapped from its own first byte. */
const ALIGNMENT_BYTES = 4096;

interface Move {
  readonly source: Source;
  readonly offset: number;
}

/**
 * Write a model to `output` and its large tensors to `<output>.data`.
 * @param metadata added to the model's own
 */
export function writeWithExternalData(
  model: string,
  output: string,
  metadata: Readonly<Record<string, string>>,
): void {
  withModelFile(model, (file) => {
    const moves: Move[] = [];
    const location = `${basename(output)}.data`;
    const pieces = [...rewriteModel(file, new Mover(model, location, moves)), ...metadataFields(metadata)];
    writePieces(output, pieces, file);
    writeData(`${output}.data`, moves);
  });
}

/** Write a model as it is, with more metadata. Its external data stays where it is. */
export function writeWithMetadata(
  model: string,
  output: string,
  metadata: Readonly<Record<string, string>>,
): void {
  withModelFile(model, (file) => writePieces(output, [file.whole(), ...metadataFields(metadata)], file));
}

/** Gives each tensor its place in the data file. */
class Mover {
  readonly #model: string;
  readonly #location: string;
  readonly #moves: Move[];
  #end = 0;

  constructor(model: string, location: string, moves: Move[]) {
    this.#model = model;
    this.#location = location;
    this.#moves = moves;
  }

  /** @returns undefined when the tensor stays in the model */
  move(tensor: TensorInFile): ExternalPlace | undefined {
    const source = sourceOf(this.#model, tensor);
    if (source === undefined) return undefined;
    const offset = Math.ceil(this.#end / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
    this.#moves.push({ source, offset });
    this.#end = offset + bytesOf(source);
    return { location: this.#location, offset, length: bytesOf(source) };
  }
}

function rewriteModel(file: ByteFile, mover: Mover): Piece[] {
  return rewrite(file, file.whole(), (field) =>
    field.number === MODEL.graph ? bytesField(MODEL.graph, rewriteGraph(file, field, mover)) : undefined,
  );
}

function rewriteGraph(file: ByteFile, graph: Range, mover: Mover): Piece[] {
  return rewrite(file, graph, (field) => {
    if (field.number === GRAPH.initializer) {
      const place = mover.move(readTensor(file, field));
      return place && bytesField(GRAPH.initializer, rewriteTensor(file, field, place));
    }
    if (field.number === GRAPH.node && !graphsOf(file, field).next().done) {
      return bytesField(GRAPH.node, rewriteNode(file, field, mover));
    }
    return undefined;
  });
}

/** A node whose attributes hold graphs. */
function rewriteNode(file: ByteFile, node: Range, mover: Mover): Piece[] {
  return rewrite(file, node, (attribute) => {
    if (attribute.number !== NODE.attribute) return undefined;
    const inner = new Set([...graphsOf(file, node)].map(({ start }) => start));
    const pieces = rewrite(file, attribute, (part) =>
      inner.has(part.start) ? bytesField(part.number, rewriteGraph(file, part, mover)) : undefined,
    );
    return bytesField(NODE.attribute, pieces);
  });
}

const VALUES: ReadonlySet<number> = new Set([
  TENSOR.raw,
  TENSOR.floats,
  TENSOR.doubles,
  TENSOR.external,
  TENSOR.location,
]);

function rewriteTensor(file: ByteFile, tensor: Range, place: ExternalPlace): Piece[] {
  const kept = rewrite(file, tensor, ({ number }) => (VALUES.has(number) ? [] : undefined));
  const entries = { location: place.location, offset: `${place.offset}`, length: `${place.length}` };
  const external = Object.entries(entries).flatMap(([key, value]) =>
    bytesField(TENSOR.external, entry(key, value)),
  );
  return [...kept, ...external, numberField(TENSOR.location, EXTERNAL)];
}

/** A message with some of its fields changed; the others are copied, neighbours at once. */
function rewrite(file: ByteFile, message: Range, change: (field: Field) => Piece[] | undefined): Piece[] {
  const pieces: Piece[] = [];
  let copied: { from: number; to: number } | undefined;
  for (const field of fields(file, message)) {
    const changed = change(field);
    if (changed !== undefined) {
      copied = undefined;
      pieces.push(...changed);
    } else if (copied !== undefined) {
      copied.to = field.to;
    } else {
      copied = { from: field.start, to: field.to };
      pieces.push(copied);
    }
  }
  return pieces;
}

const metadataFields = (metadata: Readonly<Record<string, string>>): Piece[] =>
  Object.entries(metadata).flatMap(([key, value]) => bytesField(MODEL.metadata, entry(key, value)));

const entry = (key: string, value: string): Piece[] => [...bytesField(1, key), ...bytesField(2, value)];

function writeData(path: string, moves: readonly Move[]): void {
  const out = openSync(path, "w");
  try {
    let end = 0;
    for (const { source, offset } of moves) {
      writeAll(out, Buffer.alloc(offset - end));
      withOpen(source.path, (descriptor) => copyRange(descriptor, source, out));
      end = offset + bytesOf(source);
    }
  } finally {
    closeSync(out);
  }
}
