// Errors nobody awaited. During init they fail the init phase, with their own message; afterwards they are logged and
// the process, its loaded model and the other invocations live on. AWS's runtime client exits on the first one.

import type { Artifact } from "../contracts.ts";

const EVENTS = ["unhandledRejection", "uncaughtException"] as const;

// aws-lambda-ric 3 answers a stray error by exiting; its listeners are there before the artifact is loaded.
const clientListeners = EVENTS.flatMap((event) =>
  process.rawListeners(event).map((listener) => [event, listener as () => void] as const),
);

/** Give stray errors to `onError` until the returned function is called. */
export function watchStrayErrors(onError: (error: unknown) => void): () => void {
  for (const event of EVENTS) process.on(event, onError);
  return () => {
    for (const event of EVENTS) process.off(event, onError);
  };
}

/**
 * Log stray errors from now on. Called when init went well and not before: the runtime client reports a failed init by
 * an unhandled rejection of its own.
 */
export function surviveStrayErrors(artifact: Artifact): void {
  watchStrayErrors((error) => {
    // Still the client's: it found no handler of that name in the artifact, and must end the process.
    if (error instanceof Error && error.name.startsWith("Runtime.")) throw error;
    artifact.late().reportStray(artifact, error);
  });
}

/** Called at the first invocation: until then aws-lambda-ric 3 reports its own init errors through its listeners. */
export function dropClientListeners(): void {
  // Spliced: the next invocation has none to drop.
  for (const [event, listener] of clientListeners.splice(0)) process.off(event, listener);
}
