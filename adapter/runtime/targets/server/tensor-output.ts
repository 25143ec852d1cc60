// What a model gave, as the tensors of an answer of the Open Inference Protocol: typed arrays, tensors of ONNX Runtime,
// and plain values, so that a model that knows nothing of tensors can be asked for them. And tensors as JSON or bytes.
// Source: as tensor-input.ts; onnxruntime-common's Tensor, which has `type` and `dims`.

import { isUtf8 } from "node:buffer";
import { isNumeric, isShaped } from "../../bodies/numeric-array.ts";
import type { NumericArray } from "../../input.ts";
import { ColdframeError } from "../../errors.ts";
import { encodeJson, isBinary, toBuffer } from "../../json.ts";
import {
  BYTES,
  DATATYPES,
  datatypeOf,
  type Invalid,
  isShape,
  lengthOf,
  PREFIX_BYTES,
  toNumbers,
} from "./tensor-types.ts";

/** One tensor of an answer. */
export interface OutputTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly data: NumericArray | readonly (string | Uint8Array)[];
  readonly parameters?: unknown;
}

/** Of what is no record of outputs. */
const ONLY_NAME = "output";

/**
 * The tensors that a value stands for: `{ outputs: [...] }` as the protocol has it, or a record of names. Lists of
 * numbers are FP64, of texts BYTES; bytes are one element; what is neither is JSON, as text.
 * @throws OUTPUT_INVALID
 */
export function toTensors(value: unknown): readonly OutputTensor[] {
  if (!isRecord(value) || isTensor(value)) return [toTensor(nameOf(value), value)];
  const { outputs } = value;
  if (Array.isArray(outputs) && outputs.every((output) => isRecord(output) && "name" in output)) {
    return outputs.map((output) => toTensor(nameOf(output), output));
  }
  const entries = Object.entries(value).filter(([, part]) => part !== undefined);
  return entries.map(([name, part]) => toTensor(name, part));
}

/** @throws OUTPUT_INVALID for what JSON cannot hold */
export function jsonData({ name, datatype, data }: OutputTensor): unknown[] {
  const wrong = invalidOutput(name);
  if (datatype === BYTES)
    return Array.from(data as readonly (string | Uint8Array)[], (part) => text(part, wrong));
  const numbers = data as ArrayLike<number | bigint>;
  if (datatype === "BOOL") return Array.from(numbers, Boolean);
  if (datatype.startsWith("FP")) {
    return Array.from(numbers, (element) => {
      if (Number.isFinite(element)) return element;
      throw wrong(`JSON cannot hold ${element}: ask for it with "binary_data": true`);
    });
  }
  return Array.from(numbers, (element) =>
    typeof element !== "bigint"
      ? element
      : Number.isSafeInteger(Number(element))
        ? Number(element)
        : rawJson(`${element}`),
  );
}

/** As the binary tensor data extension has it. @throws OUTPUT_INVALID */
export function bytesOf({ name, datatype, data }: OutputTensor): Buffer {
  if (datatype === BYTES) {
    return Buffer.concat(
      (data as readonly (string | Uint8Array)[]).flatMap((part) => {
        const bytes = typeof part === "string" ? Buffer.from(part) : part;
        const prefix = Buffer.alloc(PREFIX_BYTES);
        prefix.writeUInt32LE(bytes.length);
        return [prefix, bytes];
      }),
    );
  }
  const numbers = data as NumericArray;
  if (datatype !== "FP16" || datatypeOf(numbers) === "FP16") return toBuffer(numbers);
  if (!HalfArray) throw invalidOutput(name)("FP16 as bytes needs Node 24");
  return toBuffer(HalfArray.from(numbers as Float32Array));
}

/** Node 24 has it. */
const HalfArray = (globalThis as { Float16Array?: { from(list: ArrayLike<number>): ArrayBufferView } })
  .Float16Array;

