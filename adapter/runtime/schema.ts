// Checks values against a Standard Schema, whichever library wrote it. Source: standardschema.dev, version 1.

import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { ColdframeError, Issue } from "./errors.ts";

/**
 * What the schema makes of `value`: defaults filled in, unknown keys kept or dropped as it decides.
 * @param toError gets what is wrong; its error is thrown
 */
export async function validate(
  schema: StandardSchemaV1,
  value: unknown,
  toError: (issues: readonly Issue[]) => ColdframeError,
): Promise<unknown> {
  const result = await schema["~standard"].validate(value);
  if (result.issues)
    throw toError(result.issues.map(({ path, message }) => ({ path: formatPath(path), message })));
  return result.value;
}

function formatPath(path: StandardSchemaV1.Issue["path"] = []): string {
  let text = "";
  for (const segment of path) {
    const key = typeof segment === "object" ? segment.key : segment;
    text += typeof key === "number" ? `[${key}]` : `${text && "."}${String(key)}`;
  }
  return text;
}
