// The tensors of a request of the Open Inference Protocol: JSON, flat or nested, and bytes that follow it. A caller's
// tensor is checked against what it says of itself before anything is made of it.
// Source: github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md; Triton's binary tensor
// data extension, docs/protocol/extension_binary_data.md.

import { readArray } from "../../bodies/numeric-array.ts";
import type { InputTensor, NumericArray } from "../../input.ts";
import { ColdframeError } from "../../errors.ts";
import {
  BYTES,
  DATATYPES,
  type Invalid,
  isShape,
  lengthOf,
  numbersOf,
  PREFIX_BYTES,
  toNumbers,
} from "./tensor-types.ts";

/** What is asked of one output. */
export interface AskedOutput {
  readonly name: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
}

export interface InferenceRequest {
  readonly id: string | undefined;
  readonly parameters: Readonly<Record<string, unknown>>;
  /** By name. */
  readonly inputs: Readonly<Record<string, InputTensor>>;
  /** Of which datatype each input said it is. */
  readonly datatypes: Readonly<Record<string, string>>;
  /** Absent: all of them. */
  readonly outputs: readonly AskedOutput[] | undefined;
}

/**
 * Read the body of an inference request.
 * @param headerLength the bytes of JSON at its beginning, of a request with binary tensors
 * @throws INPUT_INVALID
 */
export function readRequest(body: Uint8Array, headerLength: string | undefined): InferenceRequest {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const json = headerLength === undefined ? bytes.length : Number(headerLength);
  if (!(Number.isInteger(json) && json >= 0 && json <= bytes.length)) {
    throw invalid(
      `inference-header-content-length is ${headerLength}, and the body has ${bytes.length} bytes.`,
    );
  }
  if (json === 0) {
    throw invalid("the request has no JSON: send `inputs` with name, shape and datatype before their bytes.");
  }
  const request = parse(bytes.toString("utf8", 0, json));
  if (!isObject(request)) throw invalid("the body is no JSON object.");
  const { id, parameters, inputs: list, outputs } = request;
  if (!Array.isArray(list)) throw invalid("`inputs` is no array.");
  if (id !== undefined && typeof id !== "string") throw invalid("`id` is no text.");
  const inputs: Record<string, InputTensor> = Object.create(null);
  const datatypes: Record<string, string> = Object.create(null);
  let at = json;
  for (const [index, input] of list.entries()) {
    const tensor = describe(input, index);
    if (tensor.name in inputs) throw tensor.invalid("is there twice");
    const end = at + (tensor.binaryBytes ?? 0);
    const data = tensor.binaryBytes === undefined ? fromJson(tensor) : fromBytes(tensor, bytes, at, end);
    at = end;
    inputs[tensor.name] = Object.assign(data, { shape: tensor.shape }) as InputTensor;
    datatypes[tensor.name] = tensor.datatype;
  }
  if (at !== bytes.length) throw invalid(`${bytes.length - at} bytes follow the last tensor.`);
  return {
    id,
    parameters: isObject(parameters) ? parameters : {},
    inputs,
    datatypes,
    outputs: readOutputs(outputs),
  };
}

/** One input, before its elements are read. */
interface Described {
  readonly name: string;
  readonly shape: readonly number[];
  readonly datatype: string;
  readonly data: unknown;
  readonly count: number;
  /** Of a tensor whose elements follow the JSON. */
  readonly binaryBytes: number | undefined;
  readonly invalid: Invalid;
}

