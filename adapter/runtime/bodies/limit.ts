// How large a body may be, where the platform does not say it first, and the way round it.

import { ColdframeError } from "../errors.ts";

export const BYTES_PER_MB = 1024 * 1024;

/** Of a body once it is decompressed, unless a setting says otherwise: what Cloud Run takes, five times Lambda's. */
export const MAX_BODY_BYTES = 32 * BYTES_PER_MB;

/** The limit, and what is said of it. */
export interface BodyLimit {
  readonly bytes: number;
  /** @param what is too large, as the subject of the sentence */
  refusal(what: string): ColdframeError;
}

/** @param configured what config.yaml allows; a target without such a setting has none */
export function bodyLimit(configured: number | undefined): BodyLimit {
  const bytes = configured ?? MAX_BODY_BYTES;
  const raise = configured === undefined ? "" : ", or raise server.max_body_mb";
  return {
    bytes,
    refusal: (what) =>
      new ColdframeError("INPUT_TOO_LARGE", `${what} is over ${Math.floor(bytes / BYTES_PER_MB)} MB.`, {
        fix: `Upload it to a place such as S3 and send its key${raise}.`,
      }),
  };
}
