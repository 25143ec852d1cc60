// A local S3 with one bucket, closed when its test is over.

import type { TestContext } from "node:test";
import type { LocalS3, LocalS3Options } from "../../adapter/local/s3/local-s3.ts";
import { localServer, type S3Server } from "../s3/_server.ts";
import { type RawAnswer, type RawRequest, sendRaw } from "../s3/_signed.ts";

export const BUCKET = "models";

export interface StartedS3 {
  readonly local: LocalS3;
  readonly server: S3Server;
  /** Of the bucket; signed. */
  get(
    key: string,
    headers?: Readonly<Record<string, string>>,
    more?: Partial<RawRequest>,
  ): Promise<RawAnswer>;
  raw(request: RawRequest): Promise<RawAnswer>;
}

export async function startS3(t: TestContext, options: LocalS3Options = {}): Promise<StartedS3> {
  const server = await localServer({ buckets: [BUCKET], ...options });
  t.after(() => server.close());
  const { local } = server;
  // Asked each time: credentials change.
  const now = () => ({ url: local.url, region: local.region, credentials: local.credentials });
  return {
    local,
    server,
    get: (key, headers = {}, more = {}) => sendRaw(now(), { path: `/${BUCKET}/${key}`, headers, ...more }),
    raw: (request) => sendRaw(now(), request),
  };
}
