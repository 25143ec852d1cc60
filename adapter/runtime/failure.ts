// What becomes of an error: one log line with everything, and for the caller what it may know.

import type { Reply } from "./call.ts";
import { ColdframeError, errorBody, toColdframeError } from "./errors.ts";
import { writeLog } from "./log.ts";
import { jsonReply } from "./reply.ts";
import type { ReadStack } from "./stack.ts";

/** The runtime client sends an error whole, and in a trailer; a message of any size would become a header line. */
const MAX_MESSAGE_LENGTH = 1024;

/** Log an error, and answer with it. */
export function failedReply(thrown: unknown, requestId: string, readStack: ReadStack): Reply {
  const error = logFailure(thrown, requestId, readStack);
  const reply = jsonReply(error.status, errorBody(error, requestId));
  reply.headers["x-request-id"] = requestId;
  if (error.status === 503) reply.headers["retry-after"] = "1";
  return reply;
}

/** Log an error, and make the small one that the platform is told. */
export function failedError(thrown: unknown, requestId: string, readStack: ReadStack): Error {
  return platformError(logFailure(thrown, requestId, readStack), `    request id ${requestId}`);
}

/** An error for the platform: its code, its sentence, and `detail` in place of the stack. */
export function platformError({ code, sentence }: ColdframeError, detail: string): Error {
  const small = new ColdframeError(code, sentence.slice(0, MAX_MESSAGE_LENGTH));
  small.stack = `${small}\n${detail}`;
  return small;
}

// A caller's own mistake is worth a line only when somebody looks for it.
function logFailure(thrown: unknown, requestId: string, readStack: ReadStack): ColdframeError {
  const error = toColdframeError(thrown);
  const { code, status, cause, issues } = error;
  const reason = cause instanceof Error ? cause : error;
  const ours = status >= 500;
  writeLog(ours ? "error" : "debug", `${reason}`, {
    code,
    request_id: requestId,
    fix: (reason as Partial<ColdframeError>).fix,
    issues,
    cause: reason === cause ? undefined : cause,
    stack: ours ? readStack(reason) : undefined,
  });
  return error;
}
