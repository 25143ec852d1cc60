// `coldframe build --optimize-onnx`: which models of a project are optimised, and where the results go. Those of data_dir
// go into the artifact; a folder of weights gets a copy beside it in the output, which is what push-weights should send.

import { join } from "node:path";
import type { CopiedFile } from "../addon-layout.ts";
import type { LoadedConfig } from "../config.ts";
import { describeOptimization, type OnnxOptimization } from "./optimize.ts";
import { optimizeOnnxFiles, optimizeOnnxFolder } from "./folder.ts";

export interface OptimizedProject {
  /** The files of data_dir, with the optimised models in place of the originals. */
  readonly data: readonly CopiedFile[];
  /** What was done, a sentence for each model and each folder. */
  readonly sentences: readonly string[];
}

/**
 * @param data as `listData` has them
 * @throws as `optimizeOnnx` does
 */
export async function optimizeProject(
  { project, weights }: LoadedConfig,
  data: readonly CopiedFile[],
  outDir: string,
  onStep: (step: string) => void,
): Promise<OptimizedProject> {
  const options = { project, onStep };
  const { files, models } = await optimizeOnnxFiles(data, join(outDir, "optimized"), options);
  const sentences = models.map(describeOptimization);
  const folders = new Map(
    weights.flatMap(({ local, source }) => (local === undefined ? [] : [[local, source] as const])),
  );
  for (const [local, source] of folders) {
    const output = join(outDir, "weights", local);
    const optimized = await optimizeOnnxFolder(join(project, local), output, options);
    sentences.push(...optimized.map(describeOptimization));
    if (optimized.some(wasWritten))
      sentences.push(`Push it with: coldframe push-weights ${output} ${source}`);
  }
  return { data: files, sentences };
}

const wasWritten = ({ written }: OnnxOptimization): boolean => written.length > 0;
