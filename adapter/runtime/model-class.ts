// What only an instance of the model's class shows, such as methods that are fields. All else about its shape was
// refused by the build, in more words.

import { ColdframeError } from "./errors.ts";
import type { Model } from "./model.ts";

/** @throws MODEL_NO_PREDICT, MODEL_INVALID when an instance's members cannot work together */
export function checkInstance({ predict, postprocess }: Model, modelFile: string): void {
  if (typeof predict !== "function") {
    throw new ColdframeError("MODEL_NO_PREDICT", `${modelFile}: no predict method.`);
  }
  if (postprocess && predict.constructor.name.endsWith("GeneratorFunction")) {
    throw new ColdframeError("MODEL_INVALID", `${modelFile}: postprocess cannot take a stream.`);
  }
}
