// Reads <project>/config.yaml and hands out what the build needs of it, checked and with defaults. The keys are in
// config-schema.ts, the wording of refusals in config-problems.ts, the rules of weights in weights/config.ts; the rules
// here are those of the rest that span several keys.

import { existsSync, readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { type Document, LineCounter, parseDocument } from "yaml";
import type { Settings } from "../runtime/contracts.ts";
import { ColdframeError } from "../runtime/errors.ts";
import { secretVariable } from "../runtime/secrets.ts";
import { configError, placeOf, type Problem, toProblems } from "./config-problems.ts";
import { type Config, configSchema, toMegabytes } from "./config-schema.ts";
import { checkEnvironment } from "./environment.ts";
import { takesStreams } from "./event-sources.ts";
import { EVENT_KEYS } from "./events-schema.ts";
import { eventNames, type Target, weightsSchemes } from "./runtime-files.ts";
import { checkLambda, MAX_MEMORY_MB, memoryRange } from "./lambda-schema.ts";
import { type ConfiguredWeights, readWeights } from "./weights/config.ts";

/** One project's config.yaml. */
export interface LoadedConfig {
  /** Absolute. */
  readonly project: string;
  /** What it was read for. */
  readonly target: Target;
  readonly config: Config;
  readonly settings: Settings;
  /** Relative to the project, with "/": `model/model.ts`. */
  readonly modelFile: string;
  /** `weights` and Truss's older keys, in the order of the file. */
  readonly weights: readonly ConfiguredWeights[];
  readonly warnings: readonly string[];
}

/**
 * Read and check config.yaml.
 * @throws CONFIG_NOT_FOUND; CONFIG_INVALID or CONFIG_UNKNOWN_KEY with every problem of the file in `issues`
 */
export function readConfig(project: string, target: Target = "lambda"): LoadedConfig {
  const root = resolve(project);
  const { document, lines } = parse(readText(root));
  const schema = configSchema(basename(root), eventNames());
  const written = withoutEmptySections(document.toJS() ?? {});
  const result = schema.safeParse(written);
  const weights = readWeights(isMapping(written) ? written : {}, root, weightsSchemes());
  const problems = [
    ...(result.success ? [] : toProblems(result.error, schema, written)),
    ...crossChecks(result.success ? result.data : (written as Partial<Config>), target),
    ...checkEventKeys(written),
    ...weights.problems,
  ];
  if (problems.length > 0 || !result.success) throw configError(problems, document, lines);
  const config = result.data;
  const placed = (path: readonly PropertyKey[]) => placeOf(path, document, lines);
  return {
    project: root,
    target,
    config,
    settings: toSettings(config, target),
    modelFile: join(config.model_module_dir, config.model_class_filename).replaceAll("\\", "/"),
    weights: weights.entries.map((entry, i) => ({ ...entry, place: placed(weights.paths[i] ?? []) })),
    warnings: [
      ...document.warnings.map((warning) => `config.yaml: ${warning.message}`),
      ...(target === "lambda" ? cpuWarning(config) : []),
      ...(target === "lambda"
        ? streamWarning(config, written).map((told) => `${placed(STREAM_KEY)}: ${told}`)
        : []),
      ...weights.notes.map(({ path, sentence }) => `${placed(path)}: ${sentence}`),
    ],
  };
}

function readText(project: string): string {
  const file = join(project, "config.yaml");
  if (existsSync(file)) return readFileSync(file, "utf8");
  const misnamed = ["config.yml", "Config.yaml", "config.json"].find((name) =>
    existsSync(join(project, name)),
  );
  throw new ColdframeError(
    "CONFIG_NOT_FOUND",
    `no config.yaml in ${project}${misnamed ? `, but ${misnamed}` : ""}.`,
    {
      fix:
        misnamed === undefined
          ? "Run the command in a project's folder, or name one."
          : `Rename ${misnamed} to config.yaml.`,
    },
  );
}

function parse(text: string): { document: Document; lines: LineCounter } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length === 0) return { document, lines };
  const issues = document.errors.map((error) => {
    const { line, col } = lines.linePos(error.pos[0]);
    const key = text.slice(error.pos[0]).match(/^[^\s:]+/)?.[0];
    const sentence =
      error.code === "DUPLICATE_KEY"
        ? `${key}: found twice, allowed once`
        : error.message.replace(/; please use .*/, ", allowed one");
    return { path: "", message: `config.yaml:${line}:${col}: ${sentence}` };
  });
  throw new ColdframeError("CONFIG_INVALID", issues.map((issue) => issue.message).join("\n"), { issues });
}

