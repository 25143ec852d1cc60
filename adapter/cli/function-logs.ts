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
/** What `--event` was given is for its command to say: nothing in the function went wrong. */
const REPORTED = "EVENT_UNKNOWN";
/** See runtime/data-dir.ts. */
const WEIGHTS_PROGRESS = "fetching weights";
const NOT_SHOWN = new Set([
  ...["timestamp", "level", "message", "requestId", "tenantId", "traceId", "_aws"],
  ...["errorType", "errorMessage", "stackTrace"],
]);

export function parseLogLine(line: string): LogLine {
  const [, level, text = ""] = CONSOLE.exec(line) ?? [];
  if (level !== undefined) return { level, message: text.replaceAll("\r", "\n"), fields: {} };
  try {
    const fields = JSON.parse(line) as Record<string, unknown>;
    const { level: named, message } = fields;
    if (typeof named === "string" && message !== undefined) {
      return { level: named, message: toText(message), fields: { ...fields, ...errorIn(message) } };
    }
  } catch {
    // Not JSON: as it stands.
  }
  return { level: undefined, message: line, fields: {} };
}

/** Whether somebody who did not ask for the log should see this line. */
export function isProblem({ level, message, fields }: LogLine): boolean {
  if (level !== "WARN" && level !== "ERROR" && level !== "FATAL") return false;
  return fields["code"] !== REPORTED && !CLIENT_ERROR.test(message) && !isOurs(fields["message"]);
}

/** In JSON, the runtime client writes just the error: one of Coldframe's, which the command reports itself. */
const isOurs = (message: unknown): boolean =>
  typeof (message as { code?: unknown } | undefined)?.code === "string" &&
  (message as { name?: unknown }).name === (message as { code: unknown }).code;

/** Whether it says how far the weights have come: somebody waits for them. */
export function isProgress({ message }: LogLine): boolean {
  return message === WEIGHTS_PROGRESS;
}

/** The time and the request id are left out: the line is read as it happens. */
export function formatLogLine({ level, message, fields }: LogLine): string {
  const shown = Object.entries(fields).filter(([name]) => !NOT_SHOWN.has(name));
  const details = shown.map(([name, value]) => `${name}=${toText(value)}`);
  const line = [paint(level), message, colors.dim(details.join(" "))].filter((part) => part !== "").join(" ");
  const stack = fields["stackTrace"];
  return Array.isArray(stack) ? `${line}\n${colors.dim(indent(stack.join("\n")))}` : line;
}

/** AWS's client writes an error that is all that was said as the message. */
function errorIn(message: unknown): object {
  const { stackTrace } = (message ?? {}) as { readonly stackTrace?: unknown };
  return stackTrace ? { stackTrace } : {};
}

/** An error without its stack: whoever wrote it into a field meant its message. */
function toText(value: unknown): string {
  if (typeof value === "string") return value;
  const { name, errorType, errorMessage } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return typeof errorType === "string" && typeof errorMessage === "string"
    ? `${name ?? errorType}: ${errorMessage}`
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
