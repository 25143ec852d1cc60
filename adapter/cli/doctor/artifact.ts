// The last build: is there one, is it of what the project says today, and does it fit on Lambda. What it is made of is
// compared by contents where deployment.json has them, and by time where it has not.

import { existsSync, readdirSync, statSync } from "node:fs";
import { join, relative, sep } from "node:path";
import {
  checkSize,
  type FileSize,
  measure,
  megabytes,
  totalBytes,
  UNZIPPED_LIMIT_BYTES,
} from "../../build/artifact.ts";
import type { LoadedConfig } from "../../build/config.ts";
import { type Deployment, deploymentText } from "../../build/deployment.ts";
import { DIRECT_UPLOAD_LIMIT_BYTES } from "../../build/report.ts";
import { adapterFolder } from "../../build/runtime-files.ts";
import { weightsFacts } from "../../build/weights/facts.ts";
import { pinWeights } from "../../build/weights/pin.ts";
import { ColdframeError } from "../../runtime/errors.ts";
import { type Finding, findingsOf, listed, refusedAs } from "./finding.ts";
import { buildCommandOf, type Project } from "./project.ts";

/** From here on it is worth a word. */
const NEAR = 0.8;

const LARGEST = 10;

const { ok, warning, problem, skipped } = findingsOf("artifact");

export async function checkArtifact(project: Project): Promise<Finding[]> {
  const { artifact, folder, target } = project;
  const name = relative(folder, artifact.directory);
  const build = `Run \`${buildCommandOf(project)}\`.`;
  if (artifact.flaw !== undefined) return [problem(`${name}/deployment.json ${artifact.flaw}.`, build)];
  if (artifact.deployment === undefined) return [skipped(`there is no ${name} yet.`, build)];
  const sizes = await measure(artifact.directory);
  const found = [
    ...(await checkDrift(project, artifact.deployment, build)),
    ...(await checkAge(project, build)),
    ...(totalBytes(sizes) === artifact.deployment.unzipped_bytes
      ? []
      : [warning(`${name} was changed after it was built.`, build)]),
    ...(target === "lambda" ? [...checkUnzipped(sizes), ...checkZip(project, build)] : []),
  ];
  if (found.length > 0) return found;
  return [ok(`${name} is what config.yaml and the model say; ${megabytes(totalBytes(sizes))} unzipped.`)];
}

async function checkDrift({ config }: Project, built: Deployment, build: string): Promise<Finding[]> {
  if (config instanceof ColdframeError) return [skipped("config.yaml cannot be compared with it.", build)];
  const differences = differ(built, await today(config, built));
  if (differences.length === 0) return [];
  return [problem(`it is not what config.yaml says: ${listed(differences)}.`, build)];
}

/** What the build would write now, of an artifact with these files. */
async function today(loaded: LoadedConfig, built: Deployment): Promise<Deployment> {
  const { config } = loaded;
  // What --image said is not in config.yaml.
  const image = config.server.image ?? (built.target === "server" ? (built.image ?? undefined) : undefined);
  const text = deploymentText(
    loaded.target,
    { ...config, server: { ...config.server, ...(image !== undefined && { image }) } },
    {
      dataBytes: built.data_bytes,
      otherBytes: 0,
      cachedBy: built.target === "lambda" ? (built.code_cache.node_version ?? undefined) : undefined,
      weights: await lockedWeights(loaded).catch(() => built.weights),
    },
  );
  return { ...(JSON.parse(text) as Deployment), unzipped_bytes: built.unzipped_bytes };
}

async function lockedWeights({ project, config, settings, weights }: LoadedConfig) {
  const { entries } = await pinWeights(weights, {
    project,
    lock: config.serverless.weights.lock,
    offline: true,
    environment: {},
    secrets: settings.secrets,
  });
  return weightsFacts(entries, config.environment_variables);
}

/** `memory_mb is 1769, and would be 2048`, for each place. */
function differ(built: unknown, now: unknown, path = ""): string[] {
  if (isObject(built) && isObject(now)) {
    const keys = [...new Set([...Object.keys(built), ...Object.keys(now)])];
    return keys.flatMap((key) => differ(built[key], now[key], path === "" ? key : `${path}.${key}`));
  }
  if (JSON.stringify(built) === JSON.stringify(now)) return [];
  const [was, is] = [built, now].map((value) => JSON.stringify(value) ?? "nothing") as [string, string];
  return [isShort(was) && isShort(is) ? `${path} is ${was}, and would be ${is}` : `${path} would be another`];
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** To be read in a line. */
const isShort = (text: string): boolean => text.length <= 40;

async function checkAge(project: Project, build: string): Promise<Finding[]> {
  const { config, modelFlaw, folder, artifact } = project;
  if (config instanceof ColdframeError) return [];
  const { data_dir, examples_filename } = config.config;
  const bundle = modelFlaw === undefined ? await project.bundle() : undefined;
  const imported = bundle === undefined || bundle instanceof ColdframeError ? [] : bundle.inputs;
  const files = [
    join(folder, "config.yaml"),
    join(folder, config.modelFile),
    join(folder, examples_filename),
    ...imported.filter((file) => !file.startsWith(adapterFolder() + sep)),
    ...filesOf(join(folder, data_dir)),
  ];
  const newer = [...new Set(files)]
    .filter((file) => (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) > artifact.builtAt)
    .map((file) => relative(folder, file));
  if (newer.length === 0) return [];
  return [warning(`newer than it: ${listed(newer)}.`, build)];
}

function filesOf(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
}

function checkUnzipped(sizes: readonly FileSize[]): Finding[] {
  try {
    const total = checkSize(sizes);
    if (total <= NEAR * UNZIPPED_LIMIT_BYTES) return [];
    const largest = sizes
      .slice(0, LARGEST)
      .map(({ path, bytes }) => `  ${megabytes(bytes).padStart(9)}  ${path}`);
    return [
      warning(
        `it has ${megabytes(total)} unzipped, allowed ${megabytes(UNZIPPED_LIMIT_BYTES)}; the largest files:\n${largest.join("\n")}`,
        "Put large files of data/ into a bucket and list them under weights, before a build is refused.",
      ),
    ];
  } catch (error) {
    return [refusedAs(problem, error as ColdframeError)];
  }
}

function checkZip({ artifact, folder }: Project, build: string): Finding[] {
  const zip = `${artifact.directory}.zip`;
  const bytes = statSync(zip, { throwIfNoEntry: false })?.size;
  if (bytes === undefined)
    return [problem(`${relative(folder, zip)}, which is deployed, is not there.`, build)];
  if (bytes <= DIRECT_UPLOAD_LIMIT_BYTES) return [];
  return [
    warning(
      `${relative(folder, zip)} has ${megabytes(bytes)}, allowed for a direct upload ${megabytes(DIRECT_UPLOAD_LIMIT_BYTES)}.`,
      "Upload it through S3, as `sam deploy` and `cdk deploy` do, or put large files of data/ under weights.",
    ),
  ];
}
