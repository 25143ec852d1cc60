// Where an artifact is made: aside, and swapped in whole. A failed build leaves the last artifact as it was, and of two
// builds at once one wins completely.

import { mkdir, mkdtemp, readdir, rename, rm, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ColdframeError } from "../runtime/errors.ts";
import type { Target } from "./runtime-files.ts";

/** A swap takes milliseconds; a lock of this age was left by a build that was killed. */
const LOCK_STALE_MS = 10_000;

const STAGING_STALE_MS = 3_600_000;

/** An artifact in the making. */
export interface Staging {
  /** Absolute; becomes <outDir>/<target>. */
  readonly directory: string;
  /** Absolute; becomes <outDir>/<target>.zip if it exists. */
  readonly zip: string;
  /**
   * Put it in place of the last artifact. A zip of the last one goes too: it would no longer match.
   * @param beside writes what lies outside of the folder and belongs to this artifact: no other build is in between
   */
  swapIn(beside: () => Promise<void>): Promise<void>;
  discard(): Promise<void>;
}

/** @throws CONFIG_INVALID when <outDir>/<target> is someone else's folder */
export async function stage(outDir: string, target: Target): Promise<Staging> {
  await refuseForeignFolder(join(outDir, target));
  await mkdir(outDir, { recursive: true });
  await removeAbandoned(outDir, `.${target}-`);
  const root = await mkdtemp(join(outDir, `.${target}-`));
  const directory = join(root, target);
  const zip = join(root, `${target}.zip`);
  await mkdir(directory);
  const discard = () => rm(root, { recursive: true, force: true, maxRetries: 3 });
  const swapIn = async (beside: () => Promise<void>) => {
    await withLock(join(outDir, `.lock-${target}`), async () => {
      await rename(join(outDir, target), join(root, "last")).catch(ignoreMissing);
      await rename(directory, join(outDir, target));
      await rm(join(outDir, `${target}.zip`), { force: true });
      await rename(zip, join(outDir, `${target}.zip`)).catch(ignoreMissing);
      await beside();
    });
    await discard();
  };
  return { directory, zip, swapIn, discard };
}

/** What builds left that were killed. */
async function removeAbandoned(outDir: string, prefix: string): Promise<void> {
  for (const name of await readdir(outDir)) {
    if (!name.startsWith(prefix)) continue;
    const age = await ageMs(join(outDir, name));
    if (age > STAGING_STALE_MS) await rm(join(outDir, name), { recursive: true, force: true });
  }
}

/** Since the last change; 0 for what is gone. */
function ageMs(path: string): Promise<number> {
  return stat(path).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => 0,
  );
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
      const age = await ageMs(lock);
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