function describe(input: unknown, index: number): Described {
  if (!isObject(input)) throw invalid(`inputs[${index}] is no object.`);
  const { name, shape, datatype, data, parameters } = input;
  if (typeof name !== "string" || !name) throw invalid(`inputs[${index}] has no name.`);
  const wrong: Invalid = (sentence) =>
    new ColdframeError("INPUT_INVALID", `the input ${name}: ${sentence}.`, {
      issues: [{ path: `inputs[${index}]`, message: sentence }],
    });
  if (!isShape(shape)) throw wrong("its shape is no list of extents");
  if (typeof datatype !== "string" || !DATATYPES.includes(datatype)) {
    throw wrong(`its datatype is ${JSON.stringify(datatype)}, allowed are ${DATATYPES.join(", ")}`);
  }
  const binary = isObject(parameters) ? parameters["binary_data_size"] : undefined;
  if (binary !== undefined && !(Number.isSafeInteger(binary) && (binary as number) >= 0)) {
    throw wrong("its binary_data_size is no number of bytes");
  }
  return {
    name,
    shape,
    datatype,
    data,
    count: lengthOf(shape),
    binaryBytes: binary as number | undefined,
    invalid: wrong,
  };
}

function fromJson({ shape, datatype, data, count, invalid: wrong }: Described): NumericArray | Buffer[] {
  if (!Array.isArray(data)) throw wrong("its data is no array");
  const list = Array.isArray(data[0]) ? data.flat(shape.length - 1) : data;
  if (list.length !== count) throw wrong(`its shape has ${count} elements and its data ${list.length}`);
  if (datatype !== BYTES) return toNumbers(datatype, list, wrong);
  return list.map((element, index) => {
    if (typeof element !== "string") throw wrong(`its element ${index} is no text`);
    return Buffer.from(element);
  });
}

function fromBytes(tensor: Described, bytes: Buffer, from: number, to: number): NumericArray | Buffer[] {
  const { shape, datatype, count, invalid: wrong } = tensor;
  if (to > bytes.length) throw wrong(`its ${to - from} bytes are not there`);
  const data = bytes.subarray(from, to);
  if (datatype === BYTES) return split(data, count, wrong);
  const { bytes: width, numpy } = numbersOf(datatype);
  if (data.length !== count * width) {
    throw wrong(`its shape has ${count} elements of ${width} bytes and its data ${data.length} bytes`);
  }
  const fields = { nd: true, type: numpy, kind: new Uint8Array(), shape, data };
  return readArray(new Map<string, unknown>(Object.entries(fields))) as NumericArray;
}

function split(data: Buffer, count: number, wrong: Invalid): Buffer[] {
  const elements: Buffer[] = [];
  let at = 0;
  while (at < data.length) {
    const end = at + PREFIX_BYTES > data.length ? Infinity : at + PREFIX_BYTES + data.readUInt32LE(at);
    if (end > data.length) throw wrong("the length before an element reaches beyond its bytes");
    elements.push(data.subarray(at + PREFIX_BYTES, end));
    at = end;
  }
  if (elements.length === count) return elements;
  throw wrong(`its shape has ${count} elements and its data ${elements.length}`);
}

function readOutputs(outputs: unknown): readonly AskedOutput[] | undefined {
  if (outputs === undefined) return undefined;
  const isNamed = (output: unknown) => isObject(output) && typeof output["name"] === "string";
  if (Array.isArray(outputs) && outputs.every(isNamed)) return outputs;
  throw invalid("`outputs` is no list of objects with a name.");
}

/** Sixteen digits may be more than a double holds. */
const LARGE_INTEGER = /\d{16}/;

function parse(text: string): unknown {
  try {
    return LARGE_INTEGER.test(text) ? JSON.parse(text, exact as typeof keep) : JSON.parse(text);
  } catch (cause) {
    throw new ColdframeError("INPUT_INVALID", `the body is not valid JSON: ${(cause as Error).message}.`, {
      cause,
    });
  }
}

const keep = (_key: string, value: unknown): unknown => value;

/** What a double cannot hold stays what was sent; `source` is ECMAScript's "JSON.parse source text access". */
const exact = (_key: string, value: unknown, { source }: { source?: string } = {}): unknown =>
  typeof value === "number" && source && !Number.isSafeInteger(value) && /^-?\d+$/.test(source)
    ? BigInt(source)
    : value;

const invalid = (sentence: string): ColdframeError => new ColdframeError("INPUT_INVALID", sentence);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && !!value && !Array.isArray(value);
