// The folder Lambda gets, made aside and swapped in whole: a failed build leaves the last artifact as it was, and of two
// builds at once one wins completely.

import { constants } from "node:fs";
import {
  copyFile,
  link,
  mkdir,
  mkdtemp,
  readdir,
  rename,
  rm,
  rmdir,
  stat,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ColdframeError } from "../runtime/errors.ts";
import type { CopiedFile } from "./addon-layout.ts";
import type { Bundle } from "./bundle.ts";
import { stubFile } from "./runtime-files.ts";

/** Lambda's limit for an unzipped deployment package, layers included. */
const UNZIPPED_LIMIT_BYTES = 262_144_000;

/** A swap takes milliseconds; a lock of this age was left by a build that was killed. */
const LOCK_STALE_MS = 10_000;

export interface FileSize {
  /** Relative to the artifact, with "/". */
  readonly path: string;
  readonly bytes: number;
}

/** An artifact in the making. */
export interface Staging {
  /** Absolute; becomes <outDir>/lambda. */
  readonly directory: string;
  /** Absolute; becomes <outDir>/lambda.zip if it exists. */
  readonly zip: string;
  /** Put it in place of the last artifact. A zip of the last one goes too: it would no longer match. */
  swapIn(): Promise<void>;
  discard(): Promise<void>;
}

/** @throws CONFIG_INVALID when <outDir>/lambda is someone else's folder */
export async function stage(outDir: string): Promise<Staging> {
  await refuseForeignFolder(join(outDir, "lambda"));
  await mkdir(outDir, { recursive: true });
  const root = await mkdtemp(join(outDir, ".lambda-"));
  const directory = join(root, "lambda");
  const zip = join(root, "lambda.zip");
  await mkdir(directory);
  const discard = () => rm(root, { recursive: true, force: true, maxRetries: 3 });
  const swapIn = async () => {
    await withLock(join(outDir, ".lambda-lock"), async () => {
      await rename(join(outDir, "lambda"), join(root, "last")).catch(ignoreMissing);
      await rename(directory, join(outDir, "lambda"));
      await rm(join(outDir, "lambda.zip"), { force: true });
      await rename(zip, join(outDir, "lambda.zip")).catch(ignoreMissing);
    });
    await discard();
  };
  return { directory, zip, swapIn, discard };
}

/**
 * Write what is there before the bundle was run: code, addons and data.
 * @param quick link addons instead of copying them; for artifacts nobody keeps, since a link follows its source
 */
export async function fillArtifact(
  directory: string,
  bundle: Bundle,
  data: readonly CopiedFile[],
  quick: boolean,
): Promise<void> {
  await writeFile(join(directory, "bundle.cjs"), bundle.code);
  await writeFile(join(directory, "bundle.cjs.map"), bundle.map);
  // The stub promises the model a data folder, with or without files.
  await mkdir(join(directory, "data"));
  const files = [{ from: stubFile(), to: "index.mjs" }, ...bundle.addons, ...data];
  const folders = new Set(files.map(({ to }) => join(directory, dirname(to))));
  await Promise.all([...folders].map((folder) => mkdir(folder, { recursive: true })));
  const linked = new Set(quick ? bundle.addons : []);
  for (const file of files) {
    const to = join(directory, file.to);
    if (linked.has(file)) await link(file.from, to).catch(() => copyFile(file.from, to));
    else await copyFile(file.from, to, constants.COPYFILE_FICLONE);
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

/** @throws ARTIFACT_TOO_LARGE naming the ten largest files */
export function checkSize(sizes: readonly FileSize[]): number {
  const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
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

async function refuseForeignFolder(folder: string): Promise<void> {
  const names = await readdir(folder).catch((): string[] => []);
  if (names.length === 0 || names.includes("deployment.json")) return;
  throw new ColdframeError(
    "CONFIG_INVALID",
    `${folder} is not an artifact of coldframe, and the build would replace it.`,
    {
      fix: "Move the folder away, or build to another one.",
    },
  );
}

async function withLock(lock: string, swap: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      await mkdir(lock);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const age = await stat(lock).then(
        ({ mtimeMs }) => Date.now() - mtimeMs,
        () => 0,
      );
      if (age > LOCK_STALE_MS) await rmdir(lock).catch(ignoreMissing);
      else await sleep(10);
    }
  }
  try {
    await swap();
  } finally {
    await rmdir(lock).catch(ignoreMissing);
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}
