// The weights of one build, from config.yaml to what the artifact gets: pin them, write the manifest, bundle the engine.
// Each of the three is a file of its own.

import { join } from "node:path";
import type { LoadedConfig } from "../config.ts";
import { bundleWeights, bundleWeightsThread } from "../parts.ts";
import type { Cpu } from "../platform.ts";
import { manifestText, weightsManifest } from "./artifact.ts";
import { cacheThread } from "./code-cache.ts";
import { storageWarnings, type WeightsFact, weightsFacts } from "./facts.ts";
import { hasLock, lockFile } from "./lock.ts";
import { type Pinned, pinWeights } from "./pin.ts";

/** A file of the artifact that is made, not copied. */
export interface MadeFile {
  readonly path: string;
  readonly contents: string | Uint8Array;
}

export interface BuiltWeights {
  readonly files: readonly MadeFile[];
  readonly facts: readonly WeightsFact[];
  /** What weights.lock.json has to say; undefined when it is not to be touched. */
  readonly lock: string | undefined;
  readonly warnings: readonly string[];
  /** Absolute paths that, when changed, change the weights. */
  readonly inputs: readonly string[];
}

export interface WeightsOptions {
  /** Paths of the files of data_dir, relative to it. */
  readonly data: readonly string[];
  readonly refresh: boolean;
  /** Sources with `local` are left to the folder, and nothing is looked up or locked. */
  readonly local: boolean;
  /** The processor of which the artifact gets a code cache; absent: none is wanted. */
  readonly cacheFor?: Cpu | undefined;
}

/** Pin the weights of a project. @throws as `pinWeights` does */
export function pinProject(loaded: LoadedConfig, { data, refresh, local }: WeightsOptions): Promise<Pinned> {
  const { project, config, weights, settings } = loaded;
  return pinWeights(weights, {
    project,
    lock: config.serverless.weights.lock,
    refresh,
    offline: local,
    data,
    environment: { ...process.env, ...config.environment_variables },
    secrets: settings.secrets,
  });
}

/** What the artifact gets of pinned weights. @throws BUNDLE_FAILED */
export async function buildWeights(
  loaded: LoadedConfig,
  pinned: Pinned,
  { data, local, cacheFor }: WeightsOptions,
): Promise<BuiltWeights> {
  const { project, target, config, weights } = loaded;
  if (weights.length === 0) return withoutWeights(project);
  const schemes = [...new Set(weights.map(({ scheme }) => scheme))].toSorted();
  const entries = pinned.entries.map(({ entry, files }) => ({
    entry,
    files: local && entry.local !== undefined ? undefined : files,
  }));
  const manifest = weightsManifest({ entries, config, data, ...(local && { localIn: project }) });
  const thread = await bundleWeightsThread(loaded, schemes);
  const { cache, warning } = cacheFor ? await cacheThread(loaded, cacheFor, thread, schemes) : {};
  const facts = weightsFacts(entries, config.environment_variables);
  return {
    files: [
      { path: "weights.json", contents: manifestText(manifest) },
      { path: "weights.cjs", contents: await bundleWeights(loaded) },
      { path: "weights-thread.cjs", contents: thread },
      ...(cache ? [{ path: "weights-thread.cjs.cache", contents: cache }] : []),
    ],
    facts,
    lock: pinned.lock,
    warnings: [
      ...pinned.warnings,
      ...(warning === undefined ? [] : [warning]),
      ...(local || target !== "lambda" ? [] : storageWarnings(facts, config)),
    ],
    inputs: [
      lockFile(project),
      ...weights.flatMap(({ local: folder }) => (local && folder !== undefined ? join(project, folder) : [])),
    ],
  };
}

function withoutWeights(project: string): BuiltWeights {
  const idle = hasLock(project)
    ? ["weights.lock.json pins nothing, since config.yaml names no weights; remove it."]
    : [];
  return { files: [], facts: [], lock: undefined, warnings: idle, inputs: [] };
}
