// Reads the wire format of protocol buffers from a file of any size: the fields of a message, in order, as places in
// the file. Knows nothing of ONNX and copies nothing it is not asked for. Source: protobuf.dev/programming-guides/encoding.

import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/** Read at once; most of a graph without its weights fits. */
const WINDOW_BYTES = 64 * 1024;

/** A varint of more bits than a double holds exactly. */
const EXACT_BYTES = 7;
const MAX_VARINT_BYTES = 10;

export const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** One field: where it is, and its value when that is a number. */
export interface Field {
  readonly number: number;
  readonly wire: number;
  /** Of the tag. */
  readonly start: number;
  /** Of the contents, behind tag and length. */
  readonly from: number;
  readonly to: number;
  /** Of a varint; two's complement of 64 bits. */
  readonly value: number;
}

/** Part of a file; `to` is exclusive. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** What is there is no message: cut off, or something else. */
export class MalformedMessage extends Error {
  /** It ends in the middle of a field. */
  readonly cutOff: boolean;
  constructor(message: string, cutOff: boolean) {
    super(message);
    this.cutOff = cutOff;
  }
}

/** A file open for reading at any place. */
export class ByteFile {
  readonly size: number;
  readonly descriptor: number;
  readonly #window = Buffer.allocUnsafe(WINDOW_BYTES);
  #windowFrom = 0;
  #windowTo = 0;

  constructor(path: string) {
    this.descriptor = openSync(path, "r");
    this.size = fstatSync(this.descriptor).size;
  }

  close(): void {
    closeSync(this.descriptor);
  }

  /** The byte at a place; the caller has checked that it is one. */
  at(place: number): number {
    if (place < this.#windowFrom || place >= this.#windowTo) {
      this.#windowFrom = place;
      this.#windowTo = place + readSync(this.descriptor, this.#window, 0, WINDOW_BYTES, place);
    }
    return this.#window[place - this.#windowFrom] as number;
  }

  /** Fill `into` from a place. @throws MalformedMessage when the file ends before */
  read(into: Uint8Array, place: number): void {
    for (let done = 0; done < into.length; ) {
      const bytes = readSync(this.descriptor, into, done, into.length - done, place + done);
      if (bytes === 0) throw new MalformedMessage(`the file ends at ${place + done}`, true);
      done += bytes;
    }
  }

  bytes({ from, to }: Range): Buffer {
    const bytes = Buffer.alloc(to - from);
    this.read(bytes, from);
    return bytes;
  }

  text(range: Range): string {
    return this.bytes(range).toString("utf8");
  }

  whole(): Range {
    return { from: 0, to: this.size };
  }
}

/** The fields of the message in a range. @throws MalformedMessage */
export function* fields(file: ByteFile, { from, to }: Range): Generator<Field> {
  for (let at = from; at < to; ) {
    const start = at;
    const tag = varint(file, at, to);
    at = tag.next;
    const [number, wire] = [Math.floor(tag.value / 8), tag.value & 7];
    if (number === 0) throw new MalformedMessage(`no field has the number 0, at ${start}`, false);
    const { contents, value, next } = payload(file, wire, at, to, start);
    if (next > to) throw new MalformedMessage(`field ${number} at ${start} ends behind ${to}`, true);
    yield { number, wire, start, from: contents, to: next, value };
    at = next;
  }
}

function payload(file: ByteFile, wire: number, at: number, to: number, start: number) {
  switch (wire) {
    case WIRE.varint: {
      const { value, next } = varint(file, at, to);
      return { contents: at, value, next };
    }
    case WIRE.fixed64:
      return { contents: at, value: 0, next: at + 8 };
    case WIRE.fixed32:
      return { contents: at, value: 0, next: at + 4 };
    case WIRE.bytes: {
      const length = varint(file, at, to);
      return { contents: length.next, value: 0, next: length.next + length.value };
    }
    default:
      throw new MalformedMessage(`there is no wire type ${wire}, at ${start}`, false);
  }
}

/** Numbers of a packed field, or of one that repeats unpacked when `field` is a varint itself. */
export function numbersOf(file: ByteFile, field: Field): number[] {
  if (field.wire === WIRE.varint) return [field.value];
  const numbers: number[] = [];
  for (let at = field.from; at < field.to; ) {
    const { value, next } = varint(file, at, field.to);
    numbers.push(value);
    at = next;
  }
  return numbers;
}

function varint(file: ByteFile, from: number, to: number): { value: number; next: number } {
  let low = 0;
  let wide = 0n;
  for (let i = 0; i < MAX_VARINT_BYTES; i++) {
    if (from + i >= to) throw new MalformedMessage(`a number at ${from} has no end`, true);
    const byte = file.at(from + i);
    if (i < EXACT_BYTES) low += (byte & 127) * 2 ** (7 * i);
    else wide |= BigInt(byte & 127) << BigInt(7 * i);
    if (byte < 128) {
      const value = wide === 0n ? low : Number(BigInt.asIntN(64, wide | BigInt(low)));
      return { value, next: from + i + 1 };
    }
  }
  throw new MalformedMessage(`a number at ${from} has no end`, false);
}
