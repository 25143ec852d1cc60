// How much memory files on a tmpfs may still take: what they hold counts against the cgroup of the container, whose
// limit kills the process without a word. Source: docs.kernel.org/admin-guide/cgroup-v2.html (memory.max, memory.stat),
// cgroups(7), tmpfs(5).

import { readFileSync, statfsSync } from "node:fs";
import { dirname, join } from "node:path";

/** `f_type` of a tmpfs: statfs(2). */
const TMPFS = 0x01021994;

/** A cgroup of version 1 without a limit has a number near 2^63. */
const NO_LIMIT = 2 ** 62;

export const isTmpfs = (folder: string): boolean => statfsSync(folder).type === TMPFS;

/**
 * Bytes of memory until the strictest limit above this process, counting the page cache as free, and no more than the
 * machine has left. `undefined` where that cannot be known.
 * @param system what is mounted at "/", for tests
 */
export function memoryLeft(system = "/"): number | undefined {
  const limits = cgroupFolders(system).map(leftIn);
  const known = [...limits, machineLeft(system)].filter((left) => left !== undefined);
  return known.length === 0 ? undefined : Math.max(0, Math.min(...known));
}

interface CgroupFolder {
  readonly folder: string;
  readonly version: 1 | 2;
}

/** Of this process and all above it: each has a limit of its own. */
function cgroupFolders(system: string): CgroupFolder[] {
  const lines = (read(join(system, "proc/self/cgroup")) ?? "").split("\n");
  return lines.flatMap((line): CgroupFolder[] => {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === "") return upwards(join(system, "sys/fs/cgroup"), path as string, 2);
    if (controllers?.split(",").includes("memory"))
      return upwards(join(system, "sys/fs/cgroup/memory"), path as string, 1);
    return [];
  });
}

// In a container without a cgroup namespace the path is the host's: its own limit is then at the mount itself.
function upwards(mount: string, path: string, version: 1 | 2): CgroupFolder[] {
  const folders: CgroupFolder[] = [];
  for (let at = path; ; at = dirname(at)) {
    folders.push({ folder: join(mount, at), version });
    if (dirname(at) === at) return folders;
  }
}

function leftIn({ folder, version }: CgroupFolder): number | undefined {
  const [max, used] =
    version === 2 ? ["memory.max", "memory.current"] : ["memory.limit_in_bytes", "memory.usage_in_bytes"];
  const limit = Number(read(join(folder, max)) ?? Number.NaN);
  // "max" is no number.
  if (!Number.isFinite(limit) || limit >= NO_LIMIT) return undefined;
  const stat = read(join(folder, "memory.stat")) ?? "";
  const prefix = version === 2 ? "" : "total_";
  const cache = field(stat, `${prefix}inactive_file`, 1) + field(stat, `${prefix}active_file`, 1);
  return limit - Number(read(join(folder, used)) ?? 0) + cache;
}

function machineLeft(system: string): number | undefined {
  const info = read(join(system, "proc/meminfo"));
  return info === undefined ? undefined : field(info, "MemAvailable:", 1024) + field(info, "SwapFree:", 1024);
}

const field = (text: string, name: string, unit: number): number =>
  Number(new RegExp(`^${name}\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0) * unit;

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "latin1").trim();
  } catch {
    return undefined;
  }
}
