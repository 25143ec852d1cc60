// The wire between a worker and RunPod's queue: which addresses it was given, how jobs are taken, and how results leave.
// What is done with a job is runpod-job.ts. Source: github.com/runpod/runpod-python 1.12.0, runpod/serverless/modules:
// rp_job.py, rp_http.py, rp_scale.py, worker_state.py; runpod/http_client.py.

import { randomUUID } from "node:crypto";
import { ColdframeError } from "../../errors.ts";
import { encodeJson } from "../../json.ts";

/** What RunPod says to a container that is to take jobs. */
export interface RunpodSettings {
  readonly workerId: string;
  /** Jobs are asked for here. */
  readonly takeUrl: string;
  /** Absent where the address has no known form. */
  readonly stopUrl: string | undefined;
  /** Both with `$ID` in place of the job's. */
  readonly outputUrl: string;
  readonly streamUrl: string | undefined;
  readonly authorization: string;
  /** Absent: nobody waits for a sign of life. */
  readonly ping: { readonly url: string; readonly everyMs: number } | undefined;
}

/** A job as it is taken. */
export interface Job {
  readonly id: string;
  readonly input: unknown;
  readonly [field: string]: unknown;
}

export interface RunpodApi {
  /**
   * Wait for jobs, at most `count`; none is an answer too.
   * @throws whatever a request may fail with
   */
  take(count: number, isBusy: boolean, signal: AbortSignal): Promise<readonly Job[]>;
  /** Wait for the ids of jobs that nobody wants any more. */
  stopped(signal: AbortSignal): Promise<readonly string[]>;
  /** The end of a job, or with `status` its progress. @throws RESULT_NOT_SENT */
  output(id: string, json: string, isStream: boolean): Promise<void>;
  /** One item of a job that streams. @throws RESULT_NOT_SENT */
  stream(id: string, json: string): Promise<void>;
}

/** Asked to come again later. */
export class TooMany extends Error {}

/** The heartbeat says it; RunPod's features follow the SDK's version, and this is the wire of that one. */
export const WIRE_VERSION = "1.12.0";

const PING_EVERY_MS = 10_000;

/** RunPod holds a question open for as long as there is nothing to say; the SDK gives up after this. */
const POLL_MS = 90_000;

/** For one attempt to send a result. */
const SEND_MS = 300_000;

/** Before each attempt but the first: aiohttp-retry's Fibonacci, which the SDK has three attempts of. */
const RETRY_AFTER_MS = [2_000, 3_000];

/** Undefined for a container that is no worker of a queue. */
export function readRunpod(env: NodeJS.ProcessEnv = process.env): RunpodSettings | undefined {
  const { RUNPOD_WEBHOOK_GET_JOB: take, RUNPOD_WEBHOOK_POST_OUTPUT: output, RUNPOD_POD_ID: pod } = env;
  if (!take || !output) return undefined;
  const workerId = pod || randomUUID();
  const forWorker = (url: string) => url.replaceAll("$RUNPOD_POD_ID", workerId);
  const takeUrl = forWorker(take).replaceAll("$ID", workerId);
  const { RUNPOD_WEBHOOK_POST_STREAM: stream, RUNPOD_WEBHOOK_PING: ping, RUNPOD_AI_API_KEY: key } = env;
  const everyMs = Number(env["RUNPOD_PING_INTERVAL"]) || PING_EVERY_MS;
  return {
    workerId,
    takeUrl,
    stopUrl: takeUrl.includes("/job-take/") ? takeUrl.replace("/job-take/", "/job-stop/") : undefined,
    outputUrl: forWorker(output),
    streamUrl: stream && forWorker(stream),
    authorization: key ?? "",
    ping: ping && key && pod ? { url: forWorker(ping), everyMs } : undefined,
  };
}

