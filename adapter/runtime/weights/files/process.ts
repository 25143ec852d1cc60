// Which process this is, for marks that outlive it on disk, and whether the process of such a mark still runs. A pid
// alone is used again, and says nothing outside its pid namespace: containers that share a volume do not see each
// other's. Source: proc(5), namespaces(7).

import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

export interface ProcessName {
  readonly pid: number;
  /** Clock ticks from boot to the start of the process. Linux only, as are all that may be absent. */
  readonly startTicks?: string;
  readonly bootId?: string;
  readonly pidNamespace?: string;
  /** Where abstract sockets are seen. */
  readonly netNamespace?: string;
  readonly host: string;
}

let own: ProcessName | undefined;

/** The process that asks. */
export function thisProcess(): ProcessName {
  own ??= {
    pid: process.pid,
    ...known("startTicks", readStat(process.pid)?.startTicks),
    ...known("bootId", bootId()),
    ...known("pidNamespace", namespaceOf("pid")),
    ...known("netNamespace", namespaceOf("net")),
    host: hostname(),
  };
  return own;
}

/** Whether both are of one boot of one machine and see each other's pids. */
export const seesPidOf = (other: ProcessName, self = thisProcess()): boolean =>
  process.platform === "linux"
    ? other.bootId !== undefined && other.bootId === self.bootId && other.pidNamespace === self.pidNamespace
    : other.host === self.host;

/** Whether the process of a mark runs; only of one whose pid is seen from here. A zombie does not. */
export function runs({ pid, startTicks }: Pick<ProcessName, "pid" | "startTicks">): boolean {
  const stat = process.platform === "linux" ? readStat(pid) : undefined;
  if (stat !== undefined && startTicks !== undefined)
    return stat.startTicks === startTicks && !/[ZX]/.test(stat.state);
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: there is one, of another user; /proc may be hidden from us.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function readStat(pid: number): { state: string; startTicks: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name before it may hold anything, ")" and spaces too.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0] as string, startTicks: fields[19] as string };
  } catch {
    return undefined;
  }
}

/** Names one boot of one kernel; containers on it share it. */
export function bootId(): string | undefined {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  } catch {
    return undefined;
  }
}

function namespaceOf(kind: "pid" | "net"): string | undefined {
  try {
    return /\d+/.exec(readlinkSync(`/proc/self/ns/${kind}`))?.[0];
  } catch {
    return undefined;
  }
}

const known = (key: keyof ProcessName, value: string | undefined): object =>
  value === undefined ? {} : { [key]: value };
