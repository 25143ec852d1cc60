// Writes .coldframe/entry.ts: the one file that names everything a deployment contains. Event sources are found by
// name, `function-url` is runtime/events/function-url; what is not named here is not in the bundle. The same for the
// sources of weights, in a file of their own.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import type { EventSource } from "../runtime/contracts.ts";
import type { LoadedConfig } from "./config.ts";
import { adapterFile, eventNames } from "./runtime-files.ts";
import { hasReferences } from "./weights/sdk-use.ts";

/** The kind of each event source, which its own file says: `http` is runtime/targets/_http. */
const KINDS = new Map(
  await Promise.all(eventNames().map(async (name) => [name, await kindOf(name)] as const)),
);

/** Absolute path of the generated entry. */
export function entryFile(project: string): string {
  return join(project, ".coldframe", "entry.ts");
}

/** Write the entry if it changed; a watcher sees no change otherwise. */
export function writeEntry(loaded: LoadedConfig): string {
  const file = entryFile(loaded.project);
  return writeGenerated(file, entryText(loaded, file));
}

/** Write .coldframe/weights-entry.ts: the engine of weights, and of the sources those that are used. */
export function writeWeightsEntry(project: string, schemes: readonly string[]): string {
  const file = join(project, ".coldframe", "weights-entry.ts");
  const runtime = (name: string) => JSON.stringify(specifier(dirname(file), adapterFile(`runtime/${name}`)));
  const sources = schemes.map(
    (scheme) => `  ${JSON.stringify(scheme)}: () => import(${runtime(`weights/${scheme}`)}),`,
  );
  return writeGenerated(
    file,
    `// Written by \`coldframe build\` from config.yaml: the weights sources of this deployment. Edits are lost.

import { openDataDir, runThread } from ${runtime("weights-thread")};

runThread({
${sources.join("\n")}
});

/** What index.mjs calls before all else. */
export const open = (artifact) => openDataDir(artifact);
`,
  );
}

function writeGenerated(file: string, text: string): string {
  if (readOrNothing(file) === text) return file;
  mkdirSync(dirname(file), { recursive: true });
  // Another build of the same project may be reading it.
  const half = `${file}.${process.pid}`;
  writeFileSync(half, text);
  renameSync(half, file);
  return file;
}

function entryText(loaded: LoadedConfig, file: string): string {
  const { project, config, settings, modelFile } = loaded;
  const from = (target: string) => JSON.stringify(specifier(dirname(file), target));
  const runtime = (name: string) => from(adapterFile(`runtime/${name}`));
  const events = config.serverless.events.map((name) => {
    const [variable, kind] = [camelCase(name), KINDS.get(name)];
    return { name, variable, kind, receiver: `${kind}(${variable})` };
  });
  const kinds = [...new Set(events.map(({ kind }) => kind))];
  const secrets = Object.keys(settings.secrets).length > 0 ? "readSecrets" : "noSecrets";
  const sdk = hasReferences(loaded);
  const metrics = config.serverless.metrics_namespace;
  const start = "lambda(deployment, sources, artifact)";
  return `// Written by \`coldframe build\` from config.yaml: everything this deployment contains. Edits are lost.

import { lambda } from ${runtime("targets/lambda")};
${kinds.map((kind) => `import { ${kind} } from ${runtime(`targets/_${kind}`)};`).join("\n")}
${events.map(({ name, variable }) => `import ${variable} from ${runtime(`events/${name}`)};`).join("\n")}
import { ${secrets} } from ${runtime("secrets")};
export { ColdframeError, errorBody, toColdframeError } from ${runtime("errors")};
${sdk ? `import { setSdkFile } from ${runtime("aws/sdk")};\n` : ""}${metrics ? `import { embeddedMetrics } from ${runtime("metrics")};\n` : ""}
const config = ${literal(config)};

const settings = ${literal(settings)};

export const deployment = {
  config,
  settings,
  modelFile: ${JSON.stringify(modelFile)},
  importModel: () => import(${from(join(project, modelFile))}),
  readSecrets: ${secrets},${metrics ? `\n  metricFields: embeddedMetrics(${JSON.stringify(metrics)}, ${JSON.stringify(settings.modelName)}),` : ""}
};

const sources = [${events.map(({ receiver }) => receiver).join(", ")}];

/** What index.mjs calls in the cloud. */
export const start = (artifact) => ${sdk ? `{\n  setSdkFile(\`\${artifact.folder}/aws-sdk.cjs\`);\n  return ${start};\n}` : start};
`;
}

async function kindOf(event: string): Promise<EventSource["kind"]> {
  const file = pathToFileURL(adapterFile(`runtime/events/${event}`)).href;
  return ((await import(file)) as { default: EventSource }).default.kind;
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
