// Bundles _start.ts with the options of every artifact's weights.cjs.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { partOptions } from "../../esbuild.config.mjs";

/** The path of the bundle, in `folder`. */
export async function bundleStart(folder: string): Promise<string> {
  const outfile = join(folder, "weights.cjs");
  const entry = join(import.meta.dirname, "_start.ts");
  // The credentials are in the environment: AWS's SDK has nothing to do.
  const options = { folder, entry, outfile, runtime: "nodejs24.x" as const, external: ["@aws-sdk/*"] };
  const { outputFiles } = await build(partOptions(options));
  writeFileSync(outfile, outputFiles[0]?.contents ?? "");
  return outfile;
}
