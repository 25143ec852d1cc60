// Finds the model's class in its module and refuses shapes that cannot work, with file, member and the way out. Run by
// the build and again at the cold start, where the instance is known.

import type { Deployment } from "./contracts.ts";
import { ColdframeError } from "./errors.ts";
import type { Model, ModelClass } from "./model.ts";
import { isSchema } from "./schema.ts";

const METHODS = [
  "setupEnvironment",
  "load",
  "preprocess",
  "predict",
  "postprocess",
  "isHealthy",
  "unload",
] as const;

/** Import the model's module and check its class, without constructing it. @throws MODEL_* */
export async function inspectModel(deployment: Deployment): Promise<void> {
  const Model = findModelClass(await deployment.importModel(), deployment);
  checkMembers(Model.prototype as Model, Model, deployment.modelFile);
}

/**
 * The class under its configured name, or the default export.
 * @throws MODEL_NOT_EXPORTED naming what the module exports instead; MODEL_INVALID for a schema that is none
 */
export function findModelClass(
  module: Readonly<Record<string, unknown>>,
  deployment: Deployment,
): ModelClass {
  const { modelFile } = deployment;
  const { className } = deployment.settings;
  const found = module[className] ?? module["default"];
  if (typeof found !== "function" || !isClass(found)) {
    const names = Object.keys(module);
    const what =
      found === undefined
        ? `exports ${names.length === 0 ? "nothing" : names.map((name) => `"${name}"`).join(", ")}`
        : `exports ${describe(found)}`;
    throw new ColdframeError(
      "MODEL_NOT_EXPORTED",
      `${modelFile} ${what}, and no class named "${className}".`,
      {
        fix: `Write \`export default class ${className} { predict(input) { ... } }\`.`,
      },
    );
  }
  const Model = found as ModelClass;
  for (const side of ["input", "output"] as const) {
    if (Model[side] !== undefined && !isSchema(Model[side])) {
      throw invalid(modelFile, `static ${side} is ${describe(Model[side])}, not a Standard Schema`, {
        fix: "Use a schema of zod, valibot, arktype or another library of standardschema.dev.",
      });
    }
  }
  return Model;
}

/**
 * Refuse members that cannot work together.
 * @param model the instance, or the prototype when there is none yet: then fields such as `predict = async () => ...`
 *   cannot be seen, and a class whose source mentions one is let through
 * @throws MODEL_NO_PREDICT, MODEL_INVALID
 */
export function checkMembers(model: Model, Model: ModelClass, modelFile: string): void {
  const members = model as unknown as Record<string, unknown>;
  const isPrototype = model === (Model.prototype as Model);
  if (members["predict"] === undefined && !(isPrototype && hasField(Model, "predict"))) {
    const has = methodNames(Model);
    throw new ColdframeError("MODEL_NO_PREDICT", `${modelFile}: the class has no predict method${has}.`, {
      fix: "Add `predict(input, invocation)`; it may return a value or yield to stream.",
    });
  }
  for (const name of METHODS) {
    const member = members[name];
    if (member !== undefined && typeof member !== "function") {
      throw invalid(modelFile, `${name} is ${describe(member)}, not a method`);
    }
    if (name !== "predict" && isGenerator(member)) {
      throw invalid(modelFile, `${name} is a generator`, {
        fix: "Only predict may yield; make it async and return.",
      });
    }
  }
  if (isGenerator(members["predict"]) && members["postprocess"] !== undefined) {
    throw invalid(modelFile, "predict streams, and postprocess would get a stream it cannot change", {
      fix: "Move postprocess into predict, before each `yield`.",
    });
  }
}

function invalid(modelFile: string, what: string, options?: { fix: string }): ColdframeError {
  return new ColdframeError("MODEL_INVALID", `${modelFile}: ${what}.`, options);
}

function isClass(value: object): boolean {
  return (
    /^class\b/.test(Function.prototype.toString.call(value)) ||
    (value as ModelClass).prototype?.predict !== undefined
  );
}

function isGenerator(member: unknown): boolean {
  return typeof member === "function" && member.constructor.name.endsWith("GeneratorFunction");
}

function hasField(Model: ModelClass, name: string): boolean {
  const parent = Object.getPrototypeOf(Model) as unknown;
  const source = Function.prototype.toString.call(Model);
  return (
    new RegExp(`\\b${name}\\s*=`).test(source) ||
    (typeof parent === "function" && /\bclass\b/.test(String(parent)) && hasField(parent as ModelClass, name))
  );
}

function methodNames(Model: ModelClass): string {
  const names = Object.getOwnPropertyNames(Model.prototype).filter((name) => name !== "constructor");
  return names.length === 0 ? "" : `, only ${names.join(", ")}`;
}

function describe(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "function") return "a function";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
