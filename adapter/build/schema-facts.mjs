// What the schemas of a model say of themselves: their JSON Schemas, and what they make of the project's examples. Runs
// in code-cache-child.mjs, on the finished bundle. Source: standardschema.dev/json-schema, version 1.1.

import { createRequire } from "node:module";
import { join } from "node:path";

const TARGET = "draft-2020-12";

/** The option of each library that leaves open what JSON Schema cannot say, in place of throwing. */
const LENIENT = {
  zod: { unrepresentable: "any" },
  valibot: { errorMode: "ignore" },
  arktype: { fallback: (/** @type {{ base: unknown }} */ { base }) => base },
};

/** What to do about a library that cannot say its JSON Schema. */
const WAYS_OUT = {
  zod: "Update zod to 4.2 or later.",
  valibot: "Run `npm install --save-dev @valibot/to-json-schema`.",
  arktype: "Update arktype to 2.1.28 or later.",
};

/**
 * @param {any} model a class, or whatever was exported in its place
 * @param {readonly unknown[]} examples inputs
 * @param {string} project where packages are looked for that only speak for a schema
 * @returns {Promise<import("./openapi.ts").SchemaFacts>}
 */
export async function readSchemaFacts(model, examples, project) {
  /** @type {string[]} */
  const notes = [];
  const schema = model?.input;
  return {
    input: toJsonSchema(spokenFor(schema, project), "input", notes),
    output: toJsonSchema(spokenFor(model?.output, project), "output", notes),
    notes,
    takesNothing: schema === undefined ? undefined : (await issuesOf(schema, undefined)).length === 0,
    examples: await Promise.all(examples.map((input) => issuesOf(schema, input))),
  };
}

/**
 * valibot's schemas cannot say what they are, and a package of its own says it for them: nothing of it has to be in the
 * model.
 * @param {any} schema
 * @param {string} project
 */
function spokenFor(schema, project) {
  if (schema?.["~standard"]?.vendor !== "valibot" || schema["~standard"].jsonSchema) return schema;
  try {
    const require = createRequire(join(project, "package.json"));
    return require("@valibot/to-json-schema").toStandardJsonSchema(schema);
  } catch {
    return schema;
  }
}

/**
 * @param {any} schema
 * @param {"input" | "output"} side
 * @param {string[]} notes
 */
function toJsonSchema(schema, side, notes) {
  const standard = schema?.["~standard"];
  if (standard === undefined) return null;
  const vendor = /** @type {keyof typeof LENIENT} */ (standard.vendor);
  const open = "/schema and /openapi.json leave";
  if (standard.jsonSchema === undefined) {
    const wayOut = WAYS_OUT[vendor] ?? "Its library's pages say how to make it a Standard JSON Schema.";
    notes.push(
      `static ${side}: this ${vendor} schema cannot say its JSON Schema; ${open} it open. ${wayOut}`,
    );
    return null;
  }
  const ask = (/** @type {object} */ options) => standard.jsonSchema[side]({ target: TARGET, ...options });
  try {
    return ask({});
  } catch (strict) {
    const reason = /** @type {Error} */ (strict).message?.replace(/\.$/, "");
    try {
      const said = ask({ libraryOptions: LENIENT[vendor] });
      notes.push(`static ${side}: ${reason}; ${open} that part open. Say it with a type that JSON has.`);
      return said;
    } catch {
      notes.push(`static ${side}: ${reason}; ${open} it open. Say it with types that JSON has.`);
      return null;
    }
  }
}

/**
 * @param {any} schema
 * @param {unknown} value
 * @returns {Promise<import("./openapi.ts").ExampleIssue[]>}
 */
async function issuesOf(schema, value) {
  if (schema?.["~standard"] === undefined) return [];
  try {
    const { issues = [] } = await schema["~standard"].validate(value);
    return issues.map((/** @type {any} */ { path = [], message }) => ({
      path: path.map((/** @type {any} */ step) => (typeof step === "object" ? step.key : step)),
      message,
    }));
  } catch (error) {
    return [{ path: [], message: `the schema threw ${error}` }];
  }
}
