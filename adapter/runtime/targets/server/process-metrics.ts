// What the server's process costs, under the names that every client library of Prometheus has for it. Asked when it is
// scraped and at no other time. Source: prometheus.io/docs/instrumenting/writing_clientlibs, "Process metrics".

import { readdirSync } from "node:fs";
import { performance } from "node:perf_hooks";
import type { Family } from "./exposition.ts";

/** One file for each open descriptor, of Linux. */
const DESCRIPTORS = "/proc/self/fd";

export function processMetrics(): Family[] {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  const descriptors = openDescriptors();
  const family = (name: string, type: Family["type"], help: string, value: number): Family => ({
    ...{ name, type, help },
    samples: [{ value }],
  });
  return [
    family("process_cpu_seconds_total", "counter", "User and system CPU time.", (user + system) / 1e6),
    family("process_resident_memory_bytes", "gauge", "Resident memory.", rss),
    family(
      "process_start_time_seconds",
      "gauge",
      "Start of the process, since the epoch.",
      Math.round(Date.now() / 1000 - process.uptime()),
    ),
    ...(descriptors === undefined
      ? []
      : [family("process_open_fds", "gauge", "Open file descriptors.", descriptors)]),
    family("nodejs_heap_size_used_bytes", "gauge", "Memory of JavaScript's objects.", heapUsed),
    family(
      "nodejs_eventloop_active_seconds_total",
      "counter",
      "Time in which the event loop had work: its rate is near 1 when nothing else can be answered.",
      performance.eventLoopUtilization().active / 1000,
    ),
  ];
}

function openDescriptors(): number | undefined {
  try {
    // One of them is open to read the folder.
    return readdirSync(DESCRIPTORS).length - 1;
  } catch {
    return undefined;
  }
}
