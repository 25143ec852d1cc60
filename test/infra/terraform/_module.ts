// A Terraform module as texts and as the documents they are, for checks and for the evaluator.

import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

/** File name -> text. Tests change a copy of it. */
export type Sources = Readonly<Record<string, string>>;

/** A value as hcl2json writes it: strings hold expressions as `${...}`. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

export type Body = Readonly<Record<string, Json>>;

/** The blocks of all files of a module together. */
export interface Module {
  /** Each `terraform` block. */
  readonly terraform: readonly Body[];
  readonly variables: Readonly<Record<string, Body>>;
  readonly locals: Readonly<Record<string, Json>>;
  /** By address: `aws_sqs_queue.queue`, `data.aws_region.current`. */
  readonly resources: Readonly<Record<string, Body>>;
  readonly outputs: Readonly<Record<string, Body>>;
  /** Calls of modules. */
  readonly modules: Readonly<Record<string, Body>>;
}

interface Document {
  readonly terraform?: readonly Body[];
  readonly variable?: Named;
  readonly locals?: readonly Body[];
  readonly resource?: Readonly<Record<string, Named>>;
  readonly data?: Readonly<Record<string, Named>>;
  readonly output?: Named;
  readonly module?: Named;
}

type Named = Readonly<Record<string, readonly [Body]>>;

interface Hcl {
  parse(filename: string, contents: string): Promise<Document>;
}

/**
 * Asked for only when something is parsed: `npm test` does not have it, and no process can have it beside the formatter,
 * whose WebAssembly wants another `globalThis.Go`.
 */
const hcl = () => createRequire(import.meta.url)("@cdktn/hcl2json") as Hcl;

export const MODULE = resolve(import.meta.dirname, "../../../infra/terraform");

/** The .tf files of a folder. */
export function readSources(folder: string = MODULE): Sources {
  const names = readdirSync(folder).filter((name) => name.endsWith(".tf"));
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), "utf8")]));
}

const parsed = new Map<string, Promise<Document>>();

/** @throws with the position of what is no HCL, or of what is declared twice */
export async function parseModule(sources: Sources): Promise<Module> {
  const documents = await Promise.all(
    Object.entries(sources).map(([name, text]) => {
      const document = parsed.get(text) ?? hcl().parse(name, text);
      parsed.set(text, document);
      return document;
    }),
  );
  const merge = <T>(pairs: readonly (readonly [string, T])[]): Record<string, T> => {
    const merged = new Map(pairs);
    if (merged.size < pairs.length)
      throw new Error(`declared twice among ${pairs.map(([name]) => name).join(", ")}`);
    return Object.fromEntries(merged);
  };
  const named = (key: "variable" | "output" | "module") =>
    merge(
      documents.flatMap((document) =>
        Object.entries(document[key] ?? {}).map(([name, [body]]) => [name, body] as const),
      ),
    );
  const typed = (key: "resource" | "data", prefix: string) =>
    documents.flatMap((document) =>
      Object.entries(document[key] ?? {}).flatMap(([type, instances]) =>
        Object.entries(instances).map(([name, [body]]) => [`${prefix}${type}.${name}`, body] as const),
      ),
    );
  return {
    terraform: documents.flatMap(({ terraform = [] }) => terraform),
    variables: named("variable"),
    locals: merge(documents.flatMap(({ locals = [] }) => locals.flatMap((body) => Object.entries(body)))),
    resources: merge([...typed("resource", ""), ...typed("data", "data.")]),
    outputs: named("output"),
    modules: named("module"),
  };
}
