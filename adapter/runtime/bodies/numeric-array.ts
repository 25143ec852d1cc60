// Arrays of numbers as msgpack-numpy writes numpy's: a map with binary keys that names the type, the shape and the bytes
// in C order. Here they are typed arrays with a `shape`.
// Source: github.com/lebedov/msgpack-numpy, msgpack_numpy.py; numpy's array interface for the names of types.

import { encode } from "@msgpack/msgpack";
import { ColdframeError } from "../errors.ts";
import type { NumericArray } from "../input.ts";
import { toBuffer } from "../json.ts";

/** From numpy's kind and size: b is a boolean, which is 0 or 1 here; f2 is widened, since not every Node has it. */
const READERS: Readonly<Record<string, (bytes: ArrayBuffer) => NumericArray>> = {
  b1: (bytes) => new Uint8Array(bytes),
  i1: (bytes) => new Int8Array(bytes),
  i2: (bytes) => new Int16Array(bytes),
  i4: (bytes) => new Int32Array(bytes),
  i8: (bytes) => new BigInt64Array(bytes),
  u1: (bytes) => new Uint8Array(bytes),
  u2: (bytes) => new Uint16Array(bytes),
  u4: (bytes) => new Uint32Array(bytes),
  u8: (bytes) => new BigUint64Array(bytes),
  f2: (bytes) => Float32Array.from(new Uint16Array(bytes), fromHalf),
  f4: (bytes) => new Float32Array(bytes),
  f8: (bytes) => new Float64Array(bytes),
};

/** By the class's name. `|` stands for a byte order that does not matter. */
const TYPES: Readonly<Record<string, string>> = {
  Int8Array: "|i1",
  Int16Array: "<i2",
  Int32Array: "<i4",
  BigInt64Array: "<i8",
  Uint8Array: "|u1",
  Uint16Array: "<u2",
  Uint32Array: "<u4",
  BigUint64Array: "<u8",
  Float16Array: "<f2",
  Float32Array: "<f4",
  Float64Array: "<f8",
};

/** Whether an array says how its numbers lie. */
export const isShaped = (value: object): value is { readonly shape: readonly number[] } =>
  "shape" in value && Array.isArray(value.shape);

/** Whether memory is an array of numbers: a typed array, and bytes only when they have a shape. */
export const isNumeric = (value: ArrayBufferView | ArrayBuffer): value is NumericArray =>
  nameOf(value) in TYPES && (nameOf(value) !== "Uint8Array" || isShaped(value));

const nameOf = (value: object): string => (value as { [Symbol.toStringTag]: string })[Symbol.toStringTag];

/**
 * A numpy array or, when it says that it is none, a numpy scalar.
 * @param fields of the map: nd, type, kind, shape, data
 * @throws INPUT_INVALID
 */
export function readArray(fields: ReadonlyMap<string, unknown>): unknown {
  const [type, data] = [fields.get("type"), fields.get("data")];
  const [, order, name = ""] = (typeof type === "string" && /^([<>|=])(\w+)$/.exec(type)) || [];
  const reader = Object.hasOwn(READERS, name) ? READERS[name] : undefined;
  if (!reader || !(data instanceof Uint8Array)) {
    const allowed = Object.keys(READERS).join(", ");
    throw new ColdframeError(
      "INPUT_INVALID",
      `a numpy array of ${describe(type, fields.get("kind"))} is not supported, only of ${allowed}.`,
    );
  }
  const width = Number(name.slice(1));
  const isScalar = fields.get("nd") !== true;
  const shape = isScalar ? [] : fields.get("shape");
  if (!isShape(shape) || lengthOf(shape) * width !== data.length) {
    const said = isShape(shape) ? `shape ${JSON.stringify(shape)}` : "a shape that is none";
    throw new ColdframeError(
      "INPUT_INVALID",
      `a numpy array of ${type} with ${said} has ${data.length} bytes.`,
    );
  }
  // Copied: numbers must be aligned in memory, and where the array lies in the body is chance.
  const bytes = Buffer.from(new Uint8Array(data).buffer);
  if (order === ">") swap(bytes, width);
  const array = reader(bytes.buffer);
  return isScalar ? toNumber(array[0]) : Object.assign(array, { shape });
}

/** The encoded map of an array, in the shape it names, or as a list. @throws OUTPUT_INVALID */
export function arrayMap(array: NumericArray): Buffer {
  const shape = isShaped(array) ? array.shape : [array.length];
  if (!isShape(shape) || lengthOf(shape) !== array.length) {
    throw new ColdframeError(
      "OUTPUT_INVALID",
      `an array of ${array.length} numbers cannot have the shape [${shape.join(", ")}].`,
    );
  }
  return Buffer.concat([
    Buffer.of(0x85),
    ...entry("nd", true),
    ...entry("type", TYPES[nameOf(array)]),
    ...entry("kind", new Uint8Array()),
    ...entry("shape", shape),
    ...entry("data", toBuffer(array)),
  ]);
}

/** A key as Python's bytes, which the library has no map for, and its value. */
export const entry = (key: string, value: unknown): Uint8Array[] => [encode(Buffer.from(key)), encode(value)];

/** numpy's own limit. */
const MAX_DIMENSIONS = 64;

const isShape = (value: unknown): value is number[] =>
  Array.isArray(value) &&
  value.length <= MAX_DIMENSIONS &&
  value.every((extent) => Number.isSafeInteger(extent) && extent >= 0);

const lengthOf = (shape: readonly number[]): number => shape.reduce((product, extent) => product * extent, 1);

/** Of what is repeated in a message, in characters. */
const MAX_TYPE_LENGTH = 32;

function describe(type: unknown, kind: unknown): string {
  if (kind instanceof Uint8Array && kind[0] === "O".charCodeAt(0)) return "Python objects";
  return typeof type === "string" ? type.slice(0, MAX_TYPE_LENGTH) : "a structure";
}

function swap(bytes: Buffer, width: number): void {
  if (width === 2) bytes.swap16();
  if (width === 4) bytes.swap32();
  if (width === 8) bytes.swap64();
}

const toNumber = (value: number | bigint | undefined): number | bigint | undefined =>
  typeof value === "bigint" && Number.isSafeInteger(Number(value)) ? Number(value) : value;

/** IEEE 754 binary16: a sign, five bits of exponent, ten of fraction. */
function fromHalf(bits: number): number {
  const [exponent, fraction] = [(bits >> 10) & 0x1f, bits & 0x3ff];
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
}
