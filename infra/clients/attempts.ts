// A request, until there is an answer that is no error, or trying again is of no use.

import type { Authorization } from "./authorization.ts";
import { ColdframeClientError, factsOf, type WholeAnswer } from "./client-error.ts";
import { answerError } from "./failed-answer.ts";
import { clockOf, type SentRequest } from "./forbidden.ts";
import { isPassing, isPassingFailure, pause, pauseMs } from "./retry.ts";

export interface AttemptOptions {
  /** Signs and sends; called once for each try. */
  readonly send: () => Promise<Response>;
  readonly sent: SentRequest;
  readonly authorization: Authorization;
  /** How many tries may follow the first one. */
  readonly retries: number;
  readonly host: string;
  readonly signal: AbortSignal | undefined;
}

interface Failure {
  readonly error: ColdframeClientError;
  readonly answer?: WholeAnswer;
  readonly mayPass: boolean;
}

/** @throws ColdframeClientError of the last try, the signal's reason */
export async function answerOf(options: AttemptOptions): Promise<Response> {
  const { authorization, retries, signal } = options;
  let mayCorrectClock = true;
  for (let tries = 1; ; tries++) {
    const outcome = await attempt(options);
    if (!("error" in outcome)) return outcome;
    const { error, answer, mayPass } = outcome;
    if (
      mayCorrectClock &&
      error.code === "URL_FORBIDDEN" &&
      answer &&
      authorization.setClock(clockOf(answer))
    ) {
      // Not one of the tries: the model has not heard of it.
      mayCorrectClock = false;
      tries--;
      continue;
    }
    const waitMs = mayPass && tries <= retries ? pauseMs(tries, answer?.header("retry-after")) : undefined;
    if (waitMs === undefined) throw error;
    await pause(waitMs, signal);
  }
}

async function attempt({ send, sent, host, signal }: AttemptOptions): Promise<Response | Failure> {
  let response: Response;
  try {
    response = await send();
  } catch (cause) {
    signal?.throwIfAborted();
    // Not sent at all.
    if (cause instanceof ColdframeClientError) throw cause;
    const error = new ColdframeClientError(
      "CONNECTION_FAILED",
      `${host} did not answer: ${reasonOf(cause)}.`,
      { cause },
    );
    return { error, mayPass: isPassingFailure(cause) };
  }
  if (response.status < 400) return response;
  const text = await response.text().catch(() => {
    signal?.throwIfAborted();
    return "";
  });
  const answer = { ...factsOf(response), text };
  return { error: answerError(answer, sent), answer, mayPass: isPassing(answer) };
}

/** What fetch failed with is in the cause of its error, and of several addresses only a code. */
function reasonOf(error: unknown): string {
  const { cause, message } = error as {
    cause?: { message?: string; code?: string } | null;
    message?: string;
  };
  return cause?.message || cause?.code || message || String(error);
}
