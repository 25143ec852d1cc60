// Loads the finished bundle once in a child process: the model's shape is checked, and V8's code cache is kept so that
// the cold start compiles nothing. Which Node does that is function-node.ts; see the decisions in adapter/README.md.

import { existsSync, rmSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stackReader } from "../runtime/stack.ts";
import type { LoadedConfig } from "./config.ts";
import { type Example, exampleWarnings } from "./example-inputs.ts";
import {
  CACHE_FLAGS,
  cleanEnvironment,
  functionNode,
  type NodeBinary,
  runNode,
  thisNode,
} from "./function-node.ts";
import { checkBatch, checkShape } from "./model-shape.ts";
import type { ModelFacts } from "./openapi.ts";
import type { Cpu } from "./platform.ts";

const LOAD_LIMIT_MS = 30_000;
export interface Inspection {
  /** The version that made bundle.cjs.cache; undefined when none was made. */
  readonly cachedBy: string | undefined;
  /** Absent when the model could not be loaded here. */
  readonly facts: ModelFacts | undefined;
  readonly warnings: readonly string[];
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
  examples: readonly Example[] = [],
): Promise<Inspection> {
  const { node, obstacle: useless } = functionNode(loaded, cpu);
  const obstacle = wanted ? useless : undefined;
  const maker = wanted && obstacle === undefined ? node : undefined;
  const child = { node: maker ?? node ?? thisNode(), withCache: maker !== undefined, limitMs, examples };
  const outcome = await runChild(child, directory, loaded, cpu);
  return {
    cachedBy: outcome.ended ? undefined : maker?.version,
    facts: outcome.facts,
    warnings: [
      ...[obstacle, outcome.warning].filter((warning) => warning !== undefined),
      ...(outcome.facts?.notes.map((note) => `${loaded.modelFile}: ${note}`) ?? []),
      ...exampleWarnings(examples, outcome.facts?.examples ?? []),
    ],
  };
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
  readonly examples: readonly Example[];
}

async function runChild(
  { node, withCache, limitMs, examples }: Child,
  directory: string,
  { project, modelFile, config }: LoadedConfig,
  cpu: Cpu,
): Promise<Outcome> {
  const bundleFile = join(directory, "bundle.cjs");
  const resultFile = join(directory, "..", "inspection.json");
  const questionsFile = join(directory, "..", "questions.json");
  await writeFile(questionsFile, JSON.stringify({ project, examples: examples.map(({ input }) => input) }));
  const foreign = cpu !== process.arch;
  // The artifact's addons are for the function's processor; the project's may be for this one.
  const requireFrom = foreign ? join(project, ".coldframe", "bundle.cjs") : bundleFile;
  const program = join(import.meta.dirname, "code-cache-child.mjs");
  const cache = withCache ? [`${bundleFile}.cache`] : [];
  const files = [bundleFile, requireFrom, questionsFile, resultFile, ...cache];
  const args = [...CACHE_FLAGS, program, ...files];
  const ending = await runNode(node.path, args, {
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
    const note = checkBatch(result.facts.shape, config.runtime.batch !== undefined, modelFile);
    return { facts: result.facts, ...(note !== undefined && { warning: note }) };
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
