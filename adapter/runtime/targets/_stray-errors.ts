// Errors nobody awaited. During init they fail the init phase, with their own message; afterwards they are logged and
// the process, its loaded model and the other invocations live on. AWS's runtime client exits on the first one.

import { writeLog } from "../log.ts";
import type { ReadStack } from "../stack.ts";

const EVENTS = ["unhandledRejection", "uncaughtException"] as const;

// aws-lambda-ric 3 answers a stray error by exiting; its listeners are there before the artifact is loaded.
const runtimeClients = EVENTS.map((event) => [event, process.rawListeners(event)] as const);

/** Give stray errors to `onError` until the returned function is called. */
export function watchStrayErrors(onError: (error: unknown) => void): () => void {
  for (const event of EVENTS) process.on(event, onError);
  return () => {
    for (const event of EVENTS) process.off(event, onError);
  };
}

/**
 * Log stray errors from now on. Called at the first invocation and not before: the runtime client reports a failed init
 * by an unhandled rejection of its own.
 */
export function surviveStrayErrors(readStack: ReadStack): void {
  for (const [event, listeners] of runtimeClients) {
    for (const listener of listeners) process.off(event, listener as () => void);
  }
  watchStrayErrors((error) => {
    writeLog("error", "an error that nothing awaited; the invocation goes on", {
      code: "PREDICT_FAILED",
      stack: readStack(error),
    });
  });
}
