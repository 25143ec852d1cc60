// The end of a server: SIGTERM begins it, and the platform's SIGKILL would end it. First load balancers are told, then
// no new call is answered, then what is in flight is finished or, when time runs out, ended honestly; then the model is
// unloaded. Works for process 1, which the kernel spares every signal that it does not listen to.

import type { Server } from "node:http";
import { constants } from "node:os";
import type { Observer } from "../../contracts.ts";
import { writeLog } from "../../log.ts";
import { logAnything } from "../../observe/log-anything.ts";
import type { Exchanges } from "./exchange.ts";
import type { Platform } from "./platform.ts";
import type { Worker } from "./runpod-worker.ts";
import { goingAway, type Serving } from "./serving.ts";

/** What is kept of the time to unload, for the process to end by itself. */
const LAST_MS = 50;

export interface Closing {
  readonly servers: readonly Server[];
  readonly serving: Serving | undefined;
  readonly exchanges: Exchanges;
  readonly platform: Platform;
  readonly observer: Observer | undefined;
  /** What works without callers. */
  readonly worker: Worker | undefined;
}

/**
 * End the process well at SIGTERM and SIGINT, and at once when either comes a second time.
 * @param state asked when the signal comes
 */
export function endOnSignal(state: () => Closing): void {
  let begun = false;
  const listener = (signal: "SIGTERM" | "SIGINT") => {
    // What a shell makes of a process that a signal ended.
    if (begun) process.exit(128 + constants.signals[signal]);
    begun = true;
    const closing = state();
    // Who presses Ctrl-C has no load balancer.
    const noticeMs = signal === "SIGTERM" ? closing.platform.noticeMs : 0;
    void shutDown(closing, noticeMs).finally(() => process.exit(0));
  };
  process.on("SIGTERM", listener).on("SIGINT", listener);
}

/** @param noticeMs how long calls are still taken, while readiness says no */
async function shutDown(closing: Closing, noticeMs: number): Promise<void> {
  const { servers, serving, exchanges, platform, observer, worker } = closing;
  const { graceMs, marginMs } = platform;
  const endsAt = Date.now() + graceMs;
  const { callers } = exchanges;
  const inFlight = () => callers.inFlight + (worker?.inFlight ?? 0);
  writeLog("info", "shutting down", { grace_ms: graceMs, in_flight: inFlight() });
  const { instance } = serving?.model ?? {};
  serving?.leave();
  const drained = worker?.drain();
  await sleep(noticeMs);
  serving?.close();
  const allClosed = Promise.all([closeServers(servers, exchanges), drained]);
  await Promise.race([allClosed, sleep(endsAt - marginMs - Date.now())]);
  if (inFlight() > 0) {
    writeLog("warn", "the grace is over; ending what is in flight", { in_flight: inFlight() });
    callers.cancel(goingAway());
    worker?.cancel(goingAway());
    await Promise.race([allClosed, sleep(marginMs / 2)]);
  }
  const flushing = observer?.flush?.(endsAt - LAST_MS);
  try {
    await Promise.race([instance?.unload?.(), sleep(endsAt - LAST_MS - Date.now())]);
  } catch (error) {
    logAnything("error", "unload() failed", { error });
  }
  await flushing;
}

/** Stop listening; settles when the last connection has ended. */
export function closeServers(servers: readonly Server[], exchanges: Exchanges): Promise<unknown> {
  // A connection that was promised to be kept is idle once its answer has left.
  exchanges.onEnd = () => setImmediate(() => servers.forEach((server) => server.closeIdleConnections()));
  return Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
