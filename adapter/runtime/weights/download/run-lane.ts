// A lane in a thread of its own, as its thread has it: messages in, one message a job out. The other end is
// download/lanes.ts, which thread and when download/lane-thread.ts.

import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import type { Job, JobResult } from "./job.ts";
import { Lane, type LaneOptions } from "./lane.ts";

/** What the engine's thread says to a lane's. */
export type ToLane =
  | ({ readonly kind: "open" } & LaneOptions)
  | { readonly kind: "run"; readonly slot: number; readonly job: Job }
  | { readonly kind: "cancel" | "move"; readonly slot: number }
  | { readonly kind: "thaw" | "close" };

/** What it answers: one message a job. */
export interface FromLane {
  readonly slot: number;
  readonly result: JobResult;
}

/** What a thread started with `workerData.coldframe` "lane" does. */
export function runLane(): void {
  const port: MessagePort | null = workerData.port ?? parentPort;
  if (!port) return;
  let lane: Lane | undefined;
  port.on("message", async (message: ToLane) => {
    if (message.kind === "open") lane = new Lane(message);
    else if (message.kind === "run") {
      const result = await lane?.run(message.slot, message.job);
      if (result) port.postMessage({ slot: message.slot, result } satisfies FromLane);
    } else if (message.kind === "cancel") lane?.cancel(message.slot);
    else if (message.kind === "move") await lane?.move(message.slot);
    else if (message.kind === "thaw") lane?.thaw();
    else {
      await lane?.close();
      port.close();
    }
  });
}
