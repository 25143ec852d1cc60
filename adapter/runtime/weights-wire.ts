// What both ends of the weights' wire know: the messages between the cold start (weights-fetch.ts) and the thread that
// fetches (weights-thread.ts), and the names of the folders that both compute. Nothing here starts or reads anything.

import type { MessagePort } from "node:worker_threads";
import type { ErrorCode } from "./errors.ts";

/** What fetching the weights came to, as the cold start's log line has it. */
export interface WeightsFacts {
  readonly files: number;
  readonly bytes: number;
  /** What came over the network: without what a journal had kept or another deployment had left. */
  readonly fetched_bytes: number;
  /** From the first instruction of the thread to the last byte that `load()` waits for. */
  readonly ms: number;
  /** 10^6 bytes a second over the network. */
  readonly mb_per_s: number;
  readonly requests: number;
  readonly retries: number;
  /** Files that no checksum was known of: only their length and ETag were checked. */
  readonly unverified: number;
  /** All was there already, and no request was made. */
  readonly warm: boolean;
  /** Another process of this machine fetched them: the figures are its own, but for `ms`, which is how long this one waited. */
  readonly waited?: true;
}

/** What the threads of a fetch are started with. */
export type ThreadData =
  | {
      readonly coldframe: "weights";
      /** Of the artifact, with weights.json. */
      readonly folder: string;
      /** The file they run; lanes are started from it, too. */
      readonly file: string;
      /** Where the lane listens that was started early. */
      readonly lane: MessagePort | undefined;
    }
  | { readonly coldframe: "lane"; readonly port?: MessagePort };

/** What the thread says. */
export type FromThread =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "eager"; readonly facts: WeightsFacts }
  | { readonly kind: "done" }
  | { readonly kind: "secret"; readonly name: string }
  | { readonly kind: "failed"; readonly code?: ErrorCode; readonly message: string; readonly fix?: string };

/** What it is told. */
export type ToThread =
  | { readonly kind: "hurry"; readonly path: string }
  | { readonly kind: "secret"; readonly name: string; readonly value: string | undefined };

/** The folder below which data directories live: on a volume, in a container; else in the temporary folder. */
export function dataRoot(environment: NodeJS.ProcessEnv = process.env): string {
  return environment["COLDFRAME_DATA_DIR"] || `${environment["TMPDIR"] || "/tmp"}/coldframe`;
}

/**
 * The name of a data directory below `trees/`: by the weights in it, and by the artifact whose own files it links to.
 * @param digest of the manifest
 */
export function treeName(digest: string, folder: string): string {
  // FNV-1a: it tells apart a handful of folders on one machine, and costs no module.
  let hash = 0x811c9dc5;
  for (const character of folder)
    hash = Math.imul(hash ^ (character.codePointAt(0) as number), 0x01000193) >>> 0;
  return `${digest.slice(0, 32)}-${hash.toString(36)}`;
}
