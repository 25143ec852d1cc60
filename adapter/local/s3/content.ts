// The bytes of an object, wherever they are: in memory or in a file. Read in ranges, never as a whole.

import { type FileHandle, open } from "node:fs/promises";

/** How much of a file is in memory at a time, in bytes. */
const PIECE_BYTES = 256 * 1024;

export interface Content {
  readonly size: number;
  /** The bytes from `start` to before `end`. A file that has become shorter meanwhile fails. */
  read(start: number, end: number): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** Pieces in memory, one after another, without copying them together. */
export function memoryContent(pieces: readonly Uint8Array[]): Content {
  const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return {
    size,
    *read(start, end) {
      let offset = 0;
      for (const piece of pieces) {
        const from = Math.max(start - offset, 0);
        const to = Math.min(end - offset, piece.length);
        if (from < to) yield piece.subarray(from, to);
        offset += piece.length;
      }
    },
  };
}

/** A file as it was when its size was read. */
export function fileContent(path: string, size: number): Content {
  return {
    size,
    async *read(start, end) {
      const file = await open(path, "r");
      try {
        yield* readFile(file, start, end);
      } finally {
        await file.close();
      }
    },
  };
}

async function* readFile(file: FileHandle, start: number, end: number): AsyncGenerator<Uint8Array> {
  for (let at = start; at < end; ) {
    const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, end - at));
    const { bytesRead } = await file.read(piece, 0, piece.length, at);
    if (bytesRead === 0) throw new Error(`the file ends at byte ${at}, and bytes until ${end} were promised`);
    yield piece.subarray(0, bytesRead);
    at += bytesRead;
  }
}

/** A part of another content. */
export function sliceContent(content: Content, start: number, size: number): Content {
  return { size, read: (from, to) => content.read(start + from, start + to) };
}
