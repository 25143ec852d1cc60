// What a model says of its own health. Late code: a call of the model asks for none.

import type { Origin, Reply } from "./call.ts";
import { ColdframeError } from "./errors.ts";
import type { Model } from "./model.ts";
import { jsonReply } from "./reply.ts";

/** The answer that a model is ready. @throws MODEL_UNHEALTHY */
export async function readyReply(instance: Model, { cancellation }: Origin): Promise<Reply> {
  let cause: unknown;
  try {
    // A check that hangs is no answer, and must not outlast the invocation.
    if (!instance.isHealthy || (await cancellation.race(instance.isHealthy())))
      return jsonReply(200, { status: "ready" });
  } catch (error) {
    cause = error;
  }
  throw new ColdframeError("MODEL_UNHEALTHY", "isHealthy() said no.", { cause });
}
