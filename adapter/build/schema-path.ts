// Finds things by a key path: the line in config.yaml, the value, and the part of the schema that speaks of it. Leans on
// the inside of zod 4 (`_zod.def`), and is the only file that does.

import { type Document, isAlias, isMap, isScalar, isSeq, type LineCounter } from "yaml";
import { z } from "zod";

/** `serverless.events[1]` */
export function dotted(path: readonly PropertyKey[]): string {
  return path
    .map((key, i) => (typeof key === "number" ? `[${key}]` : `${i > 0 ? "." : ""}${String(key)}`))
    .join("");
}

/** 1-based line of the key or list item at `path`, or of the nearest thing above it. */
export function lineOf(path: readonly PropertyKey[], document: Document, lines: LineCounter): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const key of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
      if (!isScalar(pair?.key)) break;
      offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(key)];
      offset = (node as { range?: readonly number[] } | undefined)?.range?.[0] ?? offset;
    } else break;
  }
  return lines.linePos(offset).line || 1;
}

/** What the file says at `path`. */
export function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], value);
}

type Definition = z.core.$ZodTypeDef & {
  innerType?: z.core.$ZodType;
  in?: z.core.$ZodType;
  shape?: Record<string, z.core.$ZodType>;
  valueType?: z.core.$ZodType;
  keyType?: z.core.$ZodType;
  element?: z.core.$ZodType;
};

const definition = (schema: z.core.$ZodType): Definition => schema._zod.def as Definition;

/** Through default, optional, nullable and transform to the schema they wrap. */
function inner(schema: z.core.$ZodType): z.core.$ZodType | undefined {
  return definition(schema).innerType ?? definition(schema).in;
}

/** The keys of an object schema, through whatever wraps it. */
export function shapeOf(schema: z.core.$ZodType | undefined): Record<string, z.core.$ZodType> | undefined {
  if (schema === undefined) return undefined;
  return definition(schema).shape ?? shapeOf(inner(schema));
}

/** The schema of what lies at `path`. */
export function schemaAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): z.core.$ZodType | undefined {
  const [key, ...rest] = path;
  if (key === undefined) return schema;
  const { shape, valueType, element } = definition(schema);
  const child = shape?.[String(key)] ?? valueType ?? element;
  if (child !== undefined) return schemaAt(child, rest);
  const wrapped = inner(schema);
  return wrapped === undefined ? undefined : schemaAt(wrapped, path);
}

/** The sentence after "allowed". */
export function descriptionOf(schema: z.core.$ZodType | undefined): string | undefined {
  if (schema === undefined) return undefined;
  return z.globalRegistry.get(schema)?.description ?? descriptionOf(inner(schema));
}

/** The same for the names of a free mapping. */
export function keyRule(schema: z.core.$ZodType | undefined): string | undefined {
  if (schema === undefined) return undefined;
  const { keyType } = definition(schema);
  return keyType === undefined ? keyRule(inner(schema)) : descriptionOf(keyType);
}
