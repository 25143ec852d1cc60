// Which parts of a partial file are on the disk: append-only, so that a download can go on where a killed process
// stopped. A record is written after the bytes of its part; a record that is torn or damaged counts as absent. The
// bytes themselves are proved by who reads the records.
//
// Header, 48 bytes: magic and version (8), SHA-256 of the identity (32), CRC-32 of both (4), zeros (4).
// Record, 16 bytes, little-endian: part u32, checksum u64, CRC-32 of the 12 bytes before, begun with the header's (4).

import { createHash } from "node:crypto";
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";
import { CRC_DIGITS, type CrcAlgorithm } from "./checksum.ts";
import { toDiskError } from "./disk-error.ts";

const MAGIC = "CFJRNL\0\x01";

const HEADER_BYTES = 48;

const CHECKED_HEADER_BYTES = 40;

const RECORD_BYTES = 16;

const CHECKED_RECORD_BYTES = 12;

/** What has to be the same for parts to fit: one difference, and the journal is of another download. */
export interface JournalIdentity {
  readonly id: string;
  readonly size: number;
  readonly partBytes: number;
  /** Of parts; `undefined`: they are not verified. */
  readonly algorithm: CrcAlgorithm | undefined;
  /** How the content is cut, where that is not by `partBytes` alone. */
  readonly blockBytes: number | undefined;
  /** Of the machine, where parts are not verified: the page cache is as old. */
  readonly boot: string | undefined;
}

export class Journal {
  readonly #path: string;
  readonly #fd: number;
  readonly #identity: JournalIdentity;
  readonly #seed: number;
  /** Where the record of each part is. */
  readonly #places = new Map<number, number>();
  readonly #checksums = new Map<number, string>();
  #end = HEADER_BYTES;

  private constructor(path: string, fd: number, identity: JournalIdentity, seed: number) {
    this.#path = path;
    this.#fd = fd;
    this.#identity = identity;
    this.#seed = seed;
  }

  /** @throws WEIGHTS_NO_ROOM */
  static create(path: string, identity: JournalIdentity): Journal {
    const header = headerOf(identity);
    const fd = openSync(path, "wx");
    const journal = new Journal(path, fd, identity, header.readUInt32LE(CHECKED_HEADER_BYTES));
    try {
      journal.#write(header, 0);
    } catch (error) {
      journal.close();
      throw error;
    }
    return journal;
  }

  /** The journal at `path` with its whole records, to go on with; `undefined`: there is none of this download. */
  static open(path: string, identity: JournalIdentity): Journal | undefined {
    const content = read(path);
    const header = headerOf(identity);
    if (!content.subarray(0, HEADER_BYTES).equals(header)) return undefined;
    const fd = openSync(path, "r+");
    const journal = new Journal(path, fd, identity, header.readUInt32LE(CHECKED_HEADER_BYTES));
    for (let at = HEADER_BYTES; at + RECORD_BYTES <= content.length; at += RECORD_BYTES) {
      journal.#read(content.subarray(at, at + RECORD_BYTES), at);
    }
    // What is torn at the end is written over.
    journal.#end += Math.floor((content.length - HEADER_BYTES) / RECORD_BYTES) * RECORD_BYTES;
    return journal;
  }

  /** The parts that are said to be there, each with its checksum; "" without an algorithm. */
  get checksums(): ReadonlyMap<number, string> {
    return this.#checksums;
  }

  /** Say that a part is there. @throws WEIGHTS_NO_ROOM */
  add(part: number, checksum: string): void {
    const record = Buffer.alloc(RECORD_BYTES);
    record.writeUInt32LE(part, 0);
    record.writeBigUInt64LE(BigInt(`0x${checksum || "0"}`), 4);
    record.writeUInt32LE(this.#check(record), CHECKED_RECORD_BYTES);
    // In its old place where it has one: no record of a part is left that is not true any more.
    const place = this.#places.get(part) ?? this.#end;
    this.#write(record, place);
    this.#places.set(part, place);
    this.#checksums.set(part, checksum);
    if (place === this.#end) this.#end += RECORD_BYTES;
  }

  /** Take it back. */
  remove(part: number): void {
    const place = this.#places.get(part);
    if (place === undefined) return;
    this.#write(Buffer.alloc(RECORD_BYTES), place);
    this.#places.delete(part);
    this.#checksums.delete(part);
  }

  close(): void {
    closeSync(this.#fd);
  }

  #read(record: Buffer, at: number): void {
    if (record.readUInt32LE(CHECKED_RECORD_BYTES) !== this.#check(record)) return;
    const part = record.readUInt32LE(0);
    const { algorithm } = this.#identity;
    const digits = algorithm === undefined ? 0 : CRC_DIGITS[algorithm];
    const checksum = record.readBigUInt64LE(4).toString(16).padStart(digits, "0");
    this.#places.set(part, at);
    this.#checksums.set(part, algorithm === undefined ? "" : checksum);
  }

  #check(record: Buffer): number {
    return crc32(record.subarray(0, CHECKED_RECORD_BYTES), this.#seed);
  }

  #write(bytes: Buffer, at: number): void {
    try {
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(this.#fd, bytes, done, bytes.length - done, at + done);
      }
    } catch (error) {
      throw toDiskError(error, this.#path);
    }
  }
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return Buffer.alloc(0);
    throw error;
  }
}

function headerOf({ id, size, partBytes, algorithm, blockBytes, boot }: JournalIdentity): Buffer {
  const facts = JSON.stringify([id, size, partBytes, algorithm, blockBytes, boot]);
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(MAGIC, 0, "latin1");
  createHash("sha256").update(facts).digest().copy(header, MAGIC.length);
  header.writeUInt32LE(crc32(header.subarray(0, CHECKED_HEADER_BYTES)), CHECKED_HEADER_BYTES);
  return header;
}
