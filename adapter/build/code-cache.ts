// Loads the finished bundle once in a child process: the model's shape is checked, and V8's code cache is kept so that
// the cold start compiles nothing. Source of the flags: Lambda starts Node with --expose-gc, which V8 hashes into the
// cache; --predictable makes it the same bytes every time and is not hashed. Both measured on Node 24; see the decisions in adapter/README.md.

import { execFile } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { stackReader } from "../runtime/stack.ts";
import type { LoadedConfig } from "./config.ts";
import { checkShape } from "./model-shape.ts";
import type { ModelFacts } from "./openapi.ts";
import { findPackage } from "./packages.ts";
import type { Cpu } from "./platform.ts";

const LOAD_LIMIT_MS = 30_000;
const OUTPUT_LIMIT_BYTES = 64 * 2 ** 20;

/** The first major version whose V8 takes a cache made with another heap size; Lambda sets one by memory. */
const FIRST_USABLE_MAJOR = 24;

export interface Inspection {
  /** The version that made bundle.cjs.cache; undefined when none was made. */
  readonly cachedBy: string | undefined;
  /** Absent when the model could not be loaded here. */
  readonly facts: ModelFacts | undefined;
  readonly warnings: readonly string[];
}

interface NodeBinary {
  readonly path: string;
  readonly version: string;
}

/**
 * Check the model in <directory>/bundle.cjs and write bundle.cjs.cache beside it.
 * @param wanted whether a cache is wanted at all
 * @throws MODEL_NOT_EXPORTED, MODEL_NO_PREDICT, MODEL_INVALID
 */
export async function inspectBundle(
  directory: string,
  loaded: LoadedConfig,
  cpu: Cpu,
  wanted: boolean,
  limitMs: number = LOAD_LIMIT_MS,
): Promise<Inspection> {
  const { runtime } = loaded.config.serverless;
  const major = Number.parseInt(runtime.slice("nodejs".length), 10);
  const node = findNode(major, loaded.project);
  const obstacle = wanted ? whyNot(runtime, major, node, cpu) : undefined;
  const maker = wanted && obstacle === undefined ? node : undefined;
  const child = { node: maker ?? node ?? thisNode(), withCache: maker !== undefined, limitMs };
  const outcome = await runChild(child, directory, loaded, cpu);
  return {
    cachedBy: outcome.ended ? undefined : maker?.version,
    facts: outcome.facts,
    warnings: [obstacle, outcome.warning].filter((warning) => warning !== undefined),
  };
}

function whyNot(runtime: string, major: number, node: NodeBinary | undefined, cpu: Cpu): string | undefined {
  if (major < FIRST_USABLE_MAJOR) {
    return `no code cache: V8 of ${runtime} refuses it under Lambda's heap flags; set serverless.runtime: nodejs24.x.`;
  }
  if (cpu !== process.arch) {
    return `no code cache: it is made on the function's processor, and this machine is ${process.arch}; build on ${cpu} for a faster cold start.`;
  }
  if (node === undefined) {
    return `no code cache: it is made by Node ${major}, and this is ${process.versions.node}; run \`npm i -D node@${major}\`.`;
  }
  return undefined;
}

function thisNode(): NodeBinary {
  return { path: process.execPath, version: process.versions.node };
}

/** This process's Node, or that of the `node` package of the project or of ours. */
function findNode(major: number, project: string): NodeBinary | undefined {
  if (process.versions.node.startsWith(`${major}.`)) return thisNode();
  return [project, import.meta.dirname]
    .map((folder) => findPackage("node", folder))
    .filter((found) => found?.version.startsWith(`${major}.`))
    .map((found) => ({ path: join(found?.folder ?? "", "bin", "node"), version: found?.version ?? "" }))
    .at(0);
}

interface Outcome {
  readonly facts?: ModelFacts;
  readonly warning?: string;
  /** The child ended before it wrote a cache. */
  readonly ended?: true;
}

/** What the child writes. */
interface ChildResult {
  readonly facts?: ModelFacts;
  readonly thrown?: {
    readonly name: string;
    readonly message: string;
    readonly stack?: string;
  };
}

interface Child {
  readonly node: NodeBinary;
  readonly withCache: boolean;
  readonly limitMs: number;
}

async function runChild(
  { node, withCache, limitMs }: Child,
  directory: string,
  { project, modelFile, config }: LoadedConfig,
  cpu: Cpu,
): Promise<Outcome> {
  const bundleFile = join(directory, "bundle.cjs");
  const resultFile = join(directory, "..", "inspection.json");
  const foreign = cpu !== process.arch;
  // The artifact's addons are for the function's processor; the project's may be for this one.
  const requireFrom = foreign ? join(project, ".coldframe", "bundle.cjs") : bundleFile;
  const program = join(import.meta.dirname, "code-cache-child.mjs");
  const cache = withCache ? [`${bundleFile}.cache`] : [];
  const args = ["--expose-gc", "--predictable", program, bundleFile, requireFrom, resultFile, ...cache];
  const ending = await run(node.path, args, {
    cwd: directory,
    env: { ...cleanEnvironment(), ...config.environment_variables },
    timeout: limitMs,
  });
  const result = await readFile(resultFile, "utf8").then(
    (text) => JSON.parse(text) as ChildResult,
    () => undefined,
  );
  if (result === undefined) {
    rmSync(`${bundleFile}.cache`, { force: true });
    return {
      ended: true,
      warning: `${modelFile} ${ending}; its shape is unchecked and there is no code cache.`,
    };
  }
  if (result.facts !== undefined) {
    checkShape(result.facts.shape, config.model_class_name, modelFile);
    return { facts: result.facts };
  }
  if (result.thrown === undefined) return {};
  const { name, message, stack } = result.thrown;
  // Addons for another processor are not expected to load here.
  if (foreign && existsSync(join(directory, "node_modules"))) return {};
  const thrown = `${name}: ${message.split("\n")[0]}${firstFrame(stack, bundleFile)}`;
  return {
    warning: `${modelFile} threw while being loaded at build time: ${thrown}; it will be loaded again at the cold start.`,
  };
}

/** ` (model/model.ts:3:14)`, or nothing. */
function firstFrame(stack: string | undefined, bundleFile: string): string {
  const error = Object.assign(new Error(), { stack: stack ?? "" });
  const frame = stackReader(bundleFile)(error)
    .split("\n")
    .find((line) => /^\s+at /.test(line));
  const place = frame === undefined ? undefined : /([^\s()]+:\d+):\d+\)?$/.exec(frame)?.[1];
  return place === undefined || place.startsWith("/") ? "" : ` (${place})`;
}

/** Flags of the caller would reach V8's flag hash, and coverage changes what is compiled. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _flags, NODE_V8_COVERAGE: _coverage, ...environment } = process.env;
  return environment;
}

/** How the child ended, as the end of a sentence; its output is the model's and is dropped. */
function run(
  node: string,
  args: string[],
  options: { cwd: string; env: NodeJS.ProcessEnv; timeout: number },
): Promise<string> {
  return new Promise((resolve) => {
    execFile(node, args, { ...options, maxBuffer: OUTPUT_LIMIT_BYTES, killSignal: "SIGKILL" }, (error) => {
      const ended = "ended the process that loaded it";
      if (error === null) resolve(ended);
      else if (error.killed) resolve(`was still loading after ${options.timeout / 1000} s`);
      else resolve(`${ended} with ${error.signal ?? `exit code ${error.code}`}`);
    });
  });
}
