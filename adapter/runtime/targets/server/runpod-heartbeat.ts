// A worker's sign of life: RunPod takes a worker for dead that says nothing, and gives its jobs to another one. From a
// thread of its own, since a predict that computes leaves the main thread no time.
// Source: github.com/runpod/runpod-python 1.12.0, runpod/serverless/modules/rp_ping.py, where it is a process.

import { Worker } from "node:worker_threads";
import { logAnything } from "../../observe/log-anything.ts";
import { type RunpodSettings, WIRE_VERSION } from "./runpod-api.ts";

/** Begin; the function returned says which jobs are in progress, whenever that changes. */
export function startHeartbeat(settings: RunpodSettings): (ids: Iterable<string>) => void {
  const { ping, authorization } = settings;
  if (!ping) return () => {};
  const workerData = { ...ping, authorization, version: WIRE_VERSION };
  const thread = new Worker(`(${pingForever})();`, { eval: true, workerData, name: "heartbeat" });
  thread.unref();
  thread.on("message", (reason) => logAnything("warn", "RunPod did not hear the heartbeat", { reason }));
  thread.on("error", (error) => logAnything("error", "the heartbeat ended", { error }));
  return (ids) => thread.postMessage([...ids].join(","));
}

/** Handed to the thread as text: uses nothing of this file. */
function pingForever(): void {
  const { parentPort, workerData } = process.getBuiltinModule("node:worker_threads");
  const { url, everyMs, authorization, version } = workerData;
  let jobs = "";
  let isLost = false;
  parentPort?.on("message", (ids) => {
    jobs = ids;
  });

  async function ping(): Promise<void> {
    const address = new URL(url);
    if (jobs) address.searchParams.set("job_id", jobs);
    address.searchParams.set("runpod_version", version);
    let reason: string | undefined;
    try {
      const signal = AbortSignal.timeout(2 * everyMs);
      const response = await fetch(address, { headers: { authorization }, signal });
      await response.arrayBuffer();
      if (!response.ok) reason = `status ${response.status}`;
    } catch (error) {
      reason = `${error}`;
    }
    // Said once, until it is heard again.
    if (reason && !isLost) parentPort?.postMessage(reason);
    isLost = reason !== undefined;
    // The SDK tries a lost one again after a second.
    setTimeout(ping, isLost ? Math.min(everyMs, 1000) : everyMs);
  }
  void ping();
}
