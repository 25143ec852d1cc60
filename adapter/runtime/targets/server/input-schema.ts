// What the schema of the model's input says of its keys: whether a key is the model's own, or part of an envelope of some
// platform. Asked of schema.json, which the build made, so that no body is validated twice.

import { readFileSync } from "node:fs";

export interface InputSchema {
  /** Whether there is one, and it could be said as JSON Schema. */
  readonly isKnown: boolean;
  /** Whether the model's input may have a key of this name. Without a schema nobody knows. */
  has(key: string): boolean;
}

/** @param folder of the artifact */
export function readInputSchema(folder: string): InputSchema {
  let schema: unknown;
  try {
    schema = (JSON.parse(readFileSync(`${folder}/schema.json`, "utf8")) as { input_schema: unknown })
      .input_schema;
  } catch {
    // The build made none.
  }
  const keys = new Set<string>();
  collect(schema, keys);
  return { isKnown: typeof schema === "object" && schema !== null, has: (key) => keys.has(key) };
}

/** Where a schema has others that the same value is held against. */
const APPLICATORS = ["anyOf", "oneOf", "allOf", "$defs"];

function collect(schema: unknown, keys: Set<string>): void {
  if (typeof schema !== "object" || !schema) return;
  const { properties, ...rest } = schema as Record<string, unknown>;
  for (const key of Object.keys((properties as object | undefined) ?? {})) keys.add(key);
  for (const name of APPLICATORS) {
    for (const part of Object.values((rest[name] as object | undefined) ?? {})) collect(part, keys);
  }
}
