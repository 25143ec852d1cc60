// What one invocation comes to, in the platform's words: a result, a response that streams, or an error. Types and
// the few names that the platform itself gives to errors.

import type { Readable } from "node:stream";

/** As in the body of /error, or as the platform reports what a function could not: `Sandbox.Timedout`, ... */
export interface FunctionError {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace: readonly string[];
}

/** The head of a streamed HTTP response. `multiValueHeaders` is API Gateway's. */
export interface Prelude {
  readonly statusCode?: number;
  readonly headers?: Readonly<Record<string, string | number | boolean>>;
  readonly multiValueHeaders?: Readonly<Record<string, readonly string[]>>;
  readonly cookies?: readonly string[];
}

export interface Buffered {
  readonly kind: "buffered";
  readonly requestId: string;
  readonly contentType: string | undefined;
  /** JSON, unless a runtime other than Node's posted it. */
  readonly body: Buffer;
}

export interface Streamed {
  readonly kind: "streamed";
  readonly requestId: string;
  readonly contentType: string | undefined;
  /** Absent when the function sent none, and when it announced one that never arrived. */
  readonly prelude: Prelude | undefined;
  /**
   * The bytes after the prelude, as they arrive; not reading them stops the function's writes. It ends in the same way
   * whether the response is complete or not: ask `completion`. Destroying it closes the function's response stream,
   * which is the only sign of a lost caller that a function can see.
   */
  readonly body: Readable;
  /** Settles when `body` has been read to its end: `undefined`, or why the response is not whole. Never rejects. */
  readonly completion: Promise<FunctionError | undefined>;
  /** Reset the socket of the response instead: AWS's client ends the process on that unless the function is hardened. */
  reset(): void;
}

export interface Failed {
  readonly kind: "error";
  readonly requestId: string;
  readonly error: FunctionError;
  /** Whether the error belongs to the init phase that this invocation had to run. */
  readonly phase: "init" | "invocation";
}

export type Outcome = Buffered | Streamed | Failed;

/** One POST of the function as it came over the wire, for a suite that compares bytes. */
export interface Exchange {
  /** `/runtime/invocation/{id}/response`, `.../error`, `/runtime/init/error`; without the version. */
  readonly path: string;
  /** As sent: names and values in turn. */
  readonly rawHeaders: readonly string[];
  /** One entry per chunk read; a large chunk may come as several. */
  readonly chunks: readonly Buffer[];
  readonly rawTrailers: readonly string[];
  /** False when the connection broke before the body's end. */
  readonly complete: boolean;
}

/** An error in the platform's words. */
export function functionError(errorType: string, errorMessage: string): FunctionError {
  return { errorType, errorMessage, trace: [] };
}

/** Reads the body of /error, /init/error or the error trailer; what is not such a document becomes the message. */
export function toFunctionError(json: string, fallbackType: string | undefined): FunctionError {
  let document: Record<string, unknown> = {};
  try {
    document = JSON.parse(json) as Record<string, unknown>;
  } catch {
    document = { errorMessage: json };
  }
  const trace = document["trace"] ?? document["stackTrace"];
  return {
    errorType: String(document["errorType"] ?? fallbackType ?? "Runtime.Unknown"),
    errorMessage: String(document["errorMessage"] ?? ""),
    trace: Array.isArray(trace) ? trace.map(String) : [],
  };
}
