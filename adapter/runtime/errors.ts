// Every error Coldframe raises: one class and one table. `code` is the API; the sentence may improve at any time.
// Where an error is born decides what happens to it: a build error ends the command, an init error replaces the
// environment, an invocation error becomes an answer. The numbers are the HTTP status of that answer.

/** For the operator: whoever calls meanwhile is answered with MODEL_LOAD_FAILED. */
const INIT_CODES = [
  "SECRET_MISSING",
  "SECRET_UNREADABLE",
  "MODEL_NO_PREDICT",
  "MODEL_INVALID",
  "LOAD_TIMEOUT",
  "WEIGHTS_NOT_FOUND",
  "WEIGHTS_FORBIDDEN",
  "WEIGHTS_UNREACHABLE",
  "WEIGHTS_CHANGED",
  "WEIGHTS_CORRUPT",
  "WEIGHTS_INVALID",
  "WEIGHTS_NO_ROOM",
  "DEVICE_UNAVAILABLE",
  "PORT_UNAVAILABLE",
] as const;

/** The fault of the model or of its deployment, as is whatever has no status of its own. */
const INTERNAL = {
  SECRET_UNDECLARED: 500,
  // A plain Invoke gets it as its error; no HTTP event is unknown.
  EVENT_UNKNOWN: 500,
  OUTPUT_INVALID: 500,
  PREDICT_FAILED: 500,
  // Of sources that are not HTTP: what a record names, and where its result goes.
  INPUT_UNREADABLE: 500,
  RESULT_NOT_SENT: 500,
} as const;

const STATUS = {
  MODEL_NOT_READY: 503,
  MODEL_LOAD_FAILED: 503,
  ROUTE_NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  INPUT_INVALID: 400,
  INPUT_TIMEOUT: 408,
  INPUT_TOO_LARGE: 413,
  INPUT_UNSUPPORTED: 415,
  OUTPUT_TOO_LARGE: 413,
  MODEL_UNHEALTHY: 503,
  PREDICT_TIMEOUT: 504,
  STREAM_TIMEOUT: 504,
  QUEUE_FULL: 429,
  CANCELLED: 499,
} as const;

/** Nobody waits for an answer to these. */
export const BUILD_CODES = [
  "CONFIG_NOT_FOUND",
  "CONFIG_INVALID",
  "CONFIG_UNKNOWN_KEY",
  "MODEL_NOT_FOUND",
  "MODEL_NOT_EXPORTED",
  "BUNDLE_FAILED",
  "ADDON_UNSUPPORTED",
  "ARTIFACT_TOO_LARGE",
] as const;

/** The whole table, by phase: what README's is checked against. Marked as pure, it stays out of bundles. */
export const CODES = {
  build: BUILD_CODES,
  init: INIT_CODES,
  invocation: /* @__PURE__ */ Object.assign({}, INTERNAL, STATUS),
};

export type ErrorCode =
  | (typeof BUILD_CODES)[number]
  | (typeof INIT_CODES)[number]
  | keyof typeof CODES.invocation;

/** One problem with one place of the input. `path` is dotted and indexed, as in `items[1].text`; "" is the whole. */
export interface Issue {
  readonly path: string;
  readonly message: string;
}

export interface ColdframeErrorOptions {
  /** The way out, as a sentence of its own: what to write, set or run instead. */
  readonly fix?: string;
  readonly issues?: readonly Issue[];
  readonly cause?: unknown;
}

let censor: ((error: ColdframeError) => void) | undefined;

/** From now on, `change` takes out of every error what nobody may read; see redaction.ts. */
export function setCensor(change: (error: ColdframeError) => void): void {
  censor = change;
}

/** The same error, without what nobody may read: of a stack that was written after the error was made. */
export function censored(error: ColdframeError): ColdframeError {
  censor?.(error);
  return error;
}

/**
 * The only error class of Coldframe. Thrown from a model it reaches the caller as it is, with the status of its code;
 * every other error of a model is masked.
 */
export class ColdframeError extends Error {
  // Declared only: a field would be written into every bundle, and then again by the constructor.
  declare readonly code: ErrorCode;
  declare readonly fix: string | undefined;
  declare readonly issues: readonly Issue[] | undefined;

  constructor(code: ErrorCode, message: string, options: ColdframeErrorOptions = {}) {
    super(message, options);
    // AWS's runtime client reports an error's `name` as its type.
    this.name = code;
    this.code = code;
    this.fix = options.fix;
    this.issues = options.issues;
    censored(this);
  }

  /** HTTP status; 500 for a code that answers nobody. */
  get status(): number {
    return (STATUS as Readonly<Record<string, number>>)[this.code] ?? 500;
  }

  /** The message and the way out, as a caller may read them. */
  get sentence(): string {
    return this.fix ? `${this.message} ${this.fix}` : this.message;
  }
}

/**
 * Anything thrown, as the one error class. What is not ours is the model's: masked, and kept as the cause.
 * @param member the model's method it came from, for the message
 */
export function toColdframeError(thrown: unknown, member = "predict"): ColdframeError {
  if (thrown instanceof ColdframeError) return thrown;
  const cause = thrown ?? `threw ${thrown}`;
  return new ColdframeError("PREDICT_FAILED", `the model failed in ${member}; the log has the reason.`, {
    cause,
  });
}

/** The body of every error answer. */
export interface ErrorBody {
  readonly error: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly request_id: string;
    readonly issues?: readonly Issue[] | undefined;
  };
}

/** What a caller may know of an error; the rest is in the log under the same request id. */
export const errorBody = ({ code, sentence, issues }: ColdframeError, requestId: string): ErrorBody => ({
  error: { code, message: sentence, request_id: requestId, issues },
});
