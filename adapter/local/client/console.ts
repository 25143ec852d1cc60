// The function's console, one line per call, in the format that the function's LoggingConfig asks for: `time, request id,
// level, message` separated by tabs, line breaks inside the message as carriage returns; or JSON. Source: aws-lambda-ric
// 4.0.2, index.mjs (LogPatch).

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

const RANKS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

let requestId = "-";

/** Lines from now on carry this id; after the invocation too, as on AWS. */
export function logAs(id: string): void {
  requestId = id;
}

/** Replaces the methods of the global console. */
export function patchConsole(): void {
  const toLine = isJson() ? jsonLine : textLine;
  const threshold = RANKS.indexOf(process.env["AWS_LAMBDA_LOG_LEVEL"]?.toUpperCase() ?? "TRACE");
  for (const [method, level] of Object.entries(LEVELS)) {
    console[method as keyof typeof LEVELS] = (...args: readonly unknown[]) => {
      if (RANKS.indexOf(level) < threshold) return;
      process.stdout.write(`${toLine(level, args).replaceAll("\n", "\r")}\n`);
    };
  }
}

/** @param title `Init Error` or `Invoke Error` */
export function logError(title: string, error: unknown): void {
  if (isJson()) return console.error(error instanceof Error ? error : new Error(String(error)));
  const { errorType, errorMessage, trace } = toErrorDocument(error);
  console.error(title, `\t${JSON.stringify({ errorType, errorMessage, stack: trace })}`);
}

const isJson = (): boolean => process.env["AWS_LAMBDA_LOG_FORMAT"]?.toUpperCase() === "JSON";

const now = (): string => new Date().toISOString();

const textLine = (level: string, args: readonly unknown[]): string =>
  `${now()}\t${requestId}\t${level}\t${format(...args)}`;

function jsonLine(level: string, args: readonly unknown[]): string {
  const line = { timestamp: now(), level, requestId };
  const [message, ...params] = args;
  if (params.length === 0) {
    try {
      return JSON.stringify({ ...line, message }, withErrors);
    } catch {
      return JSON.stringify({ ...line, message: format(message) });
    }
  }
  const error = params.find((param) => param instanceof Error);
  return JSON.stringify({ ...line, message: format(message, ...params), ...(error && describe(error)) });
}

const withErrors = (_key: string, value: unknown): unknown =>
  value instanceof Error ? { ...describe(value), ...value } : value;

const describe = (error: Error): object => ({
  errorType: error.constructor.name,
  errorMessage: error.message,
  stackTrace: error.stack?.split("\n") ?? [],
});
