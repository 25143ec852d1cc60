// The numbers of a download: for its progress, for its result, and for knowing when it is over.

import type { FetchStats, PlannedFile } from "../_contracts.ts";

interface Counted {
  readonly size: number;
  readonly bytesIn: number;
  readonly lazy: boolean;
}

export class Tally {
  /** Of all files: bytes of parts that are in. */
  bytes = 0;
  totalBytes = 0;
  /** Of paths: the same content may go to several. */
  totalFiles = 0;
  /** Downloads that are not complete. */
  pending = 0;
  /** Of those, the ones that are waited for before a model is loaded. */
  eagerPending = 0;
  readonly #counts: { requests: number; retries: number };
  #files = 0;
  #fileBytes = 0;
  #fetchedBytes = 0;
  #unverified = 0;

  constructor(counts: { requests: number; retries: number }) {
    this.#counts = counts;
  }

  get stats(): FetchStats {
    return {
      files: this.#files,
      bytes: this.#fileBytes,
      fetchedBytes: this.#fetchedBytes,
      unverified: this.#unverified,
      ...this.#counts,
    };
  }

  began({ size, lazy }: Counted): void {
    this.totalBytes += size;
    this.pending++;
    if (!lazy) this.eagerPending++;
  }

  fetched(bytes: number): void {
    this.bytes += bytes;
    this.#fetchedBytes += bytes;
  }

  /** It is not what is wanted any more. */
  replaced(file: Counted): void {
    this.bytes -= file.bytesIn;
    this.totalBytes -= file.size;
    this.settled(file);
  }

  settled({ lazy }: Counted): void {
    this.pending--;
    if (!lazy) this.eagerPending--;
  }

  /** One of its paths is served. */
  told({ entry, file }: PlannedFile, verify: boolean): void {
    this.#files++;
    this.#fileBytes += file.size;
    // An empty file has nothing that could be wrong.
    const known = file.size === 0 || file.checksum || file.blocks || entry.sha256;
    if (!verify || !known) this.#unverified++;
  }
}
