// Turns what zod and the YAML parser found into sentences with a place: `config.yaml:12: serverless.memory: found 64,
// allowed 128 to 10240 MB`. Every problem of a file is told at once. What is legal is config-schema.ts.

import leven from "leven";
import type { Document, LineCounter } from "yaml";
import type { z } from "zod";
import { ColdframeError } from "../runtime/errors.ts";
import { descriptionOf, dotted, keyRule, lineOf, schemaAt, shapeOf, valueAt } from "./schema-path.ts";
import { TRUSS_KEYS } from "./truss-keys.ts";

/** One refusal. `unknown` marks a key that exists nowhere. */
export interface Problem {
  readonly path: readonly PropertyKey[];
  readonly sentence: string;
  readonly unknown?: true;
}

/**
 * All problems as one error, in the order of the file.
 * @returns CONFIG_UNKNOWN_KEY when every problem is an unknown key, CONFIG_INVALID otherwise
 */
export function configError(
  problems: readonly Problem[],
  document: Document,
  lines: LineCounter,
): ColdframeError {
  const placed = problems
    .map((problem) => ({ ...problem, line: lineOf(problem.path, document, lines) }))
    .toSorted((a, b) => a.line - b.line);
  const issues = placed.map(({ path, sentence }) => ({
    path: dotted(path),
    message: `${placeOf(path, document, lines)}: ${sentence}`,
  }));
  const code = problems.every((problem) => problem.unknown) ? "CONFIG_UNKNOWN_KEY" : "CONFIG_INVALID";
  const message =
    issues.length === 1 && issues[0] !== undefined
      ? issues[0].message
      : `config.yaml has ${issues.length} problems:\n${issues.map((issue) => `  ${issue.message}`).join("\n")}`;
  return new ColdframeError(code, message, { issues });
}

/** `config.yaml:12: serverless.memory`, the beginning of a sentence about a key. */
export function placeOf(path: readonly PropertyKey[], document: Document, lines: LineCounter): string {
  const place = `config.yaml:${lineOf(path, document, lines)}`;
  return path.length === 0 ? place : `${place}: ${dotted(path)}`;
}

/** Zod's issues as problems: one per place, unknown keys one each. */
export function toProblems(error: z.ZodError, schema: z.core.$ZodType, value: unknown): Problem[] {
  const problems = new Map<string, Problem>();
  for (const issue of error.issues) {
    const found =
      issue.code === "unrecognized_keys" ? unknownKeys(issue, schema) : [refused(issue, schema, value)];
    for (const problem of found)
      if (!problems.has(dotted(problem.path))) problems.set(dotted(problem.path), problem);
  }
  return [...problems.values()];
}

function unknownKeys(issue: z.core.$ZodIssueUnrecognizedKeys, schema: z.core.$ZodType): Problem[] {
  const valid = Object.keys(shapeOf(schemaAt(schema, issue.path)) ?? {});
  return issue.keys.map((key) => {
    const path = [...issue.path, key];
    const instead = TRUSS_KEYS.get(dotted(path));
    if (instead !== undefined) return { path, sentence: instead };
    const nearest = nearestOf(key, valid) ?? elsewhere(key, schema);
    const meant = nearest === undefined ? "" : `, did you mean ${nearest}?`;
    return { path, sentence: `unknown key${meant || "."} Valid here: ${valid.join(", ")}.`, unknown: true };
  });
}

/** A valid key of another section with this name: `timeout` belongs in `serverless.timeout`. */
function elsewhere(key: string, schema: z.core.$ZodType, above: readonly string[] = []): string | undefined {
  for (const [name, child] of Object.entries(shapeOf(schema) ?? {})) {
    if (above.length > 0 && name === key) return [...above, name].join(".");
    const inside = elsewhere(key, child, [...above, name]);
    if (inside !== undefined) return inside;
  }
  return undefined;
}

function refused(issue: z.core.$ZodIssue, schema: z.core.$ZodType, value: unknown): Problem {
  const path = issue.code === "invalid_key" ? issue.path.slice(0, -1) : issue.path;
  if (issue.code === "invalid_key") {
    const key = issue.path.at(-1);
    return {
      path: issue.path,
      sentence: `found the name ${JSON.stringify(key)}, allowed ${keyRule(schemaAt(schema, path))}`,
    };
  }
  const found = valueAt(value, path);
  const allowed = describeAllowed(schema, path, issue);
  const options = "values" in issue ? issue.values.map(String) : [];
  const nearest = typeof found === "string" ? nearestOf(found, options) : undefined;
  const meant = nearest === undefined ? "" : `; did you mean ${nearest}?`;
  // A refused secret is still a secret.
  const shown =
    path[0] === "secrets" && path.length > 1 ? kindOf(found) : show(found, issue.code === "invalid_type");
  return { path, sentence: `found ${shown}, allowed ${allowed}${meant}` };
}

function describeAllowed(
  schema: z.core.$ZodType,
  path: readonly PropertyKey[],
  issue: z.core.$ZodIssue,
): string {
  for (let length = path.length; length >= 0; length--) {
    const described = descriptionOf(schemaAt(schema, path.slice(0, length)));
    if (described !== undefined) return described;
    if (length === path.length && "values" in issue) return issue.values.map(String).join(" or ");
  }
  return issue.message;
}

/** The nearest of `names`, if it is near enough to be what was meant. */
export function nearestOf(word: string, names: readonly string[]): string | undefined {
  const limit = Math.max(2, Math.floor(word.length / 3));
  const plain = (text: string) => text.toLowerCase().replaceAll("-", "_");
  const [best] = names
    .map((name) => ({ name, distance: leven(plain(word), plain(name)) }))
    .toSorted((a, b) => a.distance - b.distance);
  return best !== undefined && best.distance <= limit ? best.name : undefined;
}

function show(found: unknown, wrongType: boolean): string {
  if (found === undefined) return "nothing";
  if (found === null || typeof found === "number") return String(found);
  if (Array.isArray(found) && found.length > 0 && !wrongType) return `[${found.map(String).join(", ")}]`;
  if (typeof found === "object") return kindOf(found);
  // What stands before the host of an address is a name and a password.
  return `${JSON.stringify(found).replace(/\/\/[^/"]*@/, "//")}${wrongType ? ` (${kindOf(found)})` : ""}`;
}

function kindOf(found: unknown): string {
  if (found === null || found === undefined) return "nothing";
  if (Array.isArray(found)) return found.length === 0 ? "an empty list" : "a list";
  return (
    { string: "a text", number: "a number", boolean: "a boolean" }[typeof found as string] ?? "a mapping"
  );
}
