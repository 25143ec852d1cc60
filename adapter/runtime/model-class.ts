// Finds the model's class in its module. The build has refused shapes that cannot work, in more words; what only an
// instance shows is refused here.

import type { Deployment } from "./contracts.ts";
import { ColdframeError } from "./errors.ts";
import type { Model, ModelClass } from "./model.ts";

/**
 * The class under its configured name, or the default export.
 * @throws MODEL_NOT_EXPORTED
 */
export function findModelClass(
  module: Readonly<Record<string, unknown>>,
  deployment: Deployment,
): ModelClass {
  const { className } = deployment.settings;
  const found = module[className] ?? module["default"];
  if (typeof found === "function") return found as ModelClass;
  throw new ColdframeError(
    "MODEL_NOT_EXPORTED",
    `${deployment.modelFile} exports no class named "${className}".`,
  );
}

/** @throws MODEL_NO_PREDICT, MODEL_INVALID when an instance's members cannot work together */
export function checkInstance({ predict, postprocess }: Model, modelFile: string): void {
  if (typeof predict !== "function") {
    throw new ColdframeError("MODEL_NO_PREDICT", `${modelFile}: the model has no predict method.`);
  }
  if (postprocess && isGenerator(predict)) {
    throw new ColdframeError(
      "MODEL_INVALID",
      `${modelFile}: predict streams, and postprocess cannot take a stream.`,
    );
  }
}

/** Whether a function was written with `function*`, asynchronous or not. */
export function isGenerator(member: (...args: never) => unknown): boolean {
  return member.constructor.name.endsWith("GeneratorFunction");
}
