// Checks values against a Standard Schema, whichever library wrote it. Source: standardschema.dev, version 1.

import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Issue } from "./errors.ts";

export type Checked = { readonly value: unknown } | { readonly issues: readonly Issue[] };

/** Check `value`; the result holds what the schema made of it, with defaults filled in and unknown keys as it decides. */
export function check(schema: StandardSchemaV1, value: unknown): Checked | Promise<Checked> {
  const result = schema["~standard"].validate(value);
  return result instanceof Promise ? result.then(toChecked) : toChecked(result);
}

/** Whether something is a Standard Schema. */
export function isSchema(value: unknown): value is StandardSchemaV1 {
  return (typeof value === "object" || typeof value === "function") && value !== null && "~standard" in value;
}

/**
 * The JSON Schema of one side of a Standard Schema, or undefined when its library does not offer one.
 * Source: standardschema.dev/json-schema.
 */
export function toJsonSchema(schema: StandardSchemaV1 | undefined, side: "input" | "output"): unknown {
  const standard = schema?.["~standard"] as
    | { jsonSchema?: Record<typeof side, (options: { target: string }) => unknown> }
    | undefined;
  try {
    return standard?.jsonSchema?.[side]({ target: "draft-2020-12" });
  } catch {
    // A schema may hold what JSON Schema cannot say, such as a transform.
    return undefined;
  }
}

function toChecked(result: StandardSchemaV1.Result<unknown>): Checked {
  if (result.issues === undefined) return { value: result.value };
  return { issues: result.issues.map(({ path, message }) => ({ path: formatPath(path), message })) };
}

function formatPath(path: StandardSchemaV1.Issue["path"]): string {
  let text = "";
  for (const segment of path ?? []) {
    const key = typeof segment === "object" ? segment.key : segment;
    text += typeof key === "number" ? `[${key}]` : text === "" ? String(key) : `.${String(key)}`;
  }
  return text;
}
