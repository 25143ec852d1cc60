// The one error class of the client, and errors as answers and streams tell them. What AWS says when it does not let a
// request through is forbidden.ts.

import type { Issue } from "../../adapter/runtime/errors.ts";

export interface ClientErrorOptions {
  readonly status?: number | undefined;
  readonly requestId?: string | undefined;
  readonly issues?: readonly Issue[] | undefined;
  readonly cause?: unknown;
}

/**
 * Why there is no answer, or no whole one. `code` is the model's own (`INPUT_INVALID`, `PREDICT_FAILED`, ...) where it
 * answered, `HTTP_<status>` where something else did, and otherwise one of the client's: `CONNECTION_FAILED`,
 * `STREAM_BROKEN`, `URL_FORBIDDEN`, `ANSWER_INVALID`, `CREDENTIALS_FAILED`, `OPTION_INVALID`.
 */
export class ColdframeClientError extends Error {
  override readonly name = "ColdframeClientError";
  readonly code: string;
  /** Of the answer; `undefined` when there was none. 200 for an error in the middle of a stream. */
  readonly status: number | undefined;
  /** Under which the function's log has the rest. */
  readonly requestId: string | undefined;
  /** What is wrong with the input, and where. */
  readonly issues: readonly Issue[] | undefined;

  constructor(code: string, message: string, options: ClientErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.status = options.status;
    this.requestId = options.requestId;
    this.issues = options.issues;
  }
}

/** An answer, but for its body. */
export interface AnswerFacts {
  readonly status: number;
  readonly header: (name: string) => string | null | undefined;
}

/** An answer that was read to its end. */
export interface WholeAnswer extends AnswerFacts {
  readonly text: string;
}

export const factsOf = ({ status, headers }: Response): AnswerFacts => ({
  status,
  header: (name) => headers.get(name),
});

/** What the function's log, or AWS's, has the request under. */
export const requestIdOf = (header: AnswerFacts["header"]): string | undefined =>
  header("x-request-id") ?? header("x-amzn-requestid") ?? undefined;

/** An error as an answer tells it. */
export interface ToldError extends ClientErrorOptions {
  readonly code: string;
  readonly message: string;
}

/** The error that `text` is in our own shape, or in that of a vendor's route; `undefined` when it is neither. */
export function toldError(text: string): ToldError | undefined {
  const { error } = (parseObject(text) ?? {}) as { error?: Record<string, unknown> | null };
  if (typeof error !== "object" || error === null) return undefined;
  const { code, type, message, request_id: requestId, issues } = error;
  // OpenAI's `code` may be null, and Anthropic has none.
  const name = typeof code === "string" ? code : type;
  if (typeof name !== "string") return undefined;
  return {
    code: name,
    message: String(message ?? ""),
    ...(typeof requestId === "string" && { requestId }),
    ...(Array.isArray(issues) && { issues: issues as Issue[] }),
  };
}

/** JSON that is an object, or nothing. */
export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
