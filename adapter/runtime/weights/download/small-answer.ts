// The body of an answer that is kept in memory: a list, a document, what an error says. Finds its end, whichever way the
// server marks it, and keeps no more than is allowed. The bytes of weights never come here.

import type { HttpAnswer } from "../_contracts.ts";
import { Chunks, type Framing, type Head } from "./http.ts";

export class SmallAnswer {
  /** Its body was longer than what is kept. */
  truncated = false;
  readonly #head: Head;
  readonly #maxBytes: number;
  readonly #chunks: Chunks | undefined;
  /** Bytes still to come; Infinity when only its end will tell. */
  #left: number;
  #bytes = 0;
  readonly #pieces: Uint8Array[] = [];

  constructor(head: Head, framing: Framing, maxBytes: number) {
    this.#head = head;
    this.#maxBytes = maxBytes;
    this.#chunks = framing === "chunked" ? new Chunks() : undefined;
    this.#left = typeof framing === "number" ? framing : Number.POSITIVE_INFINITY;
  }

  /** It ends where the connection does. */
  get untilClose(): boolean {
    return !this.#chunks && this.#left === Number.POSITIVE_INFINITY;
  }

  /** @returns how many of `bytes` belong to it. @throws WireError */
  push(bytes: Uint8Array): number {
    if (this.#chunks) {
      const taken = this.#chunks.push(bytes, (data) => this.#keep(data));
      if (this.#chunks.done) this.#left = 0;
      return taken;
    }
    const taken = Math.min(bytes.length, this.#left);
    this.#keep(bytes.subarray(0, taken));
    this.#left -= taken;
    return taken;
  }

  /** Nothing more of it is to be read: all is there, or all that is kept. */
  get over(): boolean {
    return this.#left === 0 || this.truncated;
  }

  get answer(): HttpAnswer {
    const { status, headers } = this.#head;
    return { status, headers, body: Buffer.concat(this.#pieces) };
  }

  #keep(bytes: Uint8Array): void {
    const room = this.#maxBytes - this.#bytes;
    if (bytes.length > room) this.truncated = true;
    const kept = bytes.slice(0, room);
    this.#bytes += kept.length;
    if (kept.length > 0) this.#pieces.push(kept);
  }
}
