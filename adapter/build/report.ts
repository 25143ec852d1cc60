// What a build tells its caller: sizes, warnings, and the files to watch.

import { join } from "node:path";
import { type FileSize, megabytes } from "./artifact.ts";
import type { Bundle } from "./bundle.ts";
import type { Inspection } from "./code-cache.ts";
import type { LoadedConfig } from "./config.ts";
import type { Target } from "./runtime-files.ts";
import type { BuiltWeights } from "./weights/build.ts";
import type { WeightsFact } from "./weights/facts.ts";

/** Larger zips reach Lambda only through S3. */
export const DIRECT_UPLOAD_LIMIT_BYTES = 50 * 2 ** 20;

export interface BuildReport {
  target: Target;
  /** Absolute: <outDir>/<target>. */
  directory: string;
  zip?: { path: string; bytes: number };
  unzippedBytes: number;
  bundleBytes: number;
  architecture: "arm64" | "x86_64";
  codeCache: "made" | "absent";
  /** The ten largest files; paths relative to `directory`. */
  largest: { path: string; bytes: number }[];
  /** In the order of config.yaml; as in deployment.json. */
  weights: WeightsFact[];
  /** Whether weights.lock.json was written. */
  locked: boolean;
  /** Of --optimize-onnx: what became of each model. */
  optimized: string[];
  /** Absolute paths of the templates that were filled with the facts of this build. */
  templates: string[];
  /** Of templates that were not: what they lack. */
  notes: string[];
  warnings: string[];
  milliseconds: number;
  /**
   * Absolute paths that, when changed, change the artifact; data_dir stands for its files, and a local folder of weights
   * for its own. npm packages are left out.
   */
  inputs: string[];
}

/** What a build tells its caller. */
export function report(
  started: number,
  outDir: string,
  { project, target, config, warnings }: LoadedConfig,
  bundle: Bundle,
  inspection: Inspection,
  sizes: readonly FileSize[],
  weights: BuiltWeights & { readonly locked: boolean },
  zipBytes: number | undefined,
): Omit<BuildReport, "optimized" | "templates" | "notes"> {
  const path = join(outDir, `${target}.zip`);
  const large = zipBytes !== undefined && zipBytes > DIRECT_UPLOAD_LIMIT_BYTES;
  return {
    target,
    directory: join(outDir, target),
    ...(zipBytes !== undefined && { zip: { path, bytes: zipBytes } }),
    unzippedBytes: sizes.reduce((sum, { bytes }) => sum + bytes, 0),
    bundleBytes: bundle.code.length,
    architecture: config.serverless.architecture,
    codeCache: inspection.cachedBy === undefined ? "absent" : "made",
    largest: sizes.slice(0, 10),
    weights: [...weights.facts],
    locked: weights.locked,
    warnings: [
      ...warnings,
      ...weights.warnings,
      ...bundle.warnings,
      ...inspection.warnings,
      ...(large
        ? [`lambda.zip has ${megabytes(zipBytes)}, allowed for a direct upload 50 MB; upload it through S3.`]
        : []),
    ],
    milliseconds: Math.round(performance.now() - started),
    inputs: [
      join(project, "config.yaml"),
      join(project, config.data_dir),
      join(project, config.examples_filename),
      ...weights.inputs,
      ...bundle.inputs,
    ],
  };
}
