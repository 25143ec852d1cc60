// What only an instance of the model's class shows, such as methods that are fields. All else about its shape was
// refused by the build, in more words.

import { ColdframeError } from "./errors.ts";
import type { Model, VendorMember } from "./model.ts";

/** The members that the clients of OpenAI and Anthropic call. A model without `predict` has at least one. */
export const VENDOR_MEMBERS: readonly VendorMember[] = [
  "chatCompletions",
  "completions",
  "embeddings",
  "responses",
  "messages",
];

/** @throws MODEL_NO_PREDICT, MODEL_INVALID when an instance's members cannot work together */
export function checkInstance(instance: Model, modelFile: string): void {
  const { predict, postprocess } = instance;
  if (typeof predict !== "function" && !VENDOR_MEMBERS.some((name) => instance[name])) {
    throw new ColdframeError("MODEL_NO_PREDICT", `${modelFile}: no predict method.`);
  }
  if (postprocess && predict?.constructor.name.endsWith("GeneratorFunction")) {
    throw new ColdframeError("MODEL_INVALID", `${modelFile}: postprocess cannot take a stream.`);
  }
}
