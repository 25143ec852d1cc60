// The thread of a further lane, seen from whoever starts it: when one is worth it, what it is started with. Imports
// nothing, because the main thread of a cold start reads it before anything is fetched. What runs in it is download/run-lane.ts.

import { availableParallelism } from "node:os";
import { type MessagePort, Worker } from "node:worker_threads";

/** From this much on, a second thread earns the 40 ms and the memory that it costs. */
const MANY_BYTES = 256 * 1024 * 1024;
/** Below, a function has so little network that one thread fills it. */
const LARGE_FUNCTION_MB = 5120;
/** A lane keeps next to nothing on the heap. */
const HEAP_MB = 64;

/** How many lanes serve this many bytes here. */
export function lanesFor(bytes: number, environment: Readonly<Record<string, string | undefined>>): number {
  const memoryMb = Number(environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] ?? Number.POSITIVE_INFINITY);
  return bytes > MANY_BYTES && memoryMb >= LARGE_FUNCTION_MB && availableParallelism() >= 2 ? 2 : 1;
}

/**
 * @param file calls `runLane` when `workerData.coldframe` is "lane"
 * @param port what the lane listens to. Absent: the worker itself
 */
export function startLaneThread(file: string, port?: MessagePort): Worker {
  return new Worker(file, {
    workerData: { coldframe: "lane", port },
    ...(port && { transferList: [port] }),
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
  });
}
