// What lies in the folder Lambda gets: writing it and weighing it. Where it is made is staging.ts.

import { constants } from "node:fs";
import { chmod, copyFile, link, mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ColdframeError } from "../runtime/errors.ts";
import type { CopiedFile } from "./addon-layout.ts";
import type { Bundle } from "./bundle.ts";
import { stubFile } from "./runtime-files.ts";
import type { MadeFile } from "./weights/build.ts";

/** Lambda's limit for an unzipped deployment package, layers included. */
export const UNZIPPED_LIMIT_BYTES = 262_144_000;

/** Lambda's user is not the builder: a file only its owner can read would be no use to it. */
const FILE_MODE = 0o644;

export interface FileSize {
  /** Relative to the artifact, with "/". */
  readonly path: string;
  readonly bytes: number;
}

/**
 * Write what is there before the bundle was run: code, addons, data and weights.
 * @param made files with contents of their own
 * @param quick link addons instead of copying them; for artifacts nobody keeps, since a link follows its source
 */
export async function fillArtifact(
  directory: string,
  bundle: Bundle,
  data: readonly CopiedFile[],
  made: readonly MadeFile[],
  quick: boolean,
): Promise<void> {
  await writeFile(join(directory, "bundle.cjs"), bundle.code);
  await writeFile(join(directory, "bundle.cjs.map"), bundle.map);
  for (const { path, contents } of made) await writeFile(join(directory, path), contents);
  // The stub promises the model a data folder, with or without files.
  await mkdir(join(directory, "data"));
  const files = [{ from: stubFile(), to: "index.mjs" }, ...bundle.addons, ...data];
  const folders = new Set(files.map(({ to }) => join(directory, dirname(to))));
  await Promise.all([...folders].map((folder) => mkdir(folder, { recursive: true })));
  const linked = new Set(quick ? bundle.addons : []);
  for (const file of files) {
    const to = join(directory, file.to);
    if (linked.has(file)) await link(file.from, to).catch(() => copyFile(file.from, to));
    else {
      await copyFile(file.from, to, constants.COPYFILE_FICLONE);
      await chmod(to, FILE_MODE);
    }
  }
}

/** Every file, largest first. */
export async function measure(directory: string): Promise<FileSize[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const sizes = await Promise.all(
    files.map(async (file) => ({
      path: file.slice(directory.length + 1).replaceAll("\\", "/"),
      bytes: (await stat(file)).size,
    })),
  );
  return sizes.toSorted((a, b) => b.bytes - a.bytes || (a.path < b.path ? -1 : 1));
}

/** All files together. */
export const totalBytes = (sizes: readonly FileSize[]): number =>
  sizes.reduce((sum, { bytes }) => sum + bytes, 0);

/** @throws ARTIFACT_TOO_LARGE naming the ten largest files of what is over Lambda's limit */
export function checkSize(sizes: readonly FileSize[]): number {
  const total = totalBytes(sizes);
  if (total <= UNZIPPED_LIMIT_BYTES) return total;
  const largest = sizes.slice(0, 10).map(({ path, bytes }) => `  ${megabytes(bytes).padStart(9)}  ${path}`);
  throw new ColdframeError(
    "ARTIFACT_TOO_LARGE",
    `the artifact has ${megabytes(total)} unzipped, allowed ${megabytes(UNZIPPED_LIMIT_BYTES)}; the largest files:\n${largest.join("\n")}`,
    { fix: "Leave files out of data/, or use a smaller or quantised model." },
  );
}

/** In Lambda's megabytes of 2^20 bytes. */
export function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MB`;
}
