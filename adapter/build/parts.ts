// Bundles what the artifact carries beside bundle.cjs: late.cjs; weights.cjs, which starts the fetch of weights, and
// weights-thread.cjs, which is the engine with the sources in use; and aws-sdk.cjs. None holds anything of the model, so
// each is made once per process, however often a project is built again.

import { join, resolve } from "node:path";
import { build, type Plugin } from "esbuild";
import { partOptions } from "../../esbuild.config.mjs";
import { bundleError } from "./bundle-problems.ts";
import type { LoadedConfig } from "./config.ts";
import { writeWeightsEntry } from "./entry.ts";
import { adapterFile } from "./runtime-files.ts";

/** weights.cjs: what the stub opens. @throws BUNDLE_FAILED */
export function bundleWeights(loaded: LoadedConfig): Promise<Uint8Array> {
  const entry = () => adapterFile("runtime/weights-open");
  return once(loaded, "weights.cjs", { name: "weights.cjs", entry });
}

/** weights-thread.cjs, with the sources of these schemes. @throws BUNDLE_FAILED */
export function bundleWeightsThread(loaded: LoadedConfig, schemes: readonly string[]): Promise<Uint8Array> {
  return once(loaded, `weights-thread.cjs ${schemes.join()}`, {
    name: "weights-thread.cjs",
    entry: () => writeWeightsEntry(loaded.project, schemes),
    // A file of its own, which a cold start on Lambda hardly ever reads.
    external: ["@aws-sdk/*"],
  });
}

/** aws-sdk.cjs: of AWS's SDK what finds credentials and addresses special buckets. @throws BUNDLE_FAILED */
export function bundleSdk(loaded: LoadedConfig): Promise<Uint8Array> {
  const entry = () => adapterFile("runtime/aws/sdk-entry");
  return once(loaded, "aws-sdk.cjs", { name: "aws-sdk.cjs", entry });
}

/** The name under which late.cjs asks for the errors of bundle.cjs; see stub.mjs. */
const ERRORS = "coldframe:errors";

// A second ColdframeError is one that `instanceof` does not know.
const sharedErrors: Plugin = {
  name: "shared errors",
  setup: ({ onResolve }) => {
    const file = adapterFile("runtime/errors");
    onResolve({ filter: /\/errors\.[jt]s$/ }, ({ path, resolveDir }) =>
      resolve(resolveDir, path) === file ? { path: ERRORS, external: true } : undefined,
    );
  },
};

/** late.cjs: what some calls need and no cold start does. @throws BUNDLE_FAILED */
export function bundleLate(loaded: LoadedConfig): Promise<Uint8Array> {
  const entry = () => adapterFile("runtime/late");
  return once(loaded, "late.cjs", { name: "late.cjs", entry, plugins: [sharedErrors] });
}

interface Part {
  /** Its name in the artifact. */
  readonly name: string;
  /** Absolute path of what to bundle. */
  readonly entry: () => string;
  /** Packages that stay outside. */
  readonly external?: string[];
  readonly plugins?: Plugin[];
}

const made = new Map<string, Promise<Uint8Array>>();

function once({ project, config }: LoadedConfig, what: string, part: Part): Promise<Uint8Array> {
  const { runtime } = config.serverless;
  const key = `${runtime} ${what}`;
  const before = made.get(key);
  if (before !== undefined) return before;
  const outfile = join(project, ".coldframe", part.name);
  const options = { ...part, folder: project, entry: part.entry(), outfile, runtime };
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
