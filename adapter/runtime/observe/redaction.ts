// Values that nobody may read, taken out of whatever this process says: what it prints, whoever prints it, and the
// sentences of our own errors, which callers read. The model's answers are its own. In no bundle without secrets, but
// for that of a server or of traces.

import { format, inspect } from "node:util";
import { setCensor } from "../errors.ts";

/** What stands in place of a secret; what JSON of `context.secrets` shows, too. */
export const REDACTED = "[secret]";

/** A shorter value is a word that other things are called by: hiding it would spoil lines and hide nothing. */
const MIN_LENGTH = 8;

/** JSON in a text of an object in a line of JSON. */
const SHOWN_IN_SHOWN = 3;

const values = new Set<string>();

/** Every form of every value. */
let forms: readonly string[] = [];

/** From now on, `value` is said nowhere. @returns the value */
export function hide(value: string): string {
  if (value.length < MIN_LENGTH || values.has(value)) return value;
  if (values.size === 0) guard();
  values.add(value);
  // A key of several lines is shown line by line as often as whole.
  const parts = [value, ...value.split(/\r?\n/).filter(({ length }) => length >= MIN_LENGTH)];
  // The longest first: a secret may be the beginning of another.
  forms = [...new Set([...forms, ...parts.flatMap(formsOf)])].sort((a, b) => b.length - a.length);
  return value;
}

/** A text as it is shown: in an address, and by JSON or util.inspect, which may well show what the other has shown. */
function formsOf(part: string): string[] {
  const known = new Set([part, encodeURIComponent(part.toWellFormed())]);
  for (let round = 0; round < SHOWN_IN_SHOWN; round++) {
    for (const form of [...known]) {
      known.add(JSON.stringify(form).slice(1, -1));
      known.add(inspect(form, { maxStringLength: null }).slice(1, -1));
    }
  }
  return [...known];
}

/** A text without secrets; the same text when it has none. */
export function redact(text: string): string {
  let shown = text;
  for (const form of forms) if (shown.includes(form)) shown = shown.replaceAll(form, REDACTED);
  return shown;
}

function guard(): void {
  for (const stream of [process.stdout, process.stderr]) {
    const write = stream.write as (...all: unknown[]) => boolean;
    stream.write = (chunk: string | Uint8Array, ...rest: unknown[]) =>
      write.call(stream, redactChunk(chunk), ...rest);
  }
  // Lambda's own client writes what the console says to a file descriptor of its own.
  for (const name of ["debug", "error", "info", "log", "trace", "warn", "fatal"] as const) {
    const say = console[name as "log"] as typeof console.log | undefined;
    if (!say) continue;
    console[name as "log"] = (...all: unknown[]) => {
      const text = format(...all);
      const shown = redact(text);
      if (shown === text) say.apply(console, all);
      else say.call(console, shown);
    };
  }
  setCensor((error) => {
    const { message, fix, issues, stack } = error;
    Object.assign(error, {
      message: redact(message),
      fix: fix && redact(fix),
      issues: issues?.map(({ path, message: problem }) => ({ path: redact(path), message: redact(problem) })),
      stack: stack && redact(stack),
    });
  });
}

function redactChunk(chunk: string | Uint8Array): string | Uint8Array {
  if (typeof chunk === "string") return redact(chunk);
  if (!(chunk instanceof Uint8Array)) return chunk;
  const text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString();
  const shown = redact(text);
  return shown === text ? chunk : shown;
}
