// One request and how it ends, as the pool and its callers know them. Types only; what goes over the wire in between is
// download/connection.ts.

import type { HttpAnswer } from "../_contracts.ts";
import type { Expected } from "./http.ts";

/** Where the bytes of a body go. */
export interface Sink {
  /** Filled, handed to `write`, and filled again. A multiple of the page size writes best. */
  readonly slab: Uint8Array;
  /** The next bytes, in order; a view of `slab`, valid until it returns. What it throws ends the request. */
  write(bytes: Uint8Array): void;
}

/** One request and what its answer may be. */
export interface Exchange {
  readonly method: "GET" | "HEAD";
  readonly url: URL;
  /** Lower-case names. Range, If-Match and the like included. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Of a request for bytes. Absent: every answer is collected. */
  readonly data?: { readonly expected: Expected; readonly sink: Sink };
  /** How much of a good answer is collected; of an error it is at most MAX_ERROR_BYTES. */
  readonly maxBytes: number;
}

export type Outcome =
  /** All of it went to the sink. */
  | { readonly kind: "data" }
  | { readonly kind: "answer"; readonly answer: HttpAnswer; readonly truncated: boolean }
  /** Another object than the pinned one; a sentence's end. */
  | { readonly kind: "changed"; readonly found: string };
