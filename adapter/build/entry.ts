// Writes .coldframe/entry.ts: the one file that names everything a deployment contains. Event sources are found by
// name, `function-url` is runtime/events/function-url; what is not named here is not in the bundle.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { LoadedConfig } from "./config.ts";
import { adapterFile } from "./runtime-files.ts";

/** Absolute path of the generated entry. */
export function entryFile(project: string): string {
  return join(project, ".coldframe", "entry.ts");
}

/** Write the entry if it changed; a watcher sees no change otherwise. */
export function writeEntry(loaded: LoadedConfig): string {
  const file = entryFile(loaded.project);
  const text = entryText(loaded, file);
  if (readOrNothing(file) === text) return file;
  mkdirSync(dirname(file), { recursive: true });
  // Another build of the same project may be reading it.
  const half = `${file}.${process.pid}`;
  writeFileSync(half, text);
  renameSync(half, file);
  return file;
}

function entryText({ project, config, settings, modelFile }: LoadedConfig, file: string): string {
  const from = (target: string) => JSON.stringify(specifier(dirname(file), target));
  const model = from(join(project, modelFile));
  const events = config.serverless.events.map((name) => ({ name, variable: camelCase(name) }));
  return `// Written by \`coldframe build\` from config.yaml: everything this deployment contains. Edits are lost.

import { lambda } from ${from(adapterFile("runtime/targets/lambda"))};
${events.map(({ name, variable }) => `import ${variable} from ${from(adapterFile(`runtime/events/${name}`))};`).join("\n")}

const config = ${literal(config)};

const settings = ${literal(settings)};

export const deployment = {
  config,
  settings,
  modelFile: ${JSON.stringify(modelFile)},
  importModel: () => import(${model}),
  events: [${events.map(({ variable }) => variable).join(", ")}],
};

/** What index.mjs calls in the cloud. */
export const start = (artifact) => lambda(deployment, artifact);
`;
}

/** An object as source, one line for each key of the first level. */
function literal(value: object): string {
  const lines = Object.entries(value).map(([key, child]) => `  ${key}: ${JSON.stringify(child)},`);
  return `{\n${lines.join("\n")}\n}`;
}

function specifier(folder: string, target: string): string {
  const path = relative(folder, target).replaceAll("\\", "/");
  return path.startsWith(".") || /^[A-Za-z]:/.test(path) ? path : `./${path}`;
}

function camelCase(name: string): string {
  return name.replace(/-(\w)/g, (_dash, letter: string) => letter.toUpperCase());
}

function readOrNothing(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
