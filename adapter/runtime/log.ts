// One JSON line per fact, on standard output, where Lambda and every container platform collect it. Not a logging
// framework: levels, fields and a request id, nothing else.

import { inspect } from "node:util";

export type Level = "debug" | "info" | "warn" | "error";

export type Log = Readonly<Record<Level, (message: string, fields?: Record<string, unknown>) => void>>;

/** By what AWS_LAMBDA_LOG_LEVEL may say, which Lambda sets from the function's LoggingConfig. */
const RANKS: Readonly<Record<string, number>> = { trace: 0, debug: 0, info: 1, warn: 2, error: 3, fatal: 3 };

const wanted = process.env["COLDFRAME_LOG_LEVEL"] ?? process.env["AWS_LAMBDA_LOG_LEVEL"] ?? "";
const threshold = RANKS[wanted.toLowerCase()] ?? 1;

/**
 * Write one line. Logging never throws: fields that JSON cannot hold are written as text.
 * @param own fields of every line, which `fields` cannot change
 */
export function writeLog(level: Level, message: string, fields: object = {}, own?: object): void {
  if ((RANKS[level] as number) < threshold) return;
  const line = { timestamp: new Date().toISOString(), level: level.toUpperCase(), message, ...own };
  let shown: object;
  try {
    // Through JSON before they are spread: what decides itself what it shows, as secrets do, is asked.
    shown = JSON.parse(JSON.stringify(fields, toLoggable)) as object;
  } catch {
    shown = { fields: inspect(fields) };
  }
  process.stdout.write(`${JSON.stringify({ ...line, ...shown, ...line })}\n`);
}

/** A log whose every line carries `own`. */
export function logWith(own: object): Log {
  const at = (level: Level) => (message: string, fields?: object) => writeLog(level, message, fields, own);
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

function toLoggable(_key: string, value: unknown): unknown {
  if (value instanceof Error) {
    const { name, message, stack, cause } = value;
    return { type: name, message, stack, cause };
  }
  return typeof value === "bigint" ? String(value) : value;
}
