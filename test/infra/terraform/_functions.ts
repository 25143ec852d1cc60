// The functions of Terraform that infra/terraform uses. One that is missing is refused by name, so that the module stays
// as plain as its evaluator.
// Source: developer.hashicorp.com/terraform/language/functions

import type { Value } from "./_interpret.ts";

export type Implementation = (...args: Value[]) => Value;

/** What a path holds: the only files that a module reads are those of the artifact. */
export type ReadFile = (path: string) => string;

export function functionsOf(readFile: ReadFile): Readonly<Record<string, Implementation>> {
  return {
    file: (path) => readFile(text(path)),
    fileexists: (path) => {
      try {
        readFile(text(path));
        return true;
      } catch {
        return false;
      }
    },
    // Which bytes an archive has is not what a template says.
    filesha256: (path) => `<filesha256(${text(path)})>`,
    filebase64sha256: (path) => `<filebase64sha256(${text(path)})>`,
    jsondecode: (json) => JSON.parse(text(json)) as Value,
    jsonencode: (value) => JSON.stringify(sorted(value ?? null)),
    replace: (of, wanted, by) => {
      if (/^\/.*\/$/.test(text(wanted))) throw new Error("replace with a pattern is not evaluated");
      return text(of).replaceAll(text(wanted), () => text(by));
    },
    substr: (of, start, length) => text(of).slice(Number(start), Number(start) + Number(length)),
    regex: (pattern, of) => {
      const found = new RegExp(text(pattern), "u").exec(text(of));
      if (found === null) throw new Error(`${text(of)} does not match ${text(pattern)}`);
      return found.length > 1 ? found.slice(1) : found[0];
    },
    coalesce: (...values) => {
      const found = values.find((value) => value !== null && value !== "");
      if (found === undefined) throw new Error("coalesce: no argument has a value");
      return found;
    },
    contains: (list, value) => array(list).includes(value ?? null),
    concat: (...lists) => lists.flatMap(array),
    merge: (...maps) => Object.assign({}, ...maps) as Value,
    length: (of) => (typeof of === "string" || Array.isArray(of) ? of.length : Object.keys(of ?? {}).length),
    one: (list) => {
      const [first, ...others] = array(list);
      if (others.length > 0) throw new Error("one: more than one element");
      return first ?? null;
    },
  };
}

function text(value: Value | undefined): string {
  if (typeof value === "string" || typeof value === "number") return String(value);
  throw new Error(`expected a string, found ${JSON.stringify(value)}`);
}

function array(value: Value | undefined): readonly Value[] {
  if (Array.isArray(value)) return value as readonly Value[];
  throw new Error(`expected a list, found ${JSON.stringify(value)}`);
}

/** Terraform writes the keys of an object in their order. */
function sorted(value: Value): Value {
  if (Array.isArray(value)) return (value as readonly Value[]).map(sorted);
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}
