// What the checks look at: config.yaml, the last artifact, the environment. Read once; a config.yaml that cannot be read
// is a fact too. Nothing is written: the model is bundled in memory.

import { readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Bundle, createBundler } from "../../build/bundle.ts";
import { type LoadedConfig, readConfig } from "../../build/config.ts";
import { configSchema } from "../../build/config-schema.ts";
import { type Deployment, deploymentText } from "../../build/deployment.ts";
import { type NodeBinary, thisNode } from "../../build/function-node.ts";
import { findModel } from "../../build/model-file.ts";
import type { Cpu } from "../../build/platform.ts";
import { eventNames, type Target, targetNames } from "../../build/runtime-files.ts";
import { ColdframeError } from "../../runtime/errors.ts";
import { listed } from "./finding.ts";

export interface Project {
  /** Absolute. */
  readonly folder: string;
  readonly target: Target;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The Node that runs this command. */
  readonly node: NodeBinary;
  readonly config: LoadedConfig | ColdframeError;
  /** Why there is no model to look at; absent with a config.yaml that cannot be read. */
  readonly modelFlaw: ColdframeError | undefined;
  readonly artifact: Artifact;
  /** The model as the build would bundle it; made once. Of a model that is there. */
  bundle(): Promise<Bundle | ColdframeError>;
}

export interface Artifact {
  /** Absolute: <project>/dist/<target>. */
  readonly directory: string;
  /** Absent when nothing was built, or not by a build. */
  readonly deployment: Deployment | undefined;
  /** Why deployment.json is of no use, though it is there: the end of a sentence about it. */
  readonly flaw: string | undefined;
  /** When it was built, in milliseconds since 1970. */
  readonly builtAt: number;
}

/**
 * Read a project.
 * @param target absent: the one that was built, or else the Lambda function
 */
export function readProject(folder: string, target?: Target, environment = process.env): Project {
  const project = resolve(folder);
  const chosen =
    target ??
    (["lambda", ...targetNames()] as Target[]).find((name) => hasDeployment(project, name)) ??
    "lambda";
  const config = attempt(() => readConfig(project, chosen));
  let bundling: Promise<Bundle | ColdframeError> | undefined;
  return {
    folder: project,
    target: chosen,
    environment,
    node: thisNode(),
    config,
    modelFlaw: config instanceof ColdframeError ? undefined : flawOf(() => findModel(config)),
    artifact: readArtifact(join(project, "dist", chosen), chosen),
    bundle() {
      if (config instanceof ColdframeError) return Promise.resolve(config);
      bundling ??= bundleModel(config);
      return bundling;
    },
  };
}

/** The processor that the artifact is for. */
export const cpuOf = ({ config }: LoadedConfig): Cpu =>
  config.serverless.architecture === "arm64" ? "arm64" : "x64";

/** The command that makes the artifact. */
export const buildCommandOf = ({ target }: Pick<Project, "target">): string =>
  target === "lambda" ? "coldframe build" : `coldframe build --target ${target}`;

async function bundleModel(config: LoadedConfig): Promise<Bundle | ColdframeError> {
  // The model itself in place of the build's entry, which imports it: that file would have to be written.
  const bundler = await createBundler(config, join(config.project, config.modelFile), cpuOf(config));
  try {
    return await bundler.bundle();
  } catch (error) {
    if (error instanceof ColdframeError) return error;
    throw error;
  } finally {
    await bundler.dispose();
  }
}

const hasDeployment = (project: string, target: Target): boolean =>
  statSync(join(project, "dist", target, "deployment.json"), { throwIfNoEntry: false }) !== undefined;

function readArtifact(directory: string, target: Target): Artifact {
  const file = join(directory, "deployment.json");
  const builtAt = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
  if (builtAt === undefined) return { directory, deployment: undefined, flaw: undefined, builtAt: 0 };
  const flawed = (flaw: string) => ({ directory, deployment: undefined, flaw, builtAt });
  let found: unknown;
  try {
    found = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    return flawed(`is no JSON: ${(error as Error).message}`);
  }
  const missing = lackingKeys(found, target);
  if (missing.length > 0) return flawed(`is of another coldframe, and lacks ${listed(missing)}`);
  return { directory, deployment: found as Deployment, flaw: undefined, builtAt };
}

/** Keys that a deployment.json of this version has, whatever config.yaml says. */
function lackingKeys(found: unknown, target: Target): string[] {
  const config = configSchema("model", eventNames()).parse({});
  const measured = { dataBytes: 0, otherBytes: 0, cachedBy: undefined, weights: [] };
  const known = JSON.parse(deploymentText(target, config, measured)) as object;
  const facts = (found ?? {}) as Readonly<Record<string, unknown>>;
  const isMapping = (value: unknown) => typeof value === "object" && value !== null;
  return Object.entries(known)
    .filter(([key, value]) => (isMapping(value) ? !isMapping(facts[key]) : facts[key] === undefined))
    .map(([key]) => key);
}

function attempt<T>(action: () => T): T | ColdframeError {
  try {
    return action();
  } catch (error) {
    if (error instanceof ColdframeError) return error;
    throw error;
  }
}

/** The refusal that an action ends with. */
export function flawOf(action: () => unknown): ColdframeError | undefined {
  const result = attempt(action);
  return result instanceof ColdframeError ? result : undefined;
}
