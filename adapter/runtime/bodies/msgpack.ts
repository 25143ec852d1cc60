// MessagePack both ways, in the dialect of Truss's clients: arrays of numbers as msgpack-numpy writes them, dates and
// the like as tagged maps. A library does the format; here is what a stranger's bytes must not do, and what the
// library has no name for: maps with binary keys.
// Source: github.com/msgpack/msgpack/blob/master/spec.md; truss/templates/shared/serialization.py of Truss.

import { decode, encode } from "@msgpack/msgpack";
import { ColdframeError } from "../errors.ts";
import { isBinary, toBuffer } from "../json.ts";
import { inspect, MAX_DEPTH } from "./msgpack-inspect.ts";
import { arrayMap, isNumeric, isShaped } from "./numeric-array.ts";
import { dateMap, fromTagged } from "./tagged.ts";

/** Marks a key that was binary, so that a text key of the same letters stays what it is. */
const BINARY = "\0bin:";

/**
 * One value. Integers beyond 2^53 are BigInts, tagged maps and the standard's timestamp are what they stand for.
 * @throws INPUT_INVALID
 */
export function decodeMsgpack(bytes: Uint8Array): unknown {
  const { hasLargeIntegers } = inspect(bytes);
  let hasBinaryKeys = false;
  const mapKeyConverter = (key: unknown): string | number => {
    if (typeof key === "string" || typeof key === "number") return key;
    if (typeof key === "bigint") return `${key}`;
    if (!(key instanceof Uint8Array)) throw new TypeError("a key is neither text, a number nor binary");
    hasBinaryKeys = true;
    return `${BINARY}${toBuffer(key).toString()}`;
  };
  let value: unknown;
  try {
    value = decode(bytes, { mapKeyConverter, useBigInt64: hasLargeIntegers });
  } catch (cause) {
    throw new ColdframeError("INPUT_INVALID", `the body is not valid msgpack: ${(cause as Error).message}.`, {
      cause,
    });
  }
  return hasBinaryKeys || hasLargeIntegers ? revive(value) : value;
}

// As deep as `inspect` allows, so it may recurse.
function revive(value: unknown): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (typeof value !== "object" || !value || value instanceof Date || isBinary(value)) return value;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) value[index] = revive(value[index]);
    return value;
  }
  const entries = Object.entries(value).map(([key, child]) => [key, revive(child)] as const);
  const tags = new Map<string, unknown>();
  for (const [key, child] of entries) if (key.startsWith(BINARY)) tags.set(key.slice(BINARY.length), child);
  const tagged = tags.size > 0 ? fromTagged(tags) : undefined;
  if (tagged) return tagged.value;
  // From entries, so that a binary key __proto__ is a property like any other.
  return Object.fromEntries(
    entries.map(([key, child]) => [key.startsWith(BINARY) ? key.slice(BINARY.length) : key, child]),
  );
}

/**
 * One value. What JSON would leave out is left out; `NaN` and the infinities are themselves.
 * @throws OUTPUT_INVALID for a cycle, an integer beyond 64 bits, or a `toJSON` that throws
 */
export function encodeMsgpack(value: unknown): Buffer {
  try {
    const chunks: Uint8Array[] = [];
    write(value, chunks, 1);
    return Buffer.concat(chunks);
  } catch (cause) {
    if (cause instanceof ColdframeError) throw cause;
    throw new ColdframeError("OUTPUT_INVALID", `the model returned what msgpack cannot hold: ${cause}`, {
      cause,
    });
  }
}

/** What the library writes as it should be read. */
const isPlain = (value: unknown, depth = 1): boolean => {
  if (depth > MAX_DEPTH) throw new RangeError(`a cycle, or over ${MAX_DEPTH} levels`);
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value !== "object" || !value) return !/^(bigint|function|symbol)$/.test(typeof value);
  if (isBinary(value)) return value instanceof Uint8Array && !isShaped(value);
  if (Array.isArray(value)) return value.every((item) => isPlain(item, depth + 1));
  if ("toJSON" in value || value instanceof Date) return false;
  return Object.entries(value).every(([key, child]) => isPlain(key) && isPlain(child, depth + 1));
};

function write(value: unknown, chunks: Uint8Array[], depth: number): void {
  if (isPlain(value, depth)) {
    chunks.push(encode(value, { ignoreUndefined: true, maxDepth: MAX_DEPTH + 1 }));
  } else if (typeof value === "string") {
    // Half a surrogate pair is no UTF-8, and a strict reader refuses the whole document for it.
    chunks.push(encode(value.toWellFormed()));
  } else if (typeof value === "bigint") {
    if (BigInt.asIntN(64, value) !== value && BigInt.asUintN(64, value) !== value)
      throw new RangeError(`the integer ${value} has over 64 bits`);
    chunks.push(encode(value, { useBigInt64: true }));
  } else if (typeof value !== "object" || !value) {
    chunks.push(encode(null));
  } else if (value instanceof Date) {
    chunks.push(Number.isNaN(value.getTime()) ? encode(null) : dateMap(value));
  } else if (isBinary(value)) {
    chunks.push(isNumeric(value) ? arrayMap(value) : encode(toBuffer(value)));
  } else if ("toJSON" in value && typeof value.toJSON === "function") {
    write(value.toJSON(""), chunks, depth + 1);
  } else if (Array.isArray(value)) {
    chunks.push(header(value.length, 0x90, 0xdd));
    for (const item of value) write(item, chunks, depth + 1);
  } else {
    const entries = Object.entries(value).filter(
      ([, child]) => !/^(undefined|function|symbol)$/.test(typeof child),
    );
    chunks.push(header(entries.length, 0x80, 0xdf));
    for (const [key, child] of entries) {
      write(key, chunks, depth);
      write(child, chunks, depth + 1);
    }
  }
}

/** The head of an array or a map: of up to 15 members in one byte, of more with a length of four. */
function header(members: number, short: number, long: number): Buffer {
  if (members < 16) return Buffer.of(short + members);
  const bytes = Buffer.alloc(5);
  bytes[0] = long;
  bytes.writeUInt32BE(members, 1);
  return bytes;
}
