// How an execution environment begins and ends: the init phase that the artifact awaits, and the shutdown.

import type { Cancellation } from "../call.ts";
import type { ColdStart } from "../cold-start.ts";
import { ColdframeError } from "../errors.ts";
import type { ReadStack } from "../stack.ts";
import { watchStrayErrors } from "./_stray-errors.ts";

/**
 * Wait until the init phase may end. A failure is told to the platform, which replaces the environment, with the
 * author's own stack and the way out.
 */
export async function initPhase(start: ColdStart, readStack: ReadStack): Promise<void> {
  const unwatch = watchStrayErrors(start.fail);
  try {
    await start.initialised;
  } catch (thrown) {
    const { code, sentence, cause } = toInitError(thrown);
    const error = new ColdframeError(code, sentence);
    error.stack = `${error.name}: ${error.message}\n${readStack(cause ?? thrown)}`;
    throw error;
  } finally {
    unwatch();
  }
}

function toInitError(thrown: unknown): ColdframeError {
  if (thrown instanceof ColdframeError) return thrown;
  const reason = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  return new ColdframeError("MODEL_LOAD_FAILED", `an error that nothing awaited, while loading: ${reason}`, {
    cause: thrown,
  });
}

/**
 * On SIGTERM, cancel what runs and unload the model, as far as time allows: Lambda sends it only when an extension is
 * registered, and leaves half a second.
 */
export function unloadOnShutdown(start: ColdStart, active: ReadonlySet<Cancellation>): void {
  process.once("SIGTERM", async () => {
    for (const cancellation of active)
      cancellation.cancel(new ColdframeError("CANCELLED", "the function is shutting down."));
    try {
      await start.model?.instance.unload?.();
    } finally {
      // process.exit hangs while the runtime client's native poll is outstanding.
      process.kill(process.pid, "SIGKILL");
    }
  });
}
