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
    return JSON.stringify(value, holdsBinary(value, []) ? replaceBinary : undefined) ?? "null";
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ColdframeError("OUTPUT_INVALID", `the model returned what JSON cannot hold: ${reason}`, {
      cause,
    });
  }
}

// Looked for first because a replacer makes JSON.stringify several times slower, and most outputs have no use for it.
// A cycle ends the search: JSON.stringify finds it again and refuses it.
function holdsBinary(value: unknown, within: object[]): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (within.includes(value)) return true;
  within.push(value);
  const found = Array.isArray(value)
    ? value.some((item) => holdsBinary(item, within))
    : isBinary(value, within);
  within.pop();
  return found;
}

function isBinary(value: object, within: object[]): boolean {
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return true;
  // What a toJSON will return is not known yet.
  if (typeof (value as { toJSON?: unknown }).toJSON === "function") return !(value instanceof Date);
  for (const key in value) if (holdsBinary((value as Record<string, unknown>)[key], within)) return true;
  return false;
}

function replaceBinary(this: unknown, key: string, value: unknown): unknown {
  // A Buffer's own toJSON ran before the replacer saw it: look at what it was.
  const original = (this as Record<string, unknown>)[key];
  if (original instanceof ArrayBuffer) return toBase64(new Uint8Array(original));
  if (!ArrayBuffer.isView(original)) return value;
  if (original instanceof Uint8Array || original instanceof DataView) return toBase64(original);
  return Array.from(original as Float32Array, Number);
}

/** Bytes as JSON carries them. */
export function toBase64({ buffer, byteOffset, byteLength }: ArrayBufferView): string {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength).toString("base64");
}