/** @param pause waits, in milliseconds */
export function createRunpodApi(
  settings: RunpodSettings,
  pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms)),
): RunpodApi {
  const { takeUrl, stopUrl, outputUrl, streamUrl, authorization } = settings;

  /** The JSON of a long question; undefined when there is nothing to say. */
  async function poll(url: string, signal: AbortSignal): Promise<unknown> {
    const response = await fetch(url, {
      headers: { authorization, "content-type": "application/json" },
      signal: AbortSignal.any([signal, AbortSignal.timeout(POLL_MS)]),
    });
    const text = await response.text();
    if (response.status === 429) throw new TooMany();
    // What a worker is told that was just woken up.
    if (response.status === 204 || response.status === 400) return undefined;
    if (!response.ok) throw new Error(`${new URL(url).pathname} answered with ${response.status}`);
    const isJson = response.headers.get("content-type")?.startsWith("application/json");
    return isJson && text ? JSON.parse(text) : undefined;
  }

  async function send(id: string, template: string, json: string, isStream: boolean): Promise<void> {
    const url = withQuery(template.replaceAll("$ID", id), `isStream=${isStream}`);
    const headers = {
      authorization,
      charset: "utf-8",
      // Not what it is; what the SDK sends.
      "content-type": "application/x-www-form-urlencoded",
      "x-request-id": id,
    };
    for (let attempt = 0; ; attempt++) {
      const reason = await post(url, headers, json);
      if (reason === undefined) return;
      const wait = RETRY_AFTER_MS[attempt];
      if (wait === undefined) {
        throw new ColdframeError("RESULT_NOT_SENT", `RunPod did not take what job ${id} gave: ${reason}.`);
      }
      await pause(wait);
    }
  }

  return {
    async take(count, isBusy, signal) {
      const url =
        count > 1
          ? withQuery(takeUrl.replace("/job-take/", "/job-take-batch/"), `batch_size=${count}`)
          : takeUrl;
      const jobs = await poll(withQuery(url, `job_in_progress=${isBusy ? 1 : 0}`), signal);
      if (jobs === undefined) return [];
      return (Array.isArray(jobs) ? jobs : [jobs]) as readonly Job[];
    },
    async stopped(signal) {
      if (!stopUrl) return [];
      const { jobsToStop } = ((await poll(stopUrl, signal)) ?? {}) as { jobsToStop?: unknown };
      return Array.isArray(jobsToStop) ? jobsToStop.filter((id) => typeof id === "string") : [];
    },
    output: (id, json, isStream) => send(id, outputUrl, json, isStream),
    async stream(id, json) {
      // An endpoint that nobody streams from; the end of the job has all of it.
      if (streamUrl) await send(id, streamUrl, json, false);
    },
  };
}

/** Why a result was not taken, or undefined. */
async function post(url: string, headers: HeadersInit, body: string): Promise<string | undefined> {
  try {
    const signal = AbortSignal.timeout(SEND_MS);
    const response = await fetch(url, { method: "POST", headers, body, signal });
    await response.arrayBuffer();
    return response.ok ? undefined : `status ${response.status}`;
  } catch (error) {
    return `${(error as Error).cause ?? error}`;
  }
}

/** RunPod's addresses have a query, but nobody promises it. */
const withQuery = (url: string, query: string): string => `${url}${url.includes("?") ? "&" : "?"}${query}`;

/** Bytes of one million, as RunPod counts. */
const MB = 1_000_000;

const STREAM_LIMIT_MB = 1;
const RUN_LIMIT_MB = 10;
/** Jobs of /runsync, which their ids tell. */
const RUNSYNC_LIMIT_MB = 20;

/** What a job gave, as JSON that RunPod takes. @throws OUTPUT_TOO_LARGE, OUTPUT_INVALID */
export function outputJson(id: string, result: object): string {
  const limit = id.startsWith("sync-") ? RUNSYNC_LIMIT_MB : RUN_LIMIT_MB;
  return limited(result, limit, `an answer of ${limit === RUN_LIMIT_MB ? "/run" : "/runsync"}`);
}

/** One item of a stream, as JSON that RunPod takes. @throws OUTPUT_TOO_LARGE, OUTPUT_INVALID */
export const itemJson = (item: unknown): string =>
  limited({ output: item }, STREAM_LIMIT_MB, "one item of a stream");

function limited(value: object, limitMb: number, what: string): string {
  const json = encodeJson(value);
  const bytes = Buffer.byteLength(json);
  if (bytes <= limitMb * MB) return json;
  throw new ColdframeError(
    "OUTPUT_TOO_LARGE",
    `${what} is ${(bytes / MB).toFixed(1)} MB and RunPod takes ${limitMb} MB.`,
    { fix: "Upload it to a place such as S3 and return its URL, or yield it in smaller items." },
  );
}
