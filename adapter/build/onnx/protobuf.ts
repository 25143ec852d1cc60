// Writes the wire format of protocol buffers as pieces: bytes made here, and ranges of a file that are copied as they
// are. So a model of 2 GB is rewritten without being held in memory. Source: protobuf.dev/programming-guides/encoding.

import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { type ByteFile, type Range, WIRE } from "../../onnx/protobuf.ts";

const COPY_BYTES = 4 * 2 ** 20;

/** In order, they are the message. */
export type Piece = Uint8Array | Range;

export const lengthOf = (pieces: readonly Piece[]): number =>
  pieces.reduce(
    (sum, piece) => sum + (piece instanceof Uint8Array ? piece.length : piece.to - piece.from),
    0,
  );

/** A field that holds a message, or text. */
export function bytesField(number: number, contents: readonly Piece[] | string): Piece[] {
  const pieces = typeof contents === "string" ? [Buffer.from(contents)] : contents;
  return [Buffer.concat([tag(number, WIRE.bytes), varint(lengthOf(pieces))]), ...pieces];
}

export const numberField = (number: number, value: number): Piece =>
  Buffer.concat([tag(number, WIRE.varint), varint(value)]);

const tag = (number: number, wire: number): Buffer => varint(number * 8 + wire);

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

/** Write a message to a new file; its ranges are those of `source`. */
export function writePieces(path: string, pieces: readonly Piece[], source: ByteFile): void {
  const out = openSync(path, "w");
  try {
    let small: Uint8Array[] = [];
    const flush = () => {
      writeAll(out, Buffer.concat(small));
      small = [];
    };
    for (const piece of pieces) {
      if (piece instanceof Uint8Array) small.push(piece);
      else {
        flush();
        copyRange(source.descriptor, piece, out);
      }
    }
    flush();
  } finally {
    closeSync(out);
  }
}

/** Copy a range of one open file to where another one stands. @throws Error when the file is shorter */
export function copyRange(from: number, range: Range, to: number): void {
  const buffer = Buffer.allocUnsafe(Math.min(COPY_BYTES, range.to - range.from));
  for (let at = range.from; at < range.to; ) {
    const bytes = readSync(from, buffer, 0, Math.min(buffer.length, range.to - at), at);
    if (bytes === 0) throw new Error(`the file ends at ${at}, before ${range.to}`);
    writeAll(to, buffer.subarray(0, bytes));
    at += bytes;
  }
}

export function writeAll(to: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(to, bytes, done);
}
