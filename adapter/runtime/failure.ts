// What becomes of an error: for the caller what it may know, and for the log everything. Late code: a call that goes well
// has none.

import type { Reply } from "./call.ts";
import type { Artifact } from "./contracts.ts";
import { censored, ColdframeError, errorBody } from "./errors.ts";
import type { Whose } from "./observe/log-anything.ts";
import { jsonReply } from "./reply.ts";
import { report } from "./report.ts";

/** The runtime client sends an error whole, and in a trailer; a message of any size would become a header line. */
const MAX_MESSAGE_LENGTH = 1024;

/** Log an error, and answer with it. */
export function failedReply(thrown: unknown, whose: Whose, artifact: Artifact): Reply {
  const error = report(artifact, thrown, whose);
  const reply = jsonReply(error.status, errorBody(error, whose.id));
  reply.headers["x-request-id"] = whose.id;
  if (error.status === 503 || error.status === 429) reply.headers["retry-after"] = "1";
  return reply;
}

/** Log an error, and make the small one that the platform is told. */
export function failedError(thrown: unknown, whose: Whose, artifact: Artifact): Error {
  return platformError(report(artifact, thrown, whose), `    request id ${whose.id}`);
}

/** An error for the platform: its code, its sentence, and `detail` in place of the stack. */
export function platformError({ code, sentence }: ColdframeError, detail: string): Error {
  const small = new ColdframeError(code, sentence.slice(0, MAX_MESSAGE_LENGTH));
  small.stack = `${small}\n${detail}`;
  return censored(small);
}
