// What every call of predict begins with, in whichever envelope its input comes.

import type { Call } from "../../call.ts";
import type { ReadyModel } from "../../cold-start.ts";
import type { Environment } from "../../routes.ts";

/**
 * The model, and all of the call's body has arrived: in this order, so that nobody uploads to a model that is not there.
 * @throws MODEL_NOT_READY, MODEL_LOAD_FAILED, ROUTE_NOT_FOUND without predict, INPUT_TOO_LARGE
 */
export async function calledModel(call: Call, { artifact, start }: Environment): Promise<ReadyModel> {
  const model = start.model ?? (await start.wait(call.origin.cancellation));
  if (!model.instance.predict) throw artifact.late().missingMember(model.instance, "predict");
  await call.arrived?.();
  return model;
}
