// What becomes of an error: one log line with everything, and for the caller what it may know.

import type { Call, Reply } from "./call.ts";
import { ColdframeError, toColdframeError } from "./errors.ts";
import { writeLog } from "./log.ts";
import { errorReply } from "./reply.ts";
import type { ReadStack } from "./stack.ts";

/** The runtime client sends an error whole, and in a trailer; a message of any size would become a header line. */
const MAX_MESSAGE_LENGTH = 1024;

/** Log an error, and answer with it. */
export function failedReply(thrown: unknown, call: Call, readStack: ReadStack): Reply {
  const error = toColdframeError(thrown);
  logFailure(error, call.origin.id, readStack);
  return errorReply(error, call.origin.id);
}

/** Log an error, and make the small one that the platform is told. Its `name` is the code. */
export function failedError(thrown: unknown, requestId: string, readStack: ReadStack): Error {
  const error = toColdframeError(thrown);
  logFailure(error, requestId, readStack);
  const small = new Error(error.sentence.slice(0, MAX_MESSAGE_LENGTH));
  small.name = error.code;
  small.stack = `${error.code}: ${small.message}\n    request id ${requestId}`;
  return small;
}

// A caller's own mistake is worth a line only when somebody looks for it.
function logFailure(error: ColdframeError, requestId: string, readStack: ReadStack): void {
  const { code, message, fix, cause, issues } = error;
  const ours = error.status >= 500;
  writeLog(ours ? "error" : "debug", cause instanceof Error ? `${cause.name}: ${cause.message}` : message, {
    code,
    request_id: requestId,
    fix: cause instanceof ColdframeError ? cause.fix : fix,
    issues,
    cause: cause instanceof Error ? undefined : cause,
    stack: ours ? readStack(cause instanceof Error ? cause : error) : undefined,
  });
}
