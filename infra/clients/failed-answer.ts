// An answer with an error status, as the error it is: the model's own, AWS's, or that of something on the way.

import { ColdframeClientError, requestIdOf, toldError, type WholeAnswer } from "./client-error.ts";
import { explainForbidden, type SentRequest } from "./forbidden.ts";

/** Of an answer that nobody knows, this much is quoted. */
const MAX_QUOTED_CHARACTERS = 1000;

/** Codes as `ColdframeClientError` lists them. */
export function answerError(answer: WholeAnswer, sent: SentRequest): ColdframeClientError {
  const { status, header, text } = answer;
  const facts = { status, requestId: requestIdOf(header) };
  const told = toldError(text);
  if (told !== undefined) return new ColdframeClientError(told.code, told.message, { ...facts, ...told });
  const forbidden = explainForbidden(answer, sent);
  if (forbidden !== undefined) {
    return new ColdframeClientError("URL_FORBIDDEN", `${forbidden.message} ${forbidden.fix}`, facts);
  }
  return new ColdframeClientError(
    `HTTP_${status}`,
    text.slice(0, MAX_QUOTED_CHARACTERS) || "no body.",
    facts,
  );
}
