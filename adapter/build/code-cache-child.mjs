// Runs in a process of its own, on the function's Node version with the function's flags: evaluates bundle.cjs the way
// runtime/stub.mjs does, describes the model, and writes V8's code cache of all that was compiled on the
// way. Arguments: bundle.cjs, the file that `require` resolves from, a file with the project's folder and the inputs of
// its examples, where to write the result, where the cache.

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { constants, Script } from "node:vm";
import { readSchemaFacts } from "./schema-facts.mjs";

const [bundleFile = "", requireFrom = "", questionsFile = "", resultFile = "", cacheFile] =
  process.argv.slice(2);

const source = readFileSync(bundleFile, "latin1");
const script = new Script(`(function (exports, require, module, __filename, __dirname) {\n${source}\n})`, {
  // V8 writes the name into the cache. Relative to the working directory it is the same on every machine; the function
  // gives its own.
  filename: "bundle.cjs",
  lineOffset: -1,
  importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
});

/** @type {Record<string, unknown>} */
let result = {};
/** @type {{ exports: Record<string, any> }} */
const bundle = { exports: {} };
try {
  script.runInThisContext()(
    bundle.exports,
    createRequire(requireFrom),
    bundle,
    bundleFile,
    dirname(bundleFile),
  );
  await bundle.exports["deployment"].importModel();
} catch (thrown) {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  result = {
    thrown: {
      name: error.name,
      message: error.message,
      stack: error.stack?.replaceAll("bundle.cjs:", `${bundleFile}:`),
    },
  };
}
// Before the schemas are asked: what only that compiles would make every cold start read a larger cache.
if (cacheFile !== undefined) writeFileSync(cacheFile, script.createCachedData());
if (result["thrown"] === undefined) result = { facts: await readFacts(bundle.exports["deployment"]) };
writeFileSync(resultFile, JSON.stringify(result));
// A model may have started timers or opened sockets at its top level.
process.exit(0);

/**
 * @param {import("../runtime/contracts.ts").Deployment} deployment
 * @returns {Promise<import("./openapi.ts").ModelFacts>}
 */
async function readFacts({ importModel, settings }) {
  const { project, examples } = JSON.parse(readFileSync(questionsFile, "utf8"));
  const module = await importModel();
  const model = /** @type {any} */ (module[settings.className] ?? module["default"]);
  const methods = typeof model === "function" ? readMethods(model.prototype) : {};
  return {
    shape: {
      exports: Object.keys(module),
      kind: model === undefined ? undefined : kindOf(model),
      methods,
      fields: typeof model === "function" ? readFields(model) : [],
      schemas: Object.fromEntries(
        ["input", "output"]
          .filter((side) => model?.[side] !== undefined)
          .map((side) => [side, kindOf(model[side])]),
      ),
    },
    ...(await readSchemaFacts(model, examples, project)),
    streams: methods["predict"]?.isGenerator ?? false,
  };
}

/**
 * The methods of a class and its parents.
 * @param {any} prototype
 * @returns {Record<string, import("./model-shape.ts").MemberShape>}
 */
function readMethods(prototype) {
  if (!prototype || prototype === Object.prototype) return {};
  const own = Object.getOwnPropertyNames(prototype)
    .filter((name) => name !== "constructor")
    .map((name) => {
      const member = Object.getOwnPropertyDescriptor(prototype, name)?.value;
      const isGenerator =
        typeof member === "function" && member.constructor.name.endsWith("GeneratorFunction");
      return [name, { kind: kindOf(member), isGenerator }];
    });
  return { ...readMethods(Object.getPrototypeOf(prototype)), ...Object.fromEntries(own) };
}

/**
 * Names that a class or a parent of it assigns, as in `predict = async () => ...`; from its source, since only an
 * instance has them.
 * @param {any} model
 * @returns {string[]}
 */
function readFields(model) {
  if (typeof model !== "function" || model === Function.prototype) return [];
  const names = String(model).matchAll(
    /\b(predict|predictBatch|embeddingsBatch|postprocess|chatCompletions|completions|embeddings|responses|messages)\s*=[^=>]/g,
  );
  return [...Array.from(names, ([, name = ""]) => name), ...readFields(Object.getPrototypeOf(model))];
}

/** @param {any} value */
function kindOf(value) {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (value?.["~standard"] !== undefined) return "a Standard Schema";
  if (typeof value === "function") return isClass(value) ? "a class" : "a function";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** @param {Function} value */
function isClass(value) {
  return /^class\b/.test(String(value)) || Object.getOwnPropertyNames(value.prototype ?? {}).length > 1;
}
