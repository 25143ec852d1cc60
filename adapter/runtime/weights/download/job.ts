// What a lane is asked to do and what it says in the end: plain data, for it may be in another thread. Types only.

import type { ErrorCode } from "../../errors.ts";
import type { Blocks, HttpAnswer } from "../_contracts.ts";

/** Bytes `[start, end)` of a file: where they come from and where they go. Plain data, for another thread. */
export interface Job {
  readonly fd: number;
  /** In the file; where this attempt begins. */
  readonly start: number;
  readonly end: number;
  /** Computed over the part, attempts taken together. */
  readonly algorithm: Blocks["algorithm"] | undefined;
  /** Goes on where the last attempt of this slot ended: keeps its checksum. */
  readonly resume: boolean;
  /** Not on a connection that was used before. */
  readonly fresh: boolean;
  readonly from: HttpPlace | LocalPlace;
}

export interface HttpPlace {
  readonly kind: "http";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Of the whole file. */
  readonly size: number;
  readonly etag: string | undefined;
  /** Ask for the whole file with a plain GET when the attempt begins at its first byte. */
  readonly whole: boolean;
}

export interface LocalPlace {
  readonly kind: "local";
  readonly path: string;
  readonly size: number;
}

/** How an attempt ended. `offset`: up to there, bytes are in the file; where the next attempt begins. */
export type JobResult = { readonly requests: number; readonly offset: number } & (
  | { readonly kind: "done"; readonly checksum: string | undefined }
  /** The network failed. */
  | { readonly kind: "cut"; readonly what: string; readonly fatal: boolean }
  | { readonly kind: "answer"; readonly answer: HttpAnswer }
  | { readonly kind: "changed"; readonly found: string }
  /** The file system failed; not the bytes' fault. */
  | {
      readonly kind: "disk";
      readonly side: "source" | "target";
      readonly code: string;
      readonly what: string;
    }
  /** A setting of this machine is wrong. */
  | { readonly kind: "refused"; readonly code: ErrorCode; readonly what: string; readonly fix: string }
  /** The process was frozen: no failure. */
  | { readonly kind: "away" }
  | { readonly kind: "cancelled" }
  /** What cannot happen did; also the end of the lane's thread. */
  | { readonly kind: "broken"; readonly what: string }
);
