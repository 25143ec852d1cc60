// Reads a stranger's MessagePack without building anything: that it is whole, that what it promises fits into the bytes
// it has, and that it is no deeper than recursion can follow. The library believes each length: five bytes that promise
// 2^25 items cost it 256 MB, and nested they cost the process.
// Source: github.com/msgpack/msgpack/blob/master/spec.md, "Formats".

import { isUtf8 } from "node:buffer";
import { ColdframeError } from "../errors.ts";

/** Of nested arrays and maps: far beyond any input, and far below any stack. */
export const MAX_DEPTH = 128;

/** The type of the timestamp extension, as an unsigned byte: -1. */
const TIMESTAMP = 0xff;

const TWO_POW_32 = 2 ** 32;
/** The upper half of the first integer that a number cannot hold exactly. */
const UNSAFE_HIGH = 2 ** 53 / TWO_POW_32;

/**
 * Check the bytes of one document.
 * @returns whether an integer in it needs a BigInt
 * @throws INPUT_INVALID
 */
export function inspect(bytes: Uint8Array): { readonly hasLargeIntegers: boolean } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = bytes.length;
  /** Of each open array or map, the values that are still to come. */
  const open: number[] = [];
  /** Values that must follow, of all of them. */
  let pending = 1;
  let at = 0;
  let hasLargeIntegers = false;

  /** The unsigned number in the next `width` bytes. */
  function read(width: number): number {
    if (width > size - at) throw invalid("it ends in the middle of a value");
    const start = at;
    at += width;
    if (width === 1) return bytes[start] as number;
    return width === 2 ? view.getUint16(start) : view.getUint32(start);
  }

  function skip(length: number): void {
    if (length > size - at) throw invalid("it ends in the middle of a value");
    at += length;
  }

  function text(length: number): void {
    skip(length);
    if (!isUtf8(bytes.subarray(at - length, at))) throw invalid("a text is not UTF-8");
  }

  function extension(length: number): void {
    const type = read(1);
    if (type !== TIMESTAMP) {
      throw invalid(`it has extension ${(type << 24) >> 24}, and only -1, a timestamp, is known`);
    }
    skip(length);
  }

  function integer(isSigned: boolean): void {
    const high = read(4);
    read(4);
    const magnitude = isSigned ? Math.abs(high | 0) : high;
    if (magnitude >= UNSAFE_HIGH) hasLargeIntegers = true;
  }

  function members(count: number): void {
    pending += count;
    if (pending - 1 > size - at) throw invalid("it promises more values than it has bytes");
    if (count) open.push(count);
    if (open.length > MAX_DEPTH) throw invalid(`it is nested over ${MAX_DEPTH} levels deep`);
  }

  while (pending > 0) {
    const byte = read(1);
    const before = open.length;
    if (byte < 0x80 || byte >= 0xe0) {
      // An integer in its own first byte.
    } else if (byte < 0x90) members((byte & 0xf) * 2);
    else if (byte < 0xa0) members(byte & 0xf);
    else if (byte < 0xc0) text(byte & 0x1f);
    else if (byte === 0xc1) throw invalid("0xc1 begins no value");
    else if (byte < 0xc4) {
      // nil, false, true.
    } else if (byte < 0xc7) skip(read(1 << (byte - 0xc4)));
    else if (byte < 0xca) extension(read(1 << (byte - 0xc7)));
    else if (byte < 0xcc) skip(byte === 0xca ? 4 : 8);
    else if (byte === 0xcf || byte === 0xd3) integer(byte === 0xd3);
    else if (byte < 0xd4) skip(1 << ((byte - 0xcc) & 3));
    else if (byte < 0xd9) extension(1 << (byte - 0xd4));
    else if (byte < 0xdc) text(read(1 << (byte - 0xd9)));
    else if (byte < 0xde) members(read(byte === 0xdc ? 2 : 4));
    else members(2 * read(byte === 0xde ? 2 : 4));
    pending--;
    if (open.length === before) close(open);
  }
  if (at < size) throw invalid(`${size - at} bytes follow its end`);
  return { hasLargeIntegers };
}

/** One value is complete, and with it whatever it was the last of. */
function close(open: number[]): void {
  for (let last = open.length - 1; last >= 0; last = open.length - 1) {
    const left = (open[last] as number) - 1;
    open[last] = left;
    if (left > 0) return;
    open.pop();
  }
}

const invalid = (reason: string): ColdframeError =>
  new ColdframeError("INPUT_INVALID", `the body is not valid msgpack: ${reason}.`);
