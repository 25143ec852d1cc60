// What is uploaded: the artifact of examples/scribe for both architectures, and the adapter's own share of a bundle.

import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { build } from "../adapter/build/build.ts";
import { adapterShare, total } from "./_adapter-share.ts";
import { scratchFolder } from "./_peers.ts";
import type { Result } from "./run.ts";

const ZIP_LIMIT = { arm64: 12_500_000, x86_64: 20_000_000 };

export async function run(): Promise<Result> {
  const figures: Record<string, number> = {};
  const project = join(import.meta.dirname, "..", "examples", "scribe");
  for (const architecture of ["arm64", "x86_64"] as const) {
    const outDir = mkdtempSync(join(scratchFolder(), architecture));
    const report = await build({ project, architecture, outDir });
    figures[`zip_bytes.${architecture}`] = report.zip?.bytes ?? Number.NaN;
    figures[`unzipped_bytes.${architecture}`] = report.unzippedBytes;
  }
  figures["adapter_min_bytes"] = total(await adapterShare());
  return {
    figures,
    bars: [
      { says: "zipped, arm64", value: figures["zip_bytes.arm64"] ?? 0, limit: ZIP_LIMIT.arm64 },
      { says: "zipped, x86_64", value: figures["zip_bytes.x86_64"] ?? 0, limit: ZIP_LIMIT.x86_64 },
      { says: "the adapter's own share, minified", value: figures["adapter_min_bytes"], limit: 20_000 },
    ],
    notes: [],
  };
}
