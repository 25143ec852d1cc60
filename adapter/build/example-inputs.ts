// The inputs that a project gives as examples: the list of {name, input} in `examples_filename`, else the one in
// `model_metadata.example_model_input`. Both places are Truss's. Whether they fit the model's schema is found out where
// the model is loaded, by schema-facts.mjs.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Document, isMap, isScalar, LineCounter, parseDocument } from "yaml";
import { ColdframeError } from "../runtime/errors.ts";
import type { LoadedConfig } from "./config.ts";
import type { ExampleIssue } from "./openapi.ts";
import { dotted, lineOf } from "./schema-path.ts";

export interface Example {
  readonly name: string;
  /** Anything JSON can say. */
  readonly input: unknown;
  /** `examples.yaml:3`, the beginning of a sentence about it. */
  readonly place: string;
}

/** In the order of the file; none when there is no file. @throws CONFIG_INVALID with every problem of the file */
export function readExamples({ project, config }: Pick<LoadedConfig, "project" | "config">): Example[] {
  const name = config.examples_filename;
  const file = join(project, name);
  if (!existsSync(file)) return ofMetadata(config.model_metadata["example_model_input"]);
  const lines = new LineCounter();
  const document = parseDocument(readFileSync(file, "utf8"), { lineCounter: lines, prettyErrors: false });
  const syntax = document.errors.map(({ pos, message }) => ({
    path: "",
    message: `${name}:${lines.linePos(pos[0]).line}: ${message}`,
  }));
  if (syntax.length > 0) throw invalid(syntax);
  return read(document, lines, name);
}

/** Those that fit the schema. @param issues of each, in the same order */
export function fitting(
  examples: readonly Example[],
  issues: readonly (readonly ExampleIssue[])[],
): Example[] {
  return examples.filter((_example, i) => !issues[i]?.length);
}

/** One sentence for each example that does not fit the schema. */
export function exampleWarnings(
  examples: readonly Example[],
  issues: readonly (readonly ExampleIssue[])[],
): string[] {
  return examples.flatMap(({ name, place }, i) => {
    const found = issues[i] ?? [];
    if (found.length === 0) return [];
    const said = found.map(({ path, message }) => `${dotted(["input", ...path])}: ${message}`).join("; ");
    return [`${place}: the example "${name}" does not fit static input, and is left out: ${said}.`];
  });
}

function ofMetadata(input: unknown): Example[] {
  if (input === undefined) return [];
  return [{ name: "example", input, place: "config.yaml: model_metadata.example_model_input" }];
}

function read(document: Document, lines: LineCounter, file: string): Example[] {
  const written: unknown = document.toJS() ?? [];
  const problems: { path: string; message: string }[] = [];
  const refuse = (path: readonly PropertyKey[], sentence: string) => {
    const message = `${file}:${lineOf(path, document, lines)}: ${sentence}`;
    problems.push({ path: dotted(path), message });
  };
  const names = new Set<string>();
  const examples = (Array.isArray(written) ? written : []).map((item: unknown, i): Example => {
    const node = document.getIn([i], true);
    const keys = isMap(node) ? node.items.map(({ key }) => (isScalar(key) ? String(key.value) : "?")) : [];
    const { name = `example ${i + 1}`, input } = (isMap(node) ? item : {}) as {
      name?: unknown;
      input?: unknown;
    };
    if (!keys.includes("input")) refuse([i], `found no input, allowed a mapping with name and input`);
    for (const key of keys.filter((key) => key !== "name" && key !== "input")) {
      refuse([i, key], `unknown key "${key}", allowed name and input`);
    }
    if (typeof name !== "string")
      refuse([i, "name"], `found the name ${JSON.stringify(name)}, allowed a text`);
    if (names.has(String(name))) refuse([i, "name"], `found the name "${name}" twice, allowed once`);
    names.add(String(name));
    return { name: String(name), input, place: `${file}:${lineOf([i], document, lines)}` };
  });
  if (!Array.isArray(written)) refuse([], "allowed a list of mappings, each with name and input");
  if (problems.length > 0) throw invalid(problems);
  return examples;
}

function invalid(issues: readonly { path: string; message: string }[]): ColdframeError {
  const message = issues.map((issue) => issue.message).join("\n");
  return new ColdframeError("CONFIG_INVALID", message, { issues });
}
