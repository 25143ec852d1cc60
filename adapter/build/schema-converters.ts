// Keeps out of bundle.cjs what makes JSON Schemas of a model's schemas. zod's schemas and valibot's
// `toStandardJsonSchema` hold on to their converters, 15 kB each, which the build needs and a cold start does not: each
// becomes a file of its own in the artifact, read when somebody asks a schema for its JSON Schema. arktype's converters
// are methods of its types and stay. Source of the interface: standardschema.dev/json-schema.

import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { build, type Plugin } from "esbuild";
import { partOptions } from "../../esbuild.config.mjs";
import type { LoadedConfig } from "./config.ts";
import { packageOf } from "./packages.ts";

/** A converter of a bundle: the name of its file in the artifact, and the modules that it is made of. */
export interface Converter {
  readonly path: string;
  /** Absolute. */
  readonly modules: readonly string[];
}

const NAMESPACE = "json-schema";

/** The schemas of zod, which name every processor. `z.toJSONSchema` itself is left to those who import it. */
const ZOD_SCHEMAS = /[/\\]zod[/\\]v4[/\\]classic[/\\]schemas\.js$/;

/** Puts stand-ins in the place of converters. */
export const schemaConverters: Plugin = {
  name: "schema-converters",
  setup({ onResolve, onLoad, resolve }) {
    onResolve({ filter: /\/core\/(to-json-schema|json-schema-processors)\.js$/ }, ({ path, importer }) =>
      ZOD_SCHEMAS.test(importer) ? { path: join(dirname(importer), path), namespace: NAMESPACE } : undefined,
    );
    onResolve({ filter: /^@valibot\/to-json-schema$/ }, async ({ path, pluginData, ...from }) => {
      if (pluginData === NAMESPACE) return undefined;
      const { resolveDir, importer, kind } = from;
      const found = await resolve(path, { resolveDir, importer, kind, pluginData: NAMESPACE });
      return found.errors.length > 0 ? undefined : { path: found.path, namespace: NAMESPACE };
    });
    onLoad({ filter: /./, namespace: NAMESPACE }, async ({ path }) => {
      const names = exportsOf(await readFile(path, "utf8"));
      return { contents: standIn(path, names), resolveDir: dirname(path) };
    });
  },
};

/** What a bundle leaves to files of their own. @param inputs of its metafile */
export function convertersOf(inputs: Iterable<string>): Converter[] {
  const modules = [...inputs]
    .filter((input) => input.startsWith(`${NAMESPACE}:`))
    .map((input) => input.slice(NAMESPACE.length + 1))
    .toSorted();
  const files = Map.groupBy(modules, fileOf);
  // Of two copies of one version, either will do.
  return [...files].map(([path, its]) => ({
    path,
    modules: its.filter((module) => dirname(module) === dirname(its[0] ?? "")),
  }));
}

/** The file of a converter. */
export async function bundleConverter(
  { path, modules }: Converter,
  { project, config }: LoadedConfig,
): Promise<Uint8Array> {
  const options = partOptions({
    folder: project,
    entry: "converter",
    outfile: join(project, ".coldframe", path),
    runtime: config.serverless.runtime,
  });
  const contents = modules.map((module) => `export * from ${JSON.stringify(module)};`).join("\n");
  const { outputFiles } = await build({
    ...options,
    entryPoints: [],
    stdin: { contents, resolveDir: project },
  });
  return outputFiles[0]?.contents ?? new Uint8Array();
}

/** Names library and version: a bundle may hold two versions of one. */
function fileOf(module: string): string {
  const { name = "", version = "" } = packageOf(module) ?? {};
  return `json-schema-${name.replace(/[^\w]+/g, "-").replace(/^-/, "")}-${version}.cjs`;
}

/** Names that an ES module exports, in the ways that the two libraries write them. */
function exportsOf(source: string): readonly string[] {
  const declared = [...source.matchAll(/^export (?:const|function) (\w+)/gm)].map(([, name = ""]) => name);
  const listed = [...source.matchAll(/^export \{([^}]*)\};?$/gm)].flatMap(([, names = ""]) =>
    names.split(",").map((name) => name.trim().replace(/^.* as /, "")),
  );
  return [...declared, ...listed].filter((name) => name !== "");
}

/** The same exports; what converts is asked for when it is called, and the rest is the module's own. */
function standIn(module: string, names: readonly string[]): string {
  const file = fileOf(module);
  return [
    // Not a literal: the bundler would look for the file.
    `const late = () => require(__dirname + ${JSON.stringify(`/${file}`)});`,
    `export * from ${JSON.stringify(module)};`,
    ...names.flatMap((name) => {
      const stand = STAND_INS[name] ?? (CONVERTS.test(name) ? passOn(name) : undefined);
      return stand === undefined ? [] : [`export const ${name} = ${stand};`];
    }),
  ].join("\n");
}

/** zod's processors, one for each kind of schema; valibot's converters and the definitions they share. */
const CONVERTS = /Processor$|^toJsonSchema|GlobalDefs$/;

const passOn = (name: string): string => `(...given) => late().${name}(...given)`;

/** Those that are called for every schema and convert nothing yet. */
const STAND_INS: Readonly<Record<string, string>> = {
  createToJSONSchemaMethod: "(...given) => (asked) => late().createToJSONSchemaMethod(...given)(asked)",
  createStandardJSONSchemaMethod:
    "(...given) => (asked) => late().createStandardJSONSchemaMethod(...given)(asked)",
  toStandardJsonSchema: `(schema) => {
    const side = (name) => (asked) => late().toStandardJsonSchema(schema)["~standard"].jsonSchema[name](asked);
    const jsonSchema = { input: side("input"), output: side("output") };
    return { "~standard": { ...schema["~standard"], jsonSchema } };
  }`,
};
