// One JSON line per fact, on standard output, where Lambda and every container platform collect it. Not a logging
// framework: levels, fields and a request id, nothing else.

const LEVELS = { debug: 10, info: 20, warn: 30, error: 40 } as const;

export type Level = keyof typeof LEVELS;

export interface Log {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

// AWS_LAMBDA_LOG_LEVEL is what Lambda sets from the function's LoggingConfig: TRACE ... FATAL.
const threshold =
  LEVELS[
    (process.env["COLDFRAME_LOG_LEVEL"] ?? process.env["AWS_LAMBDA_LOG_LEVEL"] ?? "").toLowerCase() as Level
  ] ?? LEVELS.info;

/** Write one line. A field that JSON cannot hold is written as text; logging never throws. */
export function writeLog(level: Level, message: string, fields?: Record<string, unknown>): void {
  if (LEVELS[level] < threshold) return;
  const line = { timestamp: new Date().toISOString(), level: level.toUpperCase(), message, ...fields };
  process.stdout.write(`${toJson(line)}\n`);
}

/** A log whose every line carries `fields`. */
export function logWith(fields: Record<string, unknown>): Log {
  const at = (level: Level) => (message: string, more?: Record<string, unknown>) =>
    writeLog(level, message, { ...fields, ...more });
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

function toJson(line: Record<string, unknown>): string {
  try {
    return JSON.stringify(line, (_key, value) => {
      if (typeof value === "bigint") return `${value}n`;
      if (value instanceof Error) return { type: value.name, message: value.message, stack: value.stack };
      return value;
    });
  } catch {
    return JSON.stringify(
      { ...line, fields: "not loggable: cyclic or throwing", message: String(line["message"]) },
      ["timestamp", "level", "message", "request_id", "fields"],
    );
  }
}
