// Whether the resources of a module have the attributes and blocks that the provider knows, and those that it wants.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { blocksOf } from "./_evaluate.ts";
import type { Body, Json, Module } from "./_module.ts";
import type { BlockSchema, ProviderSchema } from "./_provider-schema.ts";

export const SCHEMA = JSON.parse(
  readFileSync(join(import.meta.dirname, "provider-schema.json"), "utf8"),
) as ProviderSchema;

/** Of Terraform itself, in every resource. */
const META: BlockSchema = {
  required: [],
  optional: ["count", "for_each", "depends_on", "provider"],
  blocks: {
    lifecycle: {
      required: [],
      optional: ["prevent_destroy", "create_before_destroy", "ignore_changes", "replace_triggered_by"],
      blocks: {
        precondition: { required: ["condition", "error_message"], optional: [], blocks: {} },
        postcondition: { required: ["condition", "error_message"], optional: [], blocks: {} },
      },
    },
  },
};

/** What the provider does not know, or misses. */
export function schemaProblems({ resources }: Module, { types }: ProviderSchema = SCHEMA): string[] {
  return Object.entries(resources).flatMap(([address, body]) => {
    const type = types[address.replace(/\.[^.]+$/, "")];
    if (type === undefined) return [`${address}: the schema lacks its type; add it to _provider-schema.ts`];
    const whole = {
      ...type,
      optional: [...type.optional, ...META.optional],
      blocks: { ...type.blocks, ...META.blocks },
    };
    return bodyProblems(address, body, whole);
  });
}

function bodyProblems(place: string, body: Body, schema: BlockSchema): string[] {
  const { dynamic = {}, ...own } = body;
  const dynamics = Object.entries(dynamic as Readonly<Record<string, Json>>);
  const made = dynamics.flatMap(([name, blocks]) =>
    blocksOf(blocks).flatMap(({ content }) => blocksOf(content).map((inner) => [name, inner] as const)),
  );
  const written = new Set([...Object.keys(own), ...dynamics.map(([name]) => name)]);
  const missing = schema.required.filter((name) => !written.has(name));
  return [
    ...missing.map((name) => `${place} lacks ${name}`),
    ...Object.entries(own).flatMap(([name, value]) => {
      const block = schema.blocks[name];
      if (block !== undefined) {
        const bodies = blocksOf(value);
        if (bodies.length === 0) return [`${place}.${name} is a block`];
        return bodies.flatMap((inner) => bodyProblems(`${place}.${name}`, inner, block));
      }
      if ([...schema.required, ...schema.optional].includes(name)) return [];
      return [`${place} has no attribute or block ${name}`];
    }),
    ...made.flatMap(([name, inner]) => {
      const block = schema.blocks[name];
      return block === undefined
        ? [`${place} has no block ${name}`]
        : bodyProblems(`${place}.${name}`, inner, block);
    }),
  ];
}
