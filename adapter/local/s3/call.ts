// The words of the operations: what one gets and what it gives. Types only.

import type { Bucket } from "./bucket.ts";
import type { Content } from "./content.ts";
import type { LocalCredentials } from "./principal.ts";
import type { S3Request } from "./request.ts";
import type { RequestBody } from "./request-body.ts";

/** What a test may make smaller than it is. */
export interface Limits {
  /** Of every part but the last; 5 MiB. */
  readonly minPartBytes: number;
  /** Of one page of a list; 1000. */
  readonly maxKeys: number;
  /** A connection that is idle that long is closed; 5000. */
  readonly idleMs: number;
}

export interface Store {
  readonly region: string;
  readonly buckets: Map<string, Bucket>;
  /** Makes continuation tokens that only this server takes back. */
  readonly tokenKey: string;
  readonly limits: Limits;
}

/** A request about the service. */
export interface ServiceCall {
  readonly request: S3Request;
  readonly store: Store;
  readonly body: RequestBody;
  /** By the server's clock, in whole seconds. */
  readonly now: Date;
  readonly principal: LocalCredentials | undefined;
  /** @throws AccessDenied when whoever asks may not do that with the bucket, or with the key in it */
  allow(action: string, key?: string): void;
}

/** A request about a bucket that is there, or about a key in it. */
export interface Call extends ServiceCall {
  readonly bucket: Bucket;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly xml?: string;
  /** The bytes from `start` to before `end`. A HEAD answers with their number. */
  readonly body?: { readonly content: Content; readonly start: number; readonly end: number };
}
