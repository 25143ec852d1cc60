// Moves a JSON Schema into an OpenAPI document: what it defines beside itself becomes components, under names that are
// legal there and free, and every `$ref` follows. Sources: OpenAPI 3.1.1, "Components Object"; JSON Schema 2020-12.

/** Any object of the document. */
export type Json = Readonly<Record<string, unknown>>;

const PREFIX = "#/components/schemas/";

/** Keywords whose values are schemas by name. */
const MAPS = new Set(["properties", "patternProperties", "dependentSchemas", "$defs", "definitions"]);

/** Keywords whose values are data, in which "$ref" is a key like any other. */
const DATA = new Set(["const", "enum", "default", "examples", "example"]);

/** Keywords that would give a component a base address of its own, or say again what the document says. */
const DROPPED = new Set(["$schema", "$id", "$defs", "definitions"]);

/**
 * The components of one schema, itself under `root`.
 * @param taken names that are in use; the new ones are added
 */
export function toComponents(root: string, schema: unknown, taken: Set<string>): Json {
  taken.add(root);
  if (!isObject(schema)) return { [root]: schema };
  const definitions = { ...asObject(schema["definitions"]), ...asObject(schema["$defs"]) };
  const names = new Map(Object.keys(definitions).map((key) => [key, freeName(key, root, taken)]));
  const follow = (ref: string): string => {
    const [, key = "", rest = ""] = /^#\/(?:\$defs|definitions)\/([^/]+)(.*)$/.exec(ref) ?? [];
    const name = names.get(unescapeToken(key));
    if (name !== undefined) return `${PREFIX}${name}${rest}`;
    return /^#(\/|$)/.test(ref) ? `${PREFIX}${root}${ref.slice(1)}` : ref;
  };
  const moved = Object.entries(definitions).map(([key, definition]) => [
    names.get(key),
    rewrite(definition, follow),
  ]);
  return { [root]: rewrite(schema, follow), ...Object.fromEntries(moved) };
}

/** A `$ref` to a component. */
export const reference = (name: string): Json => ({ $ref: PREFIX + name });

function rewrite(schema: unknown, follow: (ref: string) => string): unknown {
  if (Array.isArray(schema)) return schema.map((item) => rewrite(item, follow));
  if (!isObject(schema)) return schema;
  const entries = Object.entries(schema).filter(([key]) => !DROPPED.has(key));
  return Object.fromEntries(
    entries.map(([key, value]) => {
      if (key === "$ref" && typeof value === "string") return [key, follow(value)];
      if (DATA.has(key)) return [key, value];
      if (!MAPS.has(key) || !isObject(value)) return [key, rewrite(value, follow)];
      return [key, mapValues(value, (inner) => rewrite(inner, follow))];
    }),
  );
}

/** A name of its author is kept where it can be; one that a library made up begins with the root's. */
function freeName(key: string, root: string, taken: Set<string>): string {
  const legal = key.replace(/[^A-Za-z0-9._-]+/g, "_").replace(/^_+|_+$/g, "");
  const wanted = /^[A-Za-z]/.test(legal) && !key.startsWith("_") ? legal : `${root}_${legal}`;
  let name = taken.has(wanted) ? `${root}_${legal}` : wanted;
  for (let number = 2; taken.has(name); number++) name = `${root}_${legal}_${number}`;
  taken.add(name);
  return name;
}

/** A token of a JSON pointer in a URL fragment. Source: RFC 6901, 4 and 6. */
function unescapeToken(token: string): string {
  const plain = token.replaceAll("~1", "/").replaceAll("~0", "~");
  try {
    return decodeURIComponent(plain);
  } catch {
    return plain;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const asObject = (value: unknown): Record<string, unknown> => (isObject(value) ? value : {});

/** The same keys, other values. */
export function mapValues<T, U>(map: Readonly<Record<string, T>>, change: (value: T, key: string) => U) {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value, key)]));
}
