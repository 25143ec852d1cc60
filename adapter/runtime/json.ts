// JSON as it leaves: what JSON.stringify writes, and typed arrays as what they mean. NaN and Infinity become null, as
// JSON.stringify has it, so that what leaves is always valid JSON.

import { ColdframeError } from "./errors.ts";

/** How deep typed arrays are looked for; a cycle is deeper, and JSON.stringify refuses it. */
const MAX_DEPTH = 100;

/**
 * Encode a model's value. Bytes (`Uint8Array`, `ArrayBuffer`) inside it become base64, other typed arrays become
 * arrays of numbers, `undefined` becomes `null`.
 * @throws OUTPUT_INVALID for a cycle, a BigInt, or a `toJSON` that throws
 */
export function encodeJson(value: unknown): string {
  try {
    return JSON.stringify(value, holdsBinary(value, 0) ? replaceBinary : undefined) ?? "null";
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ColdframeError("OUTPUT_INVALID", `the model returned what JSON cannot hold: ${reason}`, {
      cause,
    });
  }
}

// Looked for first because a replacer makes JSON.stringify several times slower, and most outputs have no use for it.
function holdsBinary(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return false;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return true;
  if (Array.isArray(value)) return value.some((item) => holdsBinary(item, depth + 1));
  for (const key in value) if (holdsBinary((value as Record<string, unknown>)[key], depth + 1)) return true;
  return false;
}

function replaceBinary(this: unknown, key: string, value: unknown): unknown {
  // A Buffer's own toJSON ran before the replacer saw it: look at what it was.
  const original = (this as Record<string, unknown>)[key];
  if (original instanceof Uint8Array)
    return Buffer.from(original.buffer, original.byteOffset, original.byteLength).toString("base64");
  if (original instanceof ArrayBuffer) return Buffer.from(original).toString("base64");
  if (original instanceof DataView)
    return Buffer.from(original.buffer, original.byteOffset, original.byteLength).toString("base64");
  if (original instanceof BigInt64Array || original instanceof BigUint64Array)
    return Array.from(original, Number);
  if (ArrayBuffer.isView(original)) return Array.from(original as Float32Array);
  return value;
}
