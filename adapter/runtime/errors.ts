// Every error Coldframe raises: one class and one table. `code` is the API; the sentence may improve at any time.
// Where an error is born decides what happens to it: a build error ends the command, an init error replaces the
// environment, an invocation error becomes an answer. The numbers are the HTTP status of that answer.

const INIT = {
  SECRET_MISSING: 503,
  SECRET_UNDECLARED: 500,
  MODEL_NOT_EXPORTED: 503,
  MODEL_NO_PREDICT: 503,
  MODEL_INVALID: 503,
  MODEL_LOAD_FAILED: 503,
  LOAD_TIMEOUT: 503,
  MODEL_NOT_READY: 503,
} as const;

const INVOCATION = {
  // A plain Invoke gets it as its error; no HTTP event is unknown.
  EVENT_UNKNOWN: 500,
  ROUTE_NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  INPUT_INVALID: 400,
  INPUT_TOO_LARGE: 413,
  INPUT_UNSUPPORTED: 415,
  OUTPUT_INVALID: 500,
  OUTPUT_TOO_LARGE: 413,
  MODEL_UNHEALTHY: 503,
  PREDICT_FAILED: 500,
  PREDICT_TIMEOUT: 504,
  STREAM_TIMEOUT: 504,
  CANCELLED: 499,
} as const;

const STATUS: Readonly<Record<string, number>> = { ...INIT, ...INVOCATION };

/** Nobody waits for an answer to these; no bundle contains them. */
export const BUILD_CODES = [
  "CONFIG_NOT_FOUND",
  "CONFIG_INVALID",
  "CONFIG_UNKNOWN_KEY",
  "MODEL_NOT_FOUND",
  "BUNDLE_FAILED",
  "ADDON_UNSUPPORTED",
  "ARTIFACT_TOO_LARGE",
] as const;

export type ErrorCode = keyof typeof INIT | keyof typeof INVOCATION | (typeof BUILD_CODES)[number];

/** The whole table, by phase: what README's is checked against. */
export const CODES = { build: BUILD_CODES, init: INIT, invocation: INVOCATION };

/** One problem with one place of the input. `path` is dotted and indexed, as in `items[1].text`; "" is the whole. */
export interface Issue {
  readonly path: string;
  readonly message: string;
}

export interface ColdframeErrorOptions {
  /** The way out, as one sentence: what to write, set or run instead. */
  readonly fix?: string;
  readonly issues?: readonly Issue[];
  readonly cause?: unknown;
}

/**
 * The only error class of Coldframe. Thrown from a model it reaches the caller as it is, with the status of its code;
 * every other error of a model is masked.
 */
export class ColdframeError extends Error {
  readonly code: ErrorCode;
  readonly fix: string | undefined;
  readonly issues: readonly Issue[] | undefined;

  constructor(code: ErrorCode, message: string, options: ColdframeErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    // AWS's runtime client reports an error's `name` as its type.
    this.name = code;
    this.code = code;
    this.fix = options.fix;
    this.issues = options.issues;
  }

  /** HTTP status; 500 for a code that answers nobody. */
  get status(): number {
    return STATUS[this.code] ?? 500;
  }

  /** The message and the way out, as a caller may read them. */
  get sentence(): string {
    return this.fix ? `${this.message} ${this.fix}` : this.message;
  }
}

/**
 * What a model threw, as the one error class: its own ColdframeError stays as it is, anything else is masked and kept
 * as the cause. Once the invocation was cancelled, whatever the model throws is a consequence of that.
 * @param member the method it came from, for the message
 * @param cancelled the reason, when the invocation was cancelled
 */
export function modelError(thrown: unknown, member: string, cancelled: Error | undefined): Error {
  if (cancelled !== undefined) return cancelled;
  if (thrown instanceof ColdframeError) return thrown;
  return new ColdframeError("PREDICT_FAILED", `the model failed in ${member}; the log has the reason.`, {
    cause: thrown ?? `threw ${String(thrown)}`,
  });
}

/** Anything thrown, as the one error class; what is not ours is the model's. */
export function toColdframeError(thrown: unknown): ColdframeError {
  return modelError(thrown, "predict", undefined) as ColdframeError;
}

/** The body of every error answer. */
export interface ErrorBody {
  readonly error: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly request_id: string;
    readonly issues?: readonly Issue[];
  };
}

/** What a caller may know of an error; the rest is in the log under the same request id. */
export function errorBody(error: ColdframeError, requestId: string): ErrorBody {
  const { code, sentence: message, issues } = error;
  return { error: { code, message, request_id: requestId, ...(issues && { issues }) } };
}
