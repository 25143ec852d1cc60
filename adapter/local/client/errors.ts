// How an error of the function looks on the wire, and the errors that the client itself raises, under the names that
// AWS's runtime client gives them. Source: aws-lambda-ric 4.0.2, index.mjs (formatError and the Runtime.* classes).

/** The body of /error and /init/error, and of the error trailer. Key order is part of the wire. */
export interface ErrorDocument {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace: readonly string[];
}

/** An error of the client; `name` is what the platform reports as its type. */
export function runtimeError(type: string, message: string): Error {
  const error = new Error(message);
  error.name = `Runtime.${type}`;
  return error;
}

/** DEL may not appear in a header, and the platform copies these fields into one. */
export function toErrorDocument(error: unknown): ErrorDocument {
  if (!(error instanceof Error)) return { errorType: typeof error, errorMessage: String(error), trace: [] };
  return {
    errorType: withoutDel(error.name),
    errorMessage: withoutDel(error.message),
    trace: error.stack === undefined ? [] : withoutDel(error.stack).split("\n"),
  };
}

/** `undefined` becomes null, as on AWS. @throws Runtime.JSONStringifyError for a cycle or a BigInt. */
export function toJson(value: unknown): string {
  try {
    return JSON.stringify(value === undefined ? null : value);
  } catch {
    throw runtimeError("JSONStringifyError", "Unable to stringify response body");
  }
}

function withoutDel(text: string): string {
  return text.replaceAll("\x7F", "%7F");
}
