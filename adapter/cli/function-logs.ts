// The function's log lines, made readable: JSON lines of the adapter, tab-separated lines of the console, and whatever
// a library or Node itself writes. Source of the formats: runtime/log.ts and local/client/console.ts.

import { colors } from "./terminal.ts";

export interface LogLine {
  /** `DEBUG`, `INFO`, `WARN`, `ERROR`; `undefined` for a line of no known format. */
  readonly level: string | undefined;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

const CONSOLE = /^\d{4}-\d\d-\d\dT[\d:.]+Z\t[^\t]*\t([A-Z]+)\t(.*)$/s;
/** Said by the runtime client about an error that the command reports itself. */
const CLIENT_ERROR = /^(Init|Invoke) Error /;
/** See runtime/data-dir.ts. */
const WEIGHTS_PROGRESS = "fetching weights";
const NOT_SHOWN = new Set(["timestamp", "level", "message", "request_id", "stack"]);

export function parseLogLine(line: string): LogLine {
  const [, level, text = ""] = CONSOLE.exec(line) ?? [];
  if (level !== undefined) return { level, message: text.replaceAll("\r", "\n"), fields: {} };
  try {
    const fields = JSON.parse(line) as Record<string, unknown>;
    if (typeof fields["level"] === "string" && typeof fields["message"] === "string") {
      return { level: fields["level"], message: fields["message"], fields };
    }
  } catch {
    // Not JSON: as it stands.
  }
  return { level: undefined, message: line, fields: {} };
}

/** Whether somebody who did not ask for the log should see this line. */
export function isProblem({ level, message }: LogLine): boolean {
  return (level === "WARN" || level === "ERROR" || level === "FATAL") && !CLIENT_ERROR.test(message);
}

/** Whether it says how far the weights have come: somebody waits for them. */
export function isProgress({ message }: LogLine): boolean {
  return message === WEIGHTS_PROGRESS;
}

/** The time and the request id are left out: the line is read as it happens. */
export function formatLogLine({ level, message, fields }: LogLine): string {
  const shown = Object.entries(fields).filter(([name]) => !NOT_SHOWN.has(name));
  const details = shown.map(([name, value]) => `${name}=${toText(value)}`);
  const line = [paint(level), message, colors.dim(details.join(" "))].filter((part) => part !== "").join(" ");
  const stack = fields["stack"];
  return typeof stack === "string" ? `${line}\n${colors.dim(indent(stack))}` : line;
}

/** An error without its stack: whoever wrote it into a field meant its message. */
function toText(value: unknown): string {
  if (typeof value === "string") return value;
  const { type, message } = (value ?? {}) as { type?: unknown; message?: unknown };
  return typeof type === "string" && typeof message === "string"
    ? `${type}: ${message}`
    : JSON.stringify(value);
}

function paint(level: string | undefined): string {
  if (level === undefined) return "";
  const paints: Record<string, (text: string) => string> = {
    ERROR: colors.red,
    FATAL: colors.red,
    WARN: colors.yellow,
  };
  return (paints[level] ?? colors.cyan)(level);
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, "  ");
}
