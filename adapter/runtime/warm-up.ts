// The answer to a ping that keeps an environment warm: not before the model is loaded, for an environment that has
// answered is frozen, with its download half done; and never from the model. Late code; targets/_ping.ts knows pings.

import type { Origin } from "./call.ts";
import { failedError } from "./failure.ts";
import { jsonReply } from "./reply.ts";
import type { Environment } from "./routes.ts";
import type { Receiver } from "./targets/_receiver.ts";

/** What pings that are sent together need to reach an environment each. */
const HOLD_MS = 75;

/** Takes pings, whatever the deployment's event sources are. */
export function warmUp({ artifact, start }: Environment): Receiver {
  async function buffered(_event: unknown, origin: Origin) {
    await start.wait(origin.cancellation).catch((error) => {
      throw failedError(error, origin, artifact);
    });
    await new Promise((resolve) => setTimeout(resolve, HOLD_MS));
    return { warm: true };
  }
  return {
    name: "warm-up",
    matches: () => true,
    buffered,
    streamed: async (event, origin) => ({
      head: "application/json",
      reply: jsonReply(200, await buffered(event, origin)),
    }),
  };
}