/** A number of more digits than a double holds; "JSON.parse source text access" of ECMAScript. */
const rawJson = (digits: string): unknown =>
  (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(digits);

function toTensor(name: string, value: unknown): OutputTensor {
  const wrong = invalidOutput(name);
  // Bytes are one element, unless they say how they lie.
  if (isBinary(value) && isNumeric(value))
    return tensorOf(name, undefined, undefined, value, undefined, wrong);
  if (isBinary(value)) return { name, datatype: BYTES, shape: [1], data: [toBuffer(value)] };
  // As an input of BYTES is.
  if (Array.isArray(value) && isShaped(value)) {
    return tensorOf(name, undefined, value.shape, value, undefined, wrong);
  }
  if (!isRecord(value) || !isTensor(value)) return { name, ...plain(value) };
  const { datatype, type, shape, dims, data, parameters } = value;
  return tensorOf(
    name,
    datatype ?? (type === "bool" ? "BOOL" : undefined),
    shape ?? dims,
    data,
    parameters,
    wrong,
  );
}

function tensorOf(
  name: string,
  said: unknown,
  shapeSaid: unknown,
  data: unknown,
  parameters: unknown,
  wrong: Invalid,
): OutputTensor {
  const found = ArrayBuffer.isView(data) ? datatypeOf(data) : undefined;
  const list = found ? (data as NumericArray) : Array.isArray(data) ? data.flat(Infinity) : undefined;
  if (!list) throw wrong("its data is neither an array nor a typed array");
  const datatype = said ?? found ?? plain(list).datatype;
  if (typeof datatype !== "string" || !DATATYPES.includes(datatype)) {
    throw wrong(`its datatype is ${String(datatype)}, allowed are ${DATATYPES.join(", ")}`);
  }
  const shape = shapeSaid ?? (isShaped(list) ? list.shape : [list.length]);
  if (!isShape(shape) || lengthOf(shape) !== list.length) {
    throw wrong(`its data has ${list.length} elements and its shape is ${JSON.stringify(shape)}`);
  }
  const rest = { name, datatype, shape, ...(parameters !== undefined && { parameters }) };
  if (datatype === BYTES) return { ...rest, data: Array.from(list as ArrayLike<unknown>, toElement) };
  // BOOL and UINT8 lie in memory alike, and FP16 may come as it was given, widened.
  const fits =
    found === datatype || `${found} ${datatype}` === "UINT8 BOOL" || `${found} ${datatype}` === "FP32 FP16";
  return { ...rest, data: fits ? (list as NumericArray) : toNumbers(datatype, list, wrong) };
}

/** A value that says nothing of tensors. */
function plain(value: unknown): Pick<OutputTensor, "datatype" | "shape" | "data"> {
  const shape = Array.isArray(value) ? extentsOf(value) : [1];
  const list = Array.isArray(value) ? value.flat(shape.length - 1) : [value];
  const are = (type: string) => list.length > 0 && list.every((element) => typeof element === type);
  const datatype = are("number") ? "FP64" : are("boolean") ? "BOOL" : are("bigint") ? "INT64" : undefined;
  if (datatype && list.length === lengthOf(shape)) {
    return { datatype, shape, data: toNumbers(datatype, list, invalidOutput(ONLY_NAME)) };
  }
  if (are("string") && list.length === lengthOf(shape))
    return { datatype: BYTES, shape, data: list as string[] };
  const elements = Array.isArray(value) ? value : [value];
  return { datatype: BYTES, shape: [elements.length], data: elements.map(toElement) };
}

/** Of what is nested, as long as the first of each are; whether all are alike shows in the number of elements. */
function extentsOf(list: readonly unknown[]): number[] {
  const extents: number[] = [];
  for (let part: unknown = list; Array.isArray(part) && isShape(extents); part = part[0]) {
    extents.push(part.length);
  }
  return extents;
}

const toElement = (value: unknown): string | Uint8Array =>
  typeof value === "string" || value instanceof Uint8Array ? value : encodeJson(value);

function text(part: string | Uint8Array, wrong: Invalid): string {
  if (typeof part === "string") return part;
  if (isUtf8(part)) return toBuffer(part).toString();
  throw wrong('JSON cannot hold bytes that are no text: ask for it with "binary_data": true');
}

const nameOf = (value: unknown): string =>
  isRecord(value) && typeof value["name"] === "string" ? value["name"] : ONLY_NAME;

const isTensor = (value: Record<string, unknown>): boolean =>
  "data" in value && ("shape" in value || "dims" in value || "datatype" in value);

const invalidOutput =
  (name: string): Invalid =>
  (sentence) =>
    new ColdframeError("OUTPUT_INVALID", `the output ${name}: ${sentence}.`);

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && !!value && !Array.isArray(value) && !isBinary(value);
