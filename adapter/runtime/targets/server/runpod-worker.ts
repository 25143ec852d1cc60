// A worker of RunPod's queue: takes jobs while there is room for them, does them, stops those that nobody wants any more,
// and at the end takes none. The wire is runpod-api.ts, one job runpod-job.ts.
// Source: github.com/runpod/runpod-python 1.12.0, runpod/serverless/modules/rp_scale.py.

import { setTimeout as pause } from "node:timers/promises";
import { Cancellation } from "../../call.ts";
import type { Observer } from "../../contracts.ts";
import { ColdframeError } from "../../errors.ts";
import { writeLog } from "../../log.ts";
import { logAnything } from "../../observe/log-anything.ts";
import { createRoutes, type Environment } from "../../routes.ts";
import { inCall } from "./console-lines.ts";
import { createRunpodApi, type Job, type RunpodSettings, TooMany } from "./runpod-api.ts";
import { startHeartbeat } from "./runpod-heartbeat.ts";
import { doJob } from "./runpod-job.ts";

/** Work that is no request of a caller that is connected. */
export interface Worker {
  readonly inFlight: number;
  /** Take nothing any more; resolves when nothing is in flight. */
  drain(): Promise<void>;
  /** End what is in flight. */
  cancel(reason: Error): void;
}

/** What a worker does jobs with. */
export interface WorkerOptions {
  readonly settings: RunpodSettings;
  /** With a cold start that goes on when the server closes: what was taken is to be done. */
  readonly environment: Environment;
  readonly observer: Observer | undefined;
  /** How many jobs at a time. */
  readonly parallel: number;
}

/** The origin of jobs, in `invocation.source` and in metrics. */
const SOURCE = "runpod";

const BUSY_PAUSE_MS = 5_000;
const ERROR_PAUSE_MS = 1_000;

/** RunPod holds a question open; where it does not, this keeps a worker from asking all the time. */
const EMPTY_PAUSE_MS = 200;
const STOP_PAUSE_MS = 1_000;

/** Take jobs from now on. */
export function startWorker({ settings, environment, observer, parallel }: WorkerOptions): Worker {
  const api = createRunpodApi(settings);
  const tell = startHeartbeat(settings);
  const tools = { api, environment, route: createRoutes(environment), workerId: settings.workerId };
  const jobs = new Map<string, Cancellation>();
  const leaving = new AbortController();
  const { signal } = leaving;
  let wake = () => {};

  async function run(job: Job): Promise<void> {
    const cancellation = new Cancellation();
    const origin = {
      id: job.id,
      source: SOURCE,
      event: job,
      deadline: Number.POSITIVE_INFINITY,
      tenantId: undefined,
      cancellation,
    };
    jobs.set(job.id, cancellation);
    tell(jobs.keys());
    const observation = observer?.begin(origin, undefined, { input: job.input, event: job });
    const watched = { ...origin, observation };
    await inCall(watched, () => doJob(job, watched, tools));
    observation?.end();
    cancellation.end();
    jobs.delete(job.id);
    tell(jobs.keys());
    wake();
  }

  async function takeJobs(): Promise<void> {
    const room = parallel - jobs.size;
    if (room <= 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      return;
    }
    const asked = performance.now();
    const taken = await api.take(room, jobs.size > 0, signal);
    for (const job of taken) {
      if (typeof job?.id !== "string") writeLog("error", "RunPod gave a job without an id");
      // Given again, it is being done.
      else if (!jobs.has(job.id)) void run(job);
    }
    if (taken.length === 0 && performance.now() - asked < EMPTY_PAUSE_MS) await pause(EMPTY_PAUSE_MS);
  }

  async function stopJobs(): Promise<void> {
    const ids = await api.stopped(signal);
    for (const id of ids) {
      jobs.get(id)?.cancel(new ColdframeError("CANCELLED", "RunPod stopped the job."));
    }
    if (ids.length === 0) await pause(STOP_PAUSE_MS, undefined, { signal });
  }

  async function forever(what: string, turn: () => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      try {
        await turn();
      } catch (error) {
        // Nothing came for as long as one waits; or this worker leaves.
        if (signal.aborted || (error as Error).name === "TimeoutError") continue;
        if (!(error instanceof TooMany)) logAnything("error", `${what} failed; trying again`, { error });
        await pause(error instanceof TooMany ? BUSY_PAUSE_MS : ERROR_PAUSE_MS, undefined, { signal }).catch(
          () => {},
        );
      }
    }
  }

  writeLog("info", "taking jobs of RunPod's queue", { worker_id: settings.workerId, parallel });
  const taking = forever("taking jobs", takeJobs);
  if (settings.stopUrl) void forever("asking which jobs to stop", stopJobs);
  else writeLog("warn", "RunPod's address is not of the known form: single jobs cannot be stopped");

  return {
    get inFlight() {
      return jobs.size;
    },
    async drain() {
      // A job that is handed over in this very moment is lost to this worker; RunPod gives it to the next one.
      leaving.abort();
      wake();
      await taking;
      while (jobs.size > 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    cancel(reason) {
      for (const cancellation of jobs.values()) cancellation.cancel(reason);
    },
  };
}
