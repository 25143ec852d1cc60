// The function's console: one line per call, `time, request id, level, message` separated by tabs, line breaks inside
// the message as carriage returns. Only the text format. Source: aws-lambda-ric 4.0.2, index.mjs (LogPatch).

import { format } from "node:util";
import { toErrorDocument } from "./errors.ts";

const LEVELS = {
  trace: "TRACE",
  debug: "DEBUG",
  info: "INFO",
  log: "INFO",
  warn: "WARN",
  error: "ERROR",
} as const;

let requestId = "-";

/** Lines from now on carry this id; after the invocation too, as on AWS. */
export function logAs(id: string): void {
  requestId = id;
}

/** Replaces the methods of the global console. */
export function patchConsole(): void {
  for (const [method, level] of Object.entries(LEVELS)) {
    console[method as keyof typeof LEVELS] = (...args: readonly unknown[]) => {
      const line = `${new Date().toISOString()}\t${requestId}\t${level}\t${format(...args)}`;
      process.stdout.write(`${line.replaceAll("\n", "\r")}\n`);
    };
  }
}

/** @param title `Init Error` or `Invoke Error` */
export function logError(title: string, error: unknown): void {
  const { errorType, errorMessage, trace } = toErrorDocument(error);
  console.error(title, `\t${JSON.stringify({ errorType, errorMessage, stack: trace })}`);
}
