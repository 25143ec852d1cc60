// The datatypes of the Open Inference Protocol and their elements in memory: the same typed arrays with a `shape` that a
// model gets of msgpack. What a tensor is in JSON or in bytes is tensor-input.ts and tensor-output.ts.
// Source: github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md, "Tensor Data Types".

import type { NumericArray } from "../../input.ts";
import type { ColdframeError } from "../../errors.ts";

interface Numbers {
  /** Of one element. */
  readonly bytes: number;
  /** numpy's name of the same. */
  readonly numpy: string;
  readonly create: new (length: number) => NumericArray;
  /** The element as the array holds it; undefined for what is none. */
  readonly read: (value: unknown) => number | bigint | undefined;
}

const bool = (value: unknown) =>
  typeof value === "boolean" || value === 0 || value === 1 ? Number(value) : undefined;

const real = (value: unknown) =>
  typeof value === "number" || typeof value === "bigint" ? Number(value) : undefined;

const integer = (min: number, max: number) => (value: unknown) =>
  Number.isInteger(value) && (value as number) >= min && (value as number) <= max
    ? (value as number)
    : undefined;

const bits = (size: number) => integer(0, 2 ** size - 1);
const signed = (size: number) => integer(-(2 ** (size - 1)), 2 ** (size - 1) - 1);

const wide = (cut: (size: number, value: bigint) => bigint) => (value: unknown) => {
  const exact =
    typeof value === "bigint" ? value : Number.isInteger(value) ? BigInt(value as number) : undefined;
  return exact !== undefined && cut(64, exact) === exact ? exact : undefined;
};

/** FP16 is widened: not every Node has an array for it. */
const NUMBERS: Readonly<Record<string, Numbers>> = {
  BOOL: { bytes: 1, numpy: "|b1", create: Uint8Array, read: bool },
  UINT8: { bytes: 1, numpy: "|u1", create: Uint8Array, read: bits(8) },
  UINT16: { bytes: 2, numpy: "<u2", create: Uint16Array, read: bits(16) },
  UINT32: { bytes: 4, numpy: "<u4", create: Uint32Array, read: bits(32) },
  UINT64: { bytes: 8, numpy: "<u8", create: BigUint64Array, read: wide(BigInt.asUintN) },
  INT8: { bytes: 1, numpy: "|i1", create: Int8Array, read: signed(8) },
  INT16: { bytes: 2, numpy: "<i2", create: Int16Array, read: signed(16) },
  INT32: { bytes: 4, numpy: "<i4", create: Int32Array, read: signed(32) },
  INT64: { bytes: 8, numpy: "<i8", create: BigInt64Array, read: wide(BigInt.asIntN) },
  FP16: { bytes: 2, numpy: "<f2", create: Float32Array, read: real },
  FP32: { bytes: 4, numpy: "<f4", create: Float32Array, read: real },
  FP64: { bytes: 8, numpy: "<f8", create: Float64Array, read: real },
};

/** Texts and other bytes, whose elements have no common length. */
export const BYTES = "BYTES";

/** Of the length that stands before each element of BYTES in the binary form. */
export const PREFIX_BYTES = 4;

export const DATATYPES: readonly string[] = [...Object.keys(NUMBERS), BYTES];

/** Of a datatype that is not BYTES. */
export const numbersOf = (datatype: string): Numbers => NUMBERS[datatype] as Numbers;

/** By the class of a typed array. */
export const datatypeOf = (array: object): string | undefined =>
  BY_CLASS[(array as { [Symbol.toStringTag]?: string })[Symbol.toStringTag] ?? ""];

const BY_CLASS: Readonly<Record<string, string>> = {
  Uint8Array: "UINT8",
  Uint8ClampedArray: "UINT8",
  Uint16Array: "UINT16",
  Uint32Array: "UINT32",
  BigUint64Array: "UINT64",
  Int8Array: "INT8",
  Int16Array: "INT16",
  Int32Array: "INT32",
  BigInt64Array: "INT64",
  Float16Array: "FP16",
  Float32Array: "FP32",
  Float64Array: "FP64",
};

/** More than numpy has. */
const MAX_DIMENSIONS = 64;

export const isShape = (value: unknown): value is readonly number[] =>
  Array.isArray(value) &&
  value.length <= MAX_DIMENSIONS &&
  value.every((extent) => Number.isSafeInteger(extent) && extent >= 0);

export const lengthOf = (shape: readonly number[]): number =>
  shape.reduce((product, extent) => product * extent, 1);

/** Makes the error of a tensor that is wrong; the sentence goes on after the tensor's name. */
export type Invalid = (sentence: string) => ColdframeError;

/**
 * Numbers as memory, from a list of them.
 * @param invalid makes what is thrown for a value that the datatype does not have
 */
export function toNumbers(datatype: string, list: ArrayLike<unknown>, invalid: Invalid): NumericArray {
  const { create, read } = numbersOf(datatype);
  const array = new create(list.length);
  for (let index = 0; index < list.length; index++) {
    const element = read(list[index]);
    if (element === undefined) throw invalid(`${show(list[index])} at ${index} is no ${datatype}`);
    array[index] = element;
  }
  return array;
}

/** Of a wrong value, in characters. */
const MAX_SHOWN = 40;

function show(value: unknown): string {
  if (typeof value === "object" && value) return Array.isArray(value) ? "a list" : "an object";
  const text = typeof value === "string" ? JSON.stringify(value) : `${value}`;
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text;
}
