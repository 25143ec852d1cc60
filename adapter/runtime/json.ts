// JSON as it leaves: what JSON.stringify writes, and typed arrays as what they mean. NaN and Infinity become null, as
// JSON.stringify has it, so that what leaves is always valid JSON.

import { ColdframeError } from "./errors.ts";

/**
 * Encode a model's value. Bytes (`Uint8Array`, `ArrayBuffer`) inside it become base64, other typed arrays become
 * arrays of numbers, `undefined` becomes `null`.
 * @throws OUTPUT_INVALID for a cycle, a BigInt, or a `toJSON` that throws
 */
export function encodeJson(value: unknown): string {
  try {
    return JSON.stringify(value, holdsBinary(value) ? replaceBinary : undefined) ?? "null";
  } catch (cause) {
    throw new ColdframeError("OUTPUT_INVALID", `the model returned what JSON cannot hold: ${cause}`, {
      cause,
    });
  }
}

/** Bytes as a `Buffer` over the same memory. */
export function toBuffer(bytes: ArrayBufferView | ArrayBuffer): Buffer {
  if (bytes instanceof Buffer) return bytes;
  // An ArrayBuffer has none: it is its own.
  const { buffer = bytes, byteOffset, byteLength } = bytes as ArrayBufferView;
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}

/** Whether a value is memory: bytes, or numbers in a typed array. */
export const isBinary = (value: unknown): value is ArrayBufferView | ArrayBuffer =>
  ArrayBuffer.isView(value) || value instanceof ArrayBuffer;

// Looked for first because a replacer makes JSON.stringify several times slower, and most outputs have no use for it.
function holdsBinary(value: unknown, within: object[] = []): boolean {
  if (typeof value !== "object" || !value) return false;
  // A cycle ends the search: JSON.stringify finds it again and refuses it.
  if (isBinary(value) || within.includes(value)) return true;
  // What a toJSON will return is not known yet.
  if ("toJSON" in value) return !(value instanceof Date);
  within.push(value);
  let found = false;
  // Not `some`: to hand a number of a vector to a function costs an object, which is four times the vector.
  for (const part of Array.isArray(value) ? value : Object.values(value))
    found ||= typeof part === "object" && holdsBinary(part, within);
  within.pop();
  return found;
}

function replaceBinary(this: unknown, key: string, value: unknown): unknown {
  // A Buffer's own toJSON ran before the replacer saw it: look at what it was.
  const original = (this as Record<string, unknown>)[key];
  if (!isBinary(original)) return value;
  if ("length" in original && !(original instanceof Uint8Array))
    return Array.from(original as Float32Array, Number);
  return toBuffer(original).toString("base64");
}
