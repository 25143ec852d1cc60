// Bundles what the artifact carries beside bundle.cjs: weights.cjs, the engine with the sources in use, and aws-sdk.cjs.
// Neither holds anything of the model, so each is made once per process, however often a project is built again.

import { join } from "node:path";
import { build } from "esbuild";
import { partOptions } from "../../../esbuild.config.mjs";
import { bundleError } from "../bundle-problems.ts";
import type { LoadedConfig } from "../config.ts";
import { writeWeightsEntry } from "../entry.ts";
import { adapterFile } from "../runtime-files.ts";

/** weights.cjs, with the sources of these schemes. @throws BUNDLE_FAILED */
export function bundleWeights(loaded: LoadedConfig, schemes: readonly string[]): Promise<Uint8Array> {
  return once(loaded, `weights.cjs ${schemes.join()}`, {
    name: "weights.cjs",
    entry: () => writeWeightsEntry(loaded.project, schemes),
    // A file of its own, which a cold start on Lambda hardly ever reads.
    external: ["@aws-sdk/*"],
  });
}

/** aws-sdk.cjs: of AWS's SDK what finds credentials and addresses special buckets. @throws BUNDLE_FAILED */
export function bundleSdk(loaded: LoadedConfig): Promise<Uint8Array> {
  const entry = () => adapterFile("runtime/aws/sdk-entry");
  return once(loaded, "aws-sdk.cjs", { name: "aws-sdk.cjs", entry, external: [] });
}

interface Part {
  /** Its name in the artifact. */
  readonly name: string;
  /** Absolute path of what to bundle. */
  readonly entry: () => string;
  /** Packages that stay outside. */
  readonly external: string[];
}

const made = new Map<string, Promise<Uint8Array>>();

function once({ project, config }: LoadedConfig, what: string, part: Part): Promise<Uint8Array> {
  const { runtime } = config.serverless;
  const key = `${runtime} ${what}`;
  const before = made.get(key);
  if (before !== undefined) return before;
  const outfile = join(project, ".coldframe", part.name);
  const options = { folder: project, entry: part.entry(), outfile, runtime, external: part.external };
  const bundle = build(partOptions(options)).then(
    ({ outputFiles }) => outputFiles[0]?.contents ?? new Uint8Array(),
    (failure: unknown) => {
      // Another try may find the package installed.
      made.delete(key);
      throw bundleError(failure, project);
    },
  );
  made.set(key, bundle);
  return bundle;
}