/** Keys of a free map may be null; anywhere else an empty value means that the key is not set. */
const FREE_MAPS = new Set(["model_metadata", "environment_variables", "secrets"]);

function withoutEmptySections(value: unknown, depth = 0): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutEmptySections(item, depth + 1));
  if (!isMapping(value)) return value;
  const entries = Object.entries(value).filter(([, child]) => child !== null);
  return Object.fromEntries(
    entries.map(([key, child]) => [
      key,
      depth === 0 && FREE_MAPS.has(key) ? child : withoutEmptySections(child, depth + 1),
    ]),
  );
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** Rules over more than one key. Run on an invalid config too, so that all problems are told at once. */
function crossChecks(config: Partial<Config>, target: Target): Problem[] {
  const problems: Problem[] = [
    ...checkEnvironment(config.environment_variables, target),
    ...checkSecretNames(config.secrets),
  ];
  const memory = toMegabytes(
    typeof config.resources?.memory === "string" ? config.resources.memory : undefined,
  );
  if (target !== "lambda") return problems;
  problems.push(...checkLambda(config));
  const [from, to] = memoryRange(config.serverless?.managed_instances !== undefined);
  if (memory !== undefined && config.resources !== undefined && (memory < from || memory > to)) {
    const sentence = `found ${JSON.stringify(config.resources.memory)} (${memory} MB), allowed ${from} to ${to} MB`;
    problems.push({ path: ["resources", "memory"], sentence });
  }
  return problems;
}

function checkSecretNames(secrets: unknown): Problem[] {
  if (secrets === null || typeof secrets !== "object" || Array.isArray(secrets)) return [];
  const owners = new Map<string, string>();
  const problems: Problem[] = [];
  for (const name of Object.keys(secrets)) {
    const variable = secretVariable(name);
    const owner = owners.get(variable);
    if (owner === undefined) owners.set(variable, name);
    else
      problems.push({
        path: ["secrets", name],
        sentence: `reads ${variable}, as "${owner}" does; rename one.`,
      });
  }
  return problems;
}

/** What is written for a source that is not there would do nothing. */
function checkEventKeys(written: unknown): Problem[] {
  const serverless = isMapping(written) ? written["serverless"] : undefined;
  if (!isMapping(serverless)) return [];
  const events = Array.isArray(serverless["events"]) ? serverless["events"] : [];
  return Object.keys(EVENT_KEYS)
    .filter((name) => name in serverless && !events.includes(name))
    .map((name) => ({
      path: ["serverless", name],
      sentence: `is for the event source ${name}, which serverless.events does not name; add it there`,
    }));
}

/** Lambda has no CPU setting: a Truss config that asks for more cores than its memory brings should know. */
function cpuWarning(config: Config): string[] {
  const { cpu } = config.resources;
  if (cpu === undefined || config.serverless.managed_instances !== undefined) return [];
  const cores = typeof cpu === "string" && cpu.endsWith("m") ? Number.parseFloat(cpu) / 1000 : Number(cpu);
  const wanted = Math.min(MAX_MEMORY_MB, Math.ceil(cores * 1769));
  if (wanted <= config.serverless.memory) return [];
  return [`resources.cpu: Lambda gives CPU by memory; ${cores} cores need serverless.memory: ${wanted}.`];
}

/** Written, and not the default: somebody counts on it. */
const STREAM_KEY = ["serverless", "url", "invoke_mode"] as const;

/** The mode is the URL's, the events say who calls: where none of them can be streamed to, answers are whole. */
function streamWarning({ serverless: { events } }: Config, written: unknown): string[] {
  const found = STREAM_KEY.reduce((value, key) => (isMapping(value) ? value[key] : undefined), written);
  if (found !== "response_stream" || events.some(takesStreams)) return [];
  const able = eventNames().filter(takesStreams).join(", ");
  return [
    `found response_stream, but nothing streams to ${events.join(", ")}, so answers are buffered; ` +
      `add one of ${able} to serverless.events, or remove the key.`,
  ];
}

function toSettings(config: Config, target: Target): Settings {
  return {
    modelName: config.model_name,
    className: config.model_class_name,
    predictConcurrency: config.runtime.predict_concurrency,
    ...(target === "server" && { maxQueue: config.server.max_queue }),
    streamingReadTimeoutMs: config.runtime.streaming_read_timeout * 1000,
    loadTimeoutMs: config.runtime.load_timeout_seconds * 1000,
    secrets: config.secrets,
  };
}
