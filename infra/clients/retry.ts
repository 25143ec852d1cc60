// What is worth another try, and when. Only before the caller was given anything of an answer.

import { toldError, type WholeAnswer } from "./client-error.ts";

/** The pause is a random part of this, doubled for each try: callers that failed together come back apart. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 20_000;

/** Who asks for more patience than this is not waited for. */
const LONGEST_ASKED_MS = 60_000;

/** Whether an error answer may be another one the next time. */
export function isPassing(answer: WholeAnswer): boolean {
  const { status, header, text } = answer;
  if (header("x-should-retry") === "false") return false;
  if (status === 503 || status === 429) return true;
  // The model's own verdict, such as PREDICT_TIMEOUT, would be the same; a platform's may not.
  return (status === 502 || status === 504) && toldError(text) === undefined;
}

/** Whether a request without an answer may get one the next time. */
export function isPassingFailure(error: unknown): boolean {
  // Node's own limit of five minutes: the model is at work, and would begin again.
  return (error as { cause?: { code?: string } | null } | null)?.cause?.code !== "UND_ERR_HEADERS_TIMEOUT";
}

/**
 * Milliseconds until another try; `undefined` when that is too long.
 * @param tries those made
 * @param retryAfter as in the header: seconds, or a date
 */
export function pauseMs(tries: number, retryAfter?: string | null): number | undefined {
  const askedMs = parseRetryAfter(retryAfter);
  if (askedMs > LONGEST_ASKED_MS) return undefined;
  return askedMs + Math.random() * Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (tries - 1));
}

function parseRetryAfter(value: string | null | undefined): number {
  const text = value?.trim() ?? "";
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return ms > 0 ? ms : 0;
}

/** Rejects with the signal's reason when it aborts. */
export function pause(ms: number, signal: AbortSignal | null | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
    if (signal?.aborted) stop();
  });
}
