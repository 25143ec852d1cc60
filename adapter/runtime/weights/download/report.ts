// What the log is told of a download: the facts of the cold start's line, and how far it is, once a second.

import type { WeightsFacts } from "../../weights-wire.ts";
import type { FetchStats } from "../_contracts.ts";
import type { Engine, Progress } from "./engine.ts";

/** Between two lines of progress in the log. */
const PROGRESS_MS = 1000;

export const NOTHING: FetchStats = {
  files: 0,
  bytes: 0,
  fetchedBytes: 0,
  requests: 0,
  retries: 0,
  unverified: 0,
};

export function addStats(a: FetchStats, b: FetchStats): FetchStats {
  return {
    files: a.files + b.files,
    bytes: a.bytes + b.bytes,
    fetchedBytes: a.fetchedBytes + b.fetchedBytes,
    requests: a.requests + b.requests,
    retries: a.retries + b.retries,
    unverified: a.unverified + b.unverified,
  };
}

/** @param ms that it took */
export function toFacts(stats: FetchStats, ms: number, warm: boolean): WeightsFacts {
  const { files, bytes, fetchedBytes, requests, retries, unverified } = stats;
  return {
    files,
    bytes,
    fetched_bytes: fetchedBytes,
    ms: Math.round(ms),
    mb_per_s: megabytesPerSecond(fetchedBytes / ms),
    requests,
    retries,
    unverified,
    warm,
  };
}

/** Tell of it every second, until it is cleared. @param tell gets the bytes a millisecond since the last time */
export function watchProgress(
  engine: Engine,
  tell: (progress: Progress, bytesPerMs: number) => void,
): NodeJS.Timeout {
  let before = 0;
  return setInterval(() => {
    const progress = engine.progress();
    tell(progress, (progress.bytes - before) / PROGRESS_MS);
    before = progress.bytes;
  }, PROGRESS_MS);
}

/** As fields of a line of the log. */
export function progressFields(progress: Progress, bytesPerMs?: number): Record<string, number> {
  const { bytes, totalBytes, files, totalFiles, connections } = progress;
  return {
    bytes,
    total_bytes: totalBytes,
    files,
    total_files: totalFiles,
    ...(bytesPerMs !== undefined && { mb_per_s: megabytesPerSecond(bytesPerMs) }),
    connections,
  };
}

/** 10^6 bytes a second, with one digit behind the point. */
const megabytesPerSecond = (bytesPerMs: number): number => Math.round(bytesPerMs / 100) / 10;
