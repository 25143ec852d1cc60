// The log line of an error: whatever is known of it, with the stack in the author's own files. Late code.

import type { Artifact } from "./contracts.ts";
import { type ColdframeError, toColdframeError } from "./errors.ts";
import { linesOf, logAnything, toLines, type Whose } from "./observe/log-anything.ts";
import { type ReadStack, stackReader } from "./stack.ts";

const readers = new Map<string, ReadStack>();

/** The stack of an error in the author's own files; see stack.ts. */
export function readStack({ folder }: Pick<Artifact, "folder">, error: unknown): string {
  let reader = readers.get(folder);
  if (!reader) readers.set(folder, (reader = stackReader(`${folder}/bundle.cjs`)));
  return reader(error);
}

/** Log what failed an invocation. @returns what its caller may be told */
export function report(artifact: Artifact, thrown: unknown, whose: Whose): ColdframeError {
  const error = toColdframeError(thrown);
  const { code, status, cause, issues } = error;
  const reason = cause instanceof Error ? cause : error;
  const { name, message, fix } = reason as ColdframeError;
  whose.observation?.failed(error);
  // A caller's own mistake is worth a line only when somebody looks for it.
  const ours = status >= 500;
  const fields = {
    code,
    errorType: name,
    errorMessage: message,
    fix,
    issues,
    cause: reason === cause ? undefined : cause,
    stackTrace: ours ? toLines(readStack(artifact, reason)) : undefined,
  };
  logAnything(ours ? "error" : "debug", `${name}: ${message}`, fields, linesOf(whose));
  return error;
}

/** Log an error that nobody awaited. */
export function reportStray(artifact: Artifact, error: unknown): void {
  const { name, message } = error instanceof Error ? error : { name: typeof error, message: String(error) };
  logAnything("error", "nothing awaited an error; the process goes on", {
    code: "PREDICT_FAILED",
    errorType: name,
    errorMessage: message,
    stackTrace: toLines(readStack(artifact, error)),
  });
}
