// An input that the project itself gives as an example, for the lines that a person may paste: the first one of
// `examples_filename`, else `model_metadata.example_model_input`, both in Truss's places.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { readConfig } from "../build/config.ts";

/** JSON; `undefined` when the project has none or cannot be read. */
export function exampleInput(project: string): string | undefined {
  try {
    const { config } = readConfig(project);
    const file = join(project, config.examples_filename);
    const written: unknown = existsSync(file) ? parse(readFileSync(file, "utf8")) : undefined;
    const first: unknown = Array.isArray(written) ? written[0] : undefined;
    const named = typeof first === "object" && first !== null && "input" in first ? first.input : first;
    const example =
      named ?? (config.model_metadata as Record<string, unknown> | undefined)?.["example_model_input"];
    return example === undefined ? undefined : JSON.stringify(example);
  } catch {
    return undefined;
  }
}

/** Quoted for a POSIX shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
