// How an execution environment begins and ends: the init phase that the artifact awaits, and the shutdown.

import type { Cancellation } from "../call.ts";
import type { ColdStart } from "../cold-start.ts";
import type { Artifact } from "../contracts.ts";
import { ColdframeError } from "../errors.ts";
import { surviveStrayErrors, watchStrayErrors } from "./_stray-errors.ts";

/**
 * Wait until the init phase may end. A failure is told to the platform, which replaces the environment, with the
 * author's own stack and the way out.
 */
export async function initPhase({ initialised }: ColdStart, artifact: Artifact): Promise<void> {
  let unwatch = () => {};
  try {
    await new Promise((resolve, reject) => {
      unwatch = watchStrayErrors(reject);
      initialised.then(resolve, reject);
    });
  } catch (thrown) {
    const error =
      thrown instanceof ColdframeError
        ? thrown
        : new ColdframeError("MODEL_LOAD_FAILED", `nothing awaited an error while loading: ${thrown}`);
    const { platformError, readStack } = artifact.late();
    throw platformError(error, readStack(artifact, error.cause ?? thrown));
  } finally {
    unwatch();
  }
  // Not from the first invocation: a load that goes on after init, or a timer that was frozen, may be sooner.
  surviveStrayErrors(artifact);
}

/**
 * On SIGTERM, cancel what runs and unload the model, as far as time allows: Lambda sends it only when an extension is
 * registered, and leaves half a second.
 */
export function unloadOnShutdown(start: ColdStart, active: ReadonlySet<Cancellation>): void {
  process.once("SIGTERM", async () => {
    const reason = new ColdframeError("CANCELLED", "shutting down.");
    for (const cancellation of active) cancellation.cancel(reason);
    try {
      await start.model?.instance.unload?.();
    } finally {
      // process.exit hangs while the runtime client's native poll is outstanding.
      process.kill(process.pid, "SIGKILL");
    }
  });
}
