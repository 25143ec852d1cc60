// Log lines of things that nobody checked: errors with their stacks, and whatever a model's author hands to
// `invocation.log`. Never throws and never writes without end. Late code: a cold start and a call that goes well have none.

import { inspect } from "node:util";
import type { Origin } from "../call.ts";
import { type Fields, type Level, type Log, writeLog } from "../log.ts";

/** Characters of one text: CloudWatch takes an event of 1 MB, and nobody reads a line of that. */
const MAX_TEXT_LENGTH = 16_384;

/** Of a list, such as the frames of a stack. */
const MAX_ITEMS = 1_000;

/** Write one line. What JSON cannot hold is written as text. */
export function logAnything(level: Level, message: unknown, fields?: unknown, own?: Fields): void {
  let shown: object;
  try {
    // Through JSON before they are spread: what decides itself what it shows, as secrets do, is asked.
    const known: unknown = JSON.parse(JSON.stringify(fields ?? {}, toLoggable) ?? "{}");
    shown = typeof known === "object" && known ? known : { fields: known };
  } catch {
    shown = { fields: toText(fields) };
  }
  writeLog(level, toText(message), shown as Fields, own);
}

/** The log of one invocation. */
export const logOf = (whose: Whose): Log => logWith(linesOf(whose));

/** A log whose every line carries `own`. */
export function logWith(own: Fields): Log {
  const at = (level: Level) => (message: string, fields?: object) => logAnything(level, message, fields, own);
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** Whose line it is: a part of an Origin. */
export type Whose = Pick<Origin, "id"> & Partial<Pick<Origin, "tenantId" | "traceId" | "observation">>;

/** The fields of lines about one invocation. The trace is that of whoever watches it, of the caller, or of X-Ray. */
export function linesOf({ id, tenantId, traceId, observation }: Whose): Fields {
  const named = traceId ?? process.env["_X_AMZN_TRACE_ID"];
  const root = /Root=([^;]+)/.exec(named ?? "")?.[1];
  return { requestId: id, tenantId, traceId: observation?.traceId ?? root ?? traceId };
}

/** For JSON.stringify: an error as Lambda's own lines have it, and no text or list that never ends. */
export function toLoggable(_key: string, value: unknown): unknown {
  if (value instanceof Error) {
    const { name, message, stack, cause } = value;
    return { errorType: name, errorMessage: message, stackTrace: stack && toLines(stack), cause };
  }
  if (Array.isArray(value) && value.length > MAX_ITEMS) {
    return [...value.slice(0, MAX_ITEMS), `... (${value.length} items)`];
  }
  return typeof value === "string" || typeof value === "bigint" ? toText(String(value)) : value;
}

/** A stack as Lambda's own lines have it. */
export const toLines = (stack: string): string[] => stack.split("\n");

/** Anything as text, of a length that a line can hold. */
export function toText(value: unknown): string {
  const text = typeof value === "string" ? value : inspectSafely(value);
  const { length } = text;
  return length > MAX_TEXT_LENGTH ? `${text.slice(0, MAX_TEXT_LENGTH)}... (${length} characters)` : text;
}

function inspectSafely(value: unknown): string {
  try {
    return inspect(value);
  } catch {
    return "(what cannot even be looked at)";
  }
}
