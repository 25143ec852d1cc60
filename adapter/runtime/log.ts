// One JSON line per fact, on standard output, where Lambda and every container platform collect it. Not a logging
// framework: levels, fields and a request id, nothing else.

import { inspect } from "node:util";

const LEVELS = ["debug", "info", "warn", "error"] as const;

export type Level = (typeof LEVELS)[number];

export type Log = Readonly<Record<Level, (message: string, fields?: Record<string, unknown>) => void>>;

// AWS_LAMBDA_LOG_LEVEL is what Lambda sets from the function's LoggingConfig: TRACE and FATAL are its own.
const wanted = (process.env["COLDFRAME_LOG_LEVEL"] ?? process.env["AWS_LAMBDA_LOG_LEVEL"] ?? "")
  .toLowerCase()
  .replace("trace", "debug")
  .replace("fatal", "error");
const threshold = LEVELS.indexOf(LEVELS.find((level) => level === wanted) ?? "info");

/**
 * Write one line. Logging never throws: fields that JSON cannot hold are written as text.
 * @param always more fields, of every line
 */
export function writeLog(
  level: Level,
  message: string,
  fields: Record<string, unknown> = {},
  always?: Record<string, unknown>,
): void {
  if (LEVELS.indexOf(level) < threshold) return;
  const line = { timestamp: new Date().toISOString(), level: level.toUpperCase(), message, ...always };
  let json: string;
  try {
    // What decides itself what it shows, as secrets do, must not be spread.
    const { toJSON } = fields;
    const shown = typeof toJSON === "function" ? toJSON.call(fields) : fields;
    json = JSON.stringify({ ...line, ...shown }, toLoggable);
  } catch {
    json = JSON.stringify({ ...line, fields: inspect(fields) });
  }
  process.stdout.write(`${json}\n`);
}

/** A log whose every line carries `fields`. */
export function logWith(fields: Record<string, unknown>): Log {
  const at = (level: Level) => (message: string, more?: Record<string, unknown>) =>
    writeLog(level, message, more, fields);
  return Object.fromEntries(LEVELS.map((level) => [level, at(level)])) as Log;
}

function toLoggable(_key: string, value: unknown): unknown {
  if (value instanceof Error) return { type: value.name, message: value.message, stack: value.stack };
  return typeof value === "bigint" ? String(value) : value;
}
