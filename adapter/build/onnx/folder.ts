// The ONNX models among the files of an artifact, or in a folder of weights before it is pushed: each is optimised, and
// what takes its place is told. One model is optimize.ts.

import { copyFileSync, linkSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { basename, dirname, join, posix, relative, sep } from "node:path";
import type { CopiedFile } from "../addon-layout.ts";
import { contentsOf, type OnnxOptimization, type OptimizeOnnxOptions, optimizeOnnx } from "./optimize.ts";

export interface OnnxFiles {
  /** As given, with the optimised models in place of the originals. */
  readonly files: readonly CopiedFile[];
  /** One for each model, in order. */
  readonly models: readonly OnnxOptimization[];
}

/**
 * Optimise every file that ends with .onnx.
 * @param folder absolute path; optimised models are written there, at their place in the artifact
 * @throws as `optimizeOnnx` does
 */
export async function optimizeOnnxFiles(
  files: readonly CopiedFile[],
  folder: string,
  options: OptimizeOnnxOptions,
): Promise<OnnxFiles> {
  const weights = weightsOf(files);
  const models: OnnxOptimization[] = [];
  const added = new Map<string, CopiedFile>();
  const dropped = new Set<string>();
  for (const { from, to } of files) {
    const own = weights.get(to);
    if (own === undefined) continue;
    const place = posix.dirname(to);
    const obstacle = obstacleTo(to, own, files, weights);
    const model =
      obstacle === undefined
        ? await optimizeOnnx(from, join(folder, place), options)
        : { model: from, written: [], note: obstacle };
    models.push(model);
    if (model.written.length > 0) for (const name of own) dropped.add(name);
    for (const path of model.written) {
      const at = posix.join(place, basename(path));
      added.set(at, { from: path, to: at });
    }
  }
  const others = files.filter(({ to }) => !added.has(to) && !dropped.has(to));
  return { files: [...others, ...added.values()].toSorted((a, b) => (a.to < b.to ? -1 : 1)), models };
}

/** Each model, and the files that hold its weights; both as `to`. @throws WEIGHTS_INVALID */
function weightsOf(files: readonly CopiedFile[]): ReadonlyMap<string, readonly string[]> {
  const models = files.filter(({ to }) => to.endsWith(".onnx"));
  return new Map(
    models.map(({ from, to }) => [
      to,
      contentsOf(from).externalFiles.map((name) => posix.join(posix.dirname(to), name)),
    ]),
  );
}

/** Why a model is left alone among these files. */
function obstacleTo(
  model: string,
  own: readonly string[],
  files: readonly CopiedFile[],
  weights: ReadonlyMap<string, readonly string[]>,
): string | undefined {
  const target = `${model}.data`;
  if (!own.includes(target) && files.some(({ to }) => to === target)) {
    return `${target}, the place for its weights, is another file`;
  }
  const shared = own.find((name) =>
    [...weights].some(([other, its]) => other !== model && its.includes(name)),
  );
  // Two copies of them would be fetched instead of one.
  return shared === undefined ? undefined : `another model has its weights in ${shared} too`;
}

/**
 * A copy of a folder with its ONNX models optimised: what `push-weights` sends instead. Other files are hard links where
 * the file system has them.
 * @param output absolute path of a folder that is not inside; what it held is gone
 * @throws as `optimizeOnnx` does
 */
export async function optimizeOnnxFolder(
  folder: string,
  output: string,
  options: OptimizeOnnxOptions,
): Promise<readonly OnnxOptimization[]> {
  if (`${output}${sep}`.startsWith(folder + sep)) throw new Error(`${output} is inside ${folder}`);
  rmSync(output, { recursive: true, force: true });
  const { files, models } = await optimizeOnnxFiles(list(folder), output, options);
  for (const { from, to } of files) {
    const target = join(output, to);
    if (from === target) continue;
    mkdirSync(dirname(target), { recursive: true });
    try {
      linkSync(from, target);
    } catch {
      copyFileSync(from, target);
    }
  }
  return models;
}

function list(folder: string): CopiedFile[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()
    .map((from) => ({ from, to: relative(folder, from).replaceAll(sep, "/") }));
}
