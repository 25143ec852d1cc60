// Writes .coldframe/entry.ts: the one file that names everything a deployment contains. Event sources are found by
// name, `function-url` is runtime/events/function-url; what is not named here is not in the bundle. The same for the
// sources of weights, in a file of their own.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { BatchSettings } from "../runtime/batch.ts";
import type { LoadedConfig } from "./config.ts";
import type { Config } from "./config-schema.ts";
import { eventSource } from "./event-sources.ts";
import { recordStep } from "./events-entry.ts";
import { observerOf } from "./observers-entry.ts";
import { adapterFile } from "./runtime-files.ts";
import { toServerSettings } from "./server-schema.ts";
import { hasReferences } from "./weights/sdk-use.ts";

/** Absolute path of the generated entry; each target's is its own, since both may be built at the same time. */
export function entryFile({ project, target }: Pick<LoadedConfig, "project" | "target">): string {
  return join(project, ".coldframe", target === "lambda" ? "entry.ts" : `${target}-entry.ts`);
}

/** Write the entry if it changed; a watcher sees no change otherwise. */
export function writeEntry(loaded: LoadedConfig): string {
  const file = entryFile(loaded);
  return writeGenerated(file, entryText(loaded, file));
}

/** Write .coldframe/weights-entry.ts: the thread that fetches weights, with the sources that are used. */
export function writeWeightsEntry(project: string, schemes: readonly string[]): string {
  const file = join(project, ".coldframe", "weights-entry.ts");
  const runtime = (name: string) => JSON.stringify(specifier(dirname(file), adapterFile(`runtime/${name}`)));
  const sources = schemes.map(
    (scheme) => `  ${JSON.stringify(scheme)}: () => import(${runtime(`weights/${scheme}`)}),`,
  );
  return writeGenerated(
    file,
    `// Written by \`coldframe build\` from config.yaml: the weights sources of this deployment. Edits are lost.

import { runThread } from ${runtime("weights-thread")};

runThread({
${sources.join("\n")}
});
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
  const { project, target, config, settings, modelFile } = loaded;
  const isLambda = target === "lambda";
  const from = (target: string) => JSON.stringify(specifier(dirname(file), target));
  const runtime = (name: string) => from(adapterFile(`runtime/${name}`));
  const events = (isLambda ? config.serverless.events : []).map((name) => {
    // The kind is a file: `http` is runtime/targets/_http.
    const [variable, { kind }] = [camelCase(name), eventSource(name)];
    const step = recordStep(name, config.serverless);
    const steps = step && `, ${step.name}(${JSON.stringify(step.argument)})`;
    return { name, variable, kind, step, receiver: `${kind}(${variable}${steps ?? ""})` };
  });
  const kinds = [...new Set(events.map(({ kind }) => kind))];
  const secrets = Object.keys(settings.secrets).length > 0 ? "readSecrets" : "noSecrets";
  const sdk = hasReferences(loaded);
  const observer = observerOf(loaded);
  // On Lambda one HTTP event is one invocation, and there is no second one beside it: only records come in company.
  const hasCompany = events.some(({ name, kind }) => kind === "records" && name !== "direct");
  const batch = (!isLambda || hasCompany) && config.runtime.batch;
  const start = isLambda
    ? "lambda(deployment, sources, artifact)"
    : `server(deployment, ${JSON.stringify(toServerSettings(config.server))}, { ...artifact, late: () => late })`;
  return `// Written by \`coldframe build\` from config.yaml: everything this deployment contains. Edits are lost.

import { ${target} } from ${runtime(`targets/${target}`)};
${isLambda ? "" : `import * as late from ${runtime("late")};\nexport { late };\n`}${kinds.map((kind) => `import { ${kind} } from ${runtime(`targets/_${kind}`)};`).join("\n")}
${events.map(({ name, variable }) => `import ${variable} from ${runtime(`events/${name}`)};`).join("\n")}
${events.flatMap(({ step }) => (step ? `import { ${step.name} } from ${runtime(step.file)};\n` : [])).join("")}import { ${secrets} } from ${runtime("secrets")};
export { censored, ColdframeError, errorBody, toColdframeError } from ${runtime("errors")};
${sdk ? `import { setSdkFile } from ${runtime("aws/sdk")};\n` : ""}${observer.imports.map(({ names, file, from: name }) => `import { ${names.join(", ")} } from ${file ? runtime(file) : JSON.stringify(name)};\n`).join("")}${batch ? `import { batching } from ${runtime("batch")};\n` : ""}
const config = ${literal(config)};

const settings = ${literal(settings)};

export const deployment = {
  config,
  settings,
  modelFile: ${JSON.stringify(modelFile)},
  importModel: () => import(${from(join(project, modelFile))}),
  readSecrets: ${secrets},${observer.value ? `\n  observer: ${observer.value},` : ""}${batch ? `\n  batching: batching(${batchSettings(batch)}),` : ""}
};

${isLambda ? `const sources = [${events.map(({ receiver }) => receiver).join(", ")}];\n` : ""}
/** What index.mjs calls in the cloud. */
export const start = (artifact) => ${sdk ? `{\n  setSdkFile(\`\${artifact.folder}/aws-sdk.cjs\`);\n  return ${start};\n}` : start};
`;
}

const batchSettings = ({ max_size, max_delay_ms }: NonNullable<Config["runtime"]["batch"]>): string =>
  JSON.stringify({ maxSize: max_size, maxDelayMs: max_delay_ms } satisfies BatchSettings);

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
