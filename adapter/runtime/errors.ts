// Every error Coldframe raises: one class and one table. `code` is the API; the sentence may improve at any time.
// Where an error is born (its phase) decides what happens to it: a build error ends the command, an init error
// replaces the environment, an invocation error becomes an answer.

export type Phase = "build" | "init" | "invocation";

interface Row {
  readonly phase: Phase;
  /** HTTP status of the answer; absent when nobody is waiting for one. */
  readonly status?: number;
  /** Whether the same call may succeed later. */
  readonly retry?: true;
}

const CODES = {
  CONFIG_NOT_FOUND: { phase: "build" },
  CONFIG_INVALID: { phase: "build" },
  CONFIG_UNKNOWN_KEY: { phase: "build" },
  MODEL_NOT_FOUND: { phase: "build" },
  MODEL_NOT_EXPORTED: { phase: "build", status: 503 },
  MODEL_NO_PREDICT: { phase: "build", status: 503 },
  MODEL_INVALID: { phase: "build", status: 503 },
  BUNDLE_FAILED: { phase: "build" },
  ADDON_UNSUPPORTED: { phase: "build" },
  ARTIFACT_TOO_LARGE: { phase: "build" },

  SECRET_MISSING: { phase: "init", status: 503 },
  SECRET_UNDECLARED: { phase: "init", status: 500 },
  MODEL_LOAD_FAILED: { phase: "init", status: 503, retry: true },
  LOAD_TIMEOUT: { phase: "init", status: 503, retry: true },
  MODEL_NOT_READY: { phase: "init", status: 503, retry: true },

  EVENT_UNKNOWN: { phase: "invocation" },
  ROUTE_NOT_FOUND: { phase: "invocation", status: 404 },
  METHOD_NOT_ALLOWED: { phase: "invocation", status: 405 },
  INPUT_INVALID: { phase: "invocation", status: 400 },
  INPUT_TOO_LARGE: { phase: "invocation", status: 413 },
  INPUT_UNSUPPORTED: { phase: "invocation", status: 415 },
  OUTPUT_INVALID: { phase: "invocation", status: 500 },
  OUTPUT_TOO_LARGE: { phase: "invocation", status: 413 },
  MODEL_UNHEALTHY: { phase: "invocation", status: 503, retry: true },
  PREDICT_FAILED: { phase: "invocation", status: 500, retry: true },
  PREDICT_TIMEOUT: { phase: "invocation", status: 504, retry: true },
  STREAM_TIMEOUT: { phase: "invocation", status: 504, retry: true },
  CANCELLED: { phase: "invocation", status: 499 },
} as const satisfies Record<string, Row>;

export type ErrorCode = keyof typeof CODES;

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

  get phase(): Phase {
    return CODES[this.code].phase;
  }

  /** HTTP status, 500 where the table has none. */
  get status(): number {
    return (CODES[this.code] as Row).status ?? 500;
  }

  get retry(): boolean {
    return (CODES[this.code] as Row).retry ?? false;
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
  const message = error.fix === undefined ? error.message : `${error.message} ${error.fix}`;
  return {
    error: {
      code: error.code,
      message,
      request_id: requestId,
      ...(error.issues === undefined ? undefined : { issues: error.issues }),
    },
  };
}

/** Every code, in table order: what README's error table is checked against. */
export function errorCodes(): readonly ErrorCode[] {
  return Object.keys(CODES) as ErrorCode[];
}
