// What the expressions of a Terraform module refer to, and whether it is there: the half of `terraform validate` that needs
// no provider's schema.

import type { Expression } from "./_expression.ts";
import { parseTemplate, SPLAT } from "./_expression.ts";
import { blocksOf } from "./_evaluate.ts";
import type { Json, Module } from "./_module.ts";
import type { ProviderSchema } from "./_provider-schema.ts";

/** `["aws_sqs_queue", "queue", "arn"]` of `aws_sqs_queue.queue[0].arn`. */
export type Reference = readonly string[];

/** What is referred to that does not exist, is declared and not used, or lacks what every variable has. */
export function referenceProblems(module: Module, schema: ProviderSchema): string[] {
  const { variables, locals, resources, outputs, modules } = module;
  const places: readonly (readonly [string, Json])[] = [
    ...Object.entries(variables).map(([name, body]) => [`var.${name}`, body["validation"] ?? null] as const),
    ...Object.entries(locals).map(([name, value]) => [`local.${name}`, value] as const),
    ...Object.entries(resources),
    ...Object.entries(outputs).map(([name, body]) => [`output.${name}`, body] as const),
    ...Object.entries(modules).map(([name, body]) => [`module.${name}`, body] as const),
  ];
  const used = new Set<string>();
  const problems = places.flatMap(([place, json]) =>
    referencesOf(json).flatMap((reference) => {
      const [root = "", name = ""] = reference;
      // A validation speaks of its own variable, and a local of others: neither is a use of itself.
      if (`${root}.${name}` !== place) used.add(`${root}.${name}`);
      const problem = problemOf(reference, module, schema);
      return problem === undefined ? [] : [`${place}: ${problem}`];
    }),
  );
  const idle = [
    ...Object.keys(variables).map((name) => `var.${name}`),
    ...Object.keys(locals).map((name) => `local.${name}`),
  ];
  return [
    ...problems,
    ...idle.filter((name) => !used.has(name)).map((name) => `${name} is not used`),
    ...Object.entries(variables).flatMap(([name, body]) =>
      ["description", "type"].filter((key) => !body[key]).map((key) => `var.${name} has no ${key}`),
    ),
    ...Object.entries(outputs).flatMap(([name, { description }]) =>
      description ? [] : [`output.${name} has no description`],
    ),
  ];
}

/** What the expressions of a value refer to, without what they name themselves: of `for`, and of dynamic blocks. */
export function referencesOf(json: Json, names: readonly string[] = []): Reference[] {
  if (typeof json === "string") return referencesIn(parseTemplate(json), names);
  if (Array.isArray(json)) return (json as readonly Json[]).flatMap((item) => referencesOf(item, names));
  if (json === null || typeof json !== "object") return [];
  return Object.entries(json).flatMap(([key, value]) => {
    if (key !== "dynamic") return [...referencesOf(key, names), ...referencesOf(value, names)];
    return Object.entries(value as Readonly<Record<string, Json>>).flatMap(([block, bodies]) =>
      blocksOf(bodies).flatMap(({ for_each = null, content = null }) => [
        ...referencesOf(for_each, names),
        ...referencesOf(content, [...names, block]),
      ]),
    );
  });
}

function referencesIn(expression: Expression, names: readonly string[]): Reference[] {
  const all = (...expressions: readonly (Expression | undefined)[]) =>
    expressions.flatMap((inner) => (inner === undefined ? [] : referencesIn(inner, names)));
  switch (expression.kind) {
    case "literal":
      return [];
    case "template":
      return all(...expression.parts.filter((part) => typeof part !== "string"));
    case "name":
    case "attribute":
    case "index":
    case "splat": {
      const path = pathOf(expression, []);
      const keys = keysOf(expression).flatMap((key) => referencesIn(key, names));
      if (path === undefined)
        return [...all(...(expression.kind === "name" ? [] : [expression.of])), ...keys];
      return names.includes(path[0] ?? "") ? keys : [path, ...keys];
    }
    case "call":
      return all(...expression.args);
    case "unary":
      return all(expression.of);
    case "binary":
      return all(expression.left, expression.right);
    case "conditional":
      return all(expression.condition, expression.yes, expression.no);
    case "tuple":
      return all(...expression.items);
    case "object":
      return all(...expression.entries.flat());
    case "for": {
      const inner = [...names, expression.value, ...(expression.key === undefined ? [] : [expression.key])];
      const parts = [expression.to, expression.toKey, expression.condition];
      return [
        ...all(expression.of),
        ...parts.flatMap((part) => (part === undefined ? [] : referencesIn(part, inner))),
      ];
    }
  }
}

/** Undefined of steps into what no name holds: `jsondecode(...).key`. */
function pathOf(expression: Expression, element: Reference): Reference | undefined {
  switch (expression.kind) {
    case "name":
      return expression.name === SPLAT ? element : [expression.name];
    case "attribute": {
      const path = pathOf(expression.of, element);
      return path && [...path, expression.name];
    }
    case "index":
      return pathOf(expression.of, element);
    case "splat": {
      const path = pathOf(expression.of, element);
      return path && pathOf(expression.each, path);
    }
    default:
      return undefined;
  }
}

/** The expressions in the brackets of a path. */
function keysOf(expression: Expression): Expression[] {
  switch (expression.kind) {
    case "attribute":
      return keysOf(expression.of);
    case "index":
      return [...keysOf(expression.of), expression.key];
    case "splat":
      return [...keysOf(expression.of), ...keysOf(expression.each)];
    default:
      return [];
  }
}

/** What Terraform itself gives to expressions. */
const BUILT_IN = new Set(["each", "count", "path", "terraform", "self"]);

function problemOf(reference: Reference, module: Module, schema: ProviderSchema): string | undefined {
  const [root = "", name = ""] = reference;
  if (BUILT_IN.has(root)) return undefined;
  if (root === "var") return name in module.variables ? undefined : `no variable ${name}`;
  if (root === "local") return name in module.locals ? undefined : `no local ${name}`;
  if (root === "module") return name in module.modules ? undefined : `no module ${name}`;
  const length = root === "data" ? 3 : 2;
  const address = reference.slice(0, length).join(".");
  if (!(address in module.resources)) return `no resource ${address}`;
  const [attribute] = reference.slice(length);
  const type = schema.types[reference.slice(0, length - 1).join(".")];
  // Of a type that the schema lacks, `schemaProblems` complains.
  if (attribute === undefined || type === undefined) return undefined;
  const known = [...type.required, ...type.optional, ...(type.computed ?? []), ...Object.keys(type.blocks)];
  return known.includes(attribute) ? undefined : `no attribute ${attribute} of ${address}`;
}
