// Checks values against a Standard Schema, whichever library wrote it. Source: standardschema.dev, version 1.

import type { StandardSchemaV1 } from "@standard-schema/spec";
import { ColdframeError } from "./errors.ts";

/**
 * What the schema makes of `value`: defaults filled in, unknown keys kept or dropped as it decides.
 * @throws INPUT_INVALID with what is wrong; OUTPUT_INVALID, which tells it to the log alone
 */
export async function validate(
  schema: StandardSchemaV1,
  value: unknown,
  side: "input" | "output",
): Promise<unknown> {
  const result = await schema["~standard"].validate(value);
  if (!result.issues) return result.value;
  const issues = result.issues.map(({ path, message }) => ({ path: formatPath(path), message }));
  if (side === "output") {
    throw new ColdframeError("OUTPUT_INVALID", "the output does not fit the model's schema.", {
      cause: issues,
    });
  }
  const problems = issues.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join("; ");
  throw new ColdframeError("INPUT_INVALID", `the input does not fit the model's schema: ${problems}.`, {
    issues,
  });
}

function formatPath(path: StandardSchemaV1.Issue["path"] = []): string {
  let text = "";
  for (const segment of path) {
    const key = typeof segment === "object" ? segment.key : segment;
    text += typeof key === "number" ? `[${key}]` : `${text && "."}${String(key)}`;
  }
  return text;
}
