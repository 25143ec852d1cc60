// How much of a bundle is ours: the bytes that adapter/ has in the minified bundle of a project.

import { join } from "node:path";
import { build as esbuild } from "esbuild";
import { readConfig } from "../adapter/build/config.ts";
import { writeEntry } from "../adapter/build/entry.ts";
import { adapterFile } from "../adapter/build/runtime-files.ts";
import { bundleOptions } from "../esbuild.config.mjs";

/** Bytes by file of adapter/ in the bundle of examples/scribe. */
export async function adapterShare(): Promise<ReadonlyMap<string, number>> {
  const project = join(import.meta.dirname, "..", "examples", "scribe");
  const options = bundleOptions({
    folder: project,
    entry: writeEntry(readConfig(project)),
    outfile: join(project, ".coldframe", "bundle.cjs"),
    runtime: "nodejs24.x",
    adapter: adapterFile("index"),
    plugins: [
      {
        name: "addons",
        setup: (build) => build.onResolve({ filter: /^onnxruntime/ }, () => ({ external: true })),
      },
    ],
  });
  const { metafile } = await esbuild(options);
  const share = new Map<string, number>();
  for (const output of Object.values(metafile.outputs)) {
    for (const [file, { bytesInOutput }] of Object.entries(output.inputs)) {
      const name = /(?:^|\/)(adapter\/.*)$/.exec(file)?.[1];
      if (name !== undefined && bytesInOutput > 0) share.set(name, bytesInOutput);
    }
  }
  return share;
}

export function total(share: ReadonlyMap<string, number>): number {
  return [...share.values()].reduce((sum, bytes) => sum + bytes, 0);
}
