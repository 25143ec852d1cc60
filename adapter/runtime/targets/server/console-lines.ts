// What a model says through `console` on a server, as lines of the log under the id of the call it was said in, of which
// there may be many at the same time. On Lambda AWS's client does the same, in the format that LoggingConfig asks for.

import { AsyncLocalStorage } from "node:async_hooks";
import { format } from "node:util";
import type { Origin } from "../../call.ts";
import type { Level } from "../../log.ts";
import { linesOf, logAnything, toLoggable } from "../../observe/log-anything.ts";

const LEVELS: Readonly<Record<string, Level>> = {
  debug: "debug",
  trace: "debug",
  log: "info",
  info: "info",
  warn: "warn",
  error: "error",
};

const calls = new AsyncLocalStorage<Origin>();

/** Whether the model may say something: an asynchronous context costs a call that says nothing a sixth of its time. */
let isTalkative = true;

/** Run what answers a call, so that its lines are told apart. */
export const inCall = <T>(origin: Origin, run: () => T): T => (isTalkative ? calls.run(origin, run) : run());

/**
 * The model is loaded. One whose class says nothing of the console is taken to be silent until a file or a package that
 * it uses is not: of that, only the very first lines go without the id of their call.
 */
export function listenTo(instance: object): void {
  isTalkative = /\bconsole\b/.test(String(instance.constructor));
}

/** Make lines of what is said through the global console, from now on. */
export function logConsole(): void {
  for (const [method, level] of Object.entries(LEVELS)) {
    console[method as "log"] = (...said: unknown[]) => {
      isTalkative = true;
      const origin = calls.getStore();
      const error = said.find((value) => value instanceof Error);
      const fields = error && toLoggable("", error);
      // A stack is in its own field.
      const [first, ...rest] = said.map((value) => (value === error ? `${error}` : value));
      logAnything(level, format(first, ...rest), fields, origin && linesOf(origin));
    };
  }
}
