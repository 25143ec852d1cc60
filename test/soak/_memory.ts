// What a process holds: its heap after a garbage collection, its resident memory, its descriptors. Linux.

import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * V8 lets the young generation grow to three times 64 MB, by steps, as it sees fit. Held small here, so that resident
 * memory tells of what is kept.
 */
const YOUNG_MB = 8;

/** No connection that is being closed takes longer. */
const SETTLED_MS = 300;
const ASK_MS = 20;

export interface Watch {
  /** The process has this in its environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** In bytes. */
  heap(pid: number): Promise<number>;
}

/** @param folder to exchange files in */
export function watchMemory(folder: string, name: string): Watch {
  const file = join(folder, `${name}.json`);
  return {
    environment: {
      NODE_OPTIONS: [
        `--import=${join(import.meta.dirname, "_memory-hook.mjs")}`,
        `--max-semi-space-size=${YOUNG_MB}`,
      ].join(" "),
      SOAK_MEMORY_FILE: file,
    },
    async heap(pid) {
      rmSync(file, { force: true });
      process.kill(pid, "SIGUSR2");
      while (!existsSync(file)) await sleep(ASK_MS);
      const { heapUsed, external } = JSON.parse(readFileSync(file, "utf8")) as NodeJS.MemoryUsage;
      return heapUsed + external;
    },
  };
}

/** In bytes. */
export function residentMemory(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

const descriptors = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

/** How many there are once those that are being closed are closed. */
export async function settledDescriptors(pid: number): Promise<number> {
  let count = descriptors(pid);
  for (let quiet = 0; quiet < SETTLED_MS; quiet += ASK_MS) {
    await sleep(ASK_MS);
    const now = descriptors(pid);
    if (now !== count) quiet = 0;
    count = now;
  }
  return count;
}
