// RunPod's queue, as far as a worker sees it, and as strict as it is: a worker without the key, with another content
// type, or with a job that it was not given, is refused; and whatever was refused fails the test.
// Source: github.com/runpod/runpod-python 1.12.0, runpod/serverless/modules; docs.runpod.io, "Payload limits".

import { EventEmitter, once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { TestContext } from "node:test";

const KEY = "runpod-key";
const WORKER = "worker-1";
const MB = 1_000_000;

/** What a worker sent of one job. */
export interface Sent {
  readonly body: { readonly output?: unknown; readonly error?: string; readonly [key: string]: unknown };
  readonly isStream: boolean;
}

export interface FakeRunpod {
  /** The variables that a worker finds. */
  readonly env: Readonly<Record<string, string>>;
  /** Whatever a worker did that RunPod would refuse. */
  readonly complaints: readonly string[];
  /** The query of each question for jobs, and its path. */
  readonly takes: readonly { readonly path: string; readonly query: URLSearchParams }[];
  /** `job_id` of each ping. */
  readonly pings: readonly (string | null)[];
  /** Put jobs into the queue. */
  give(...jobs: readonly object[]): void;
  /** The end of a job. */
  done(id: string): Promise<Sent>;
  /** Whether the end of a job has come. */
  isDone(id: string): boolean;
  /** What a job streamed until now. */
  chunks(id: string): readonly unknown[];
  /** How far a job said that it is. */
  progress(id: string): readonly unknown[];
  /** Tell the worker that nobody wants a job any more. */
  stop(id: string): void;
  /** Answer the next requests whose path has this part with these statuses. */
  refuse(part: string, ...statuses: readonly number[]): void;
  /** Resolves when `isTrue` is, which is asked after everything that a worker does. */
  until(isTrue: () => boolean): Promise<void>;
}

interface Held {
  readonly response: ServerResponse;
  readonly count: number;
  readonly isBatch: boolean;
}

/** @param heartbeatMs how often a worker is to say that it lives */
export async function startRunpod(t: TestContext, heartbeatMs = 10_000): Promise<FakeRunpod> {
  const queue: object[] = [];
  const given = new Set<string>();
  const held: Held[] = [];
  const stopping: ServerResponse[] = [];
  const ends = new Map<string, Sent>();
  const streams = new Map<string, unknown[]>();
  const updates = new Map<string, unknown[]>();
  const refusals: { part: string; status: number }[] = [];
  const complaints: string[] = [];
  const takes: { path: string; query: URLSearchParams }[] = [];
  const pings: (string | null)[] = [];
  const happened = new EventEmitter().setMaxListeners(0);

  const json = (response: ServerResponse, value: unknown): void => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(value));
  };

  function refuse(response: ServerResponse, status: number, why: string): void {
    complaints.push(why);
    response.writeHead(status).end();
  }

  function hand(): void {
    while (queue.length > 0 && held.length > 0) {
      const { response, count, isBatch } = held.shift() as Held;
      const jobs = queue.splice(0, count);
      for (const { id } of jobs as { id?: string }[]) if (id) given.add(id);
      json(response, isBatch ? jobs : jobs[0]);
    }
  }

  function hold(list: unknown[], entry: unknown, response: ServerResponse): void {
    list.push(entry);
    response.on("close", () => {
      const at = list.indexOf(entry);
      if (at >= 0) list.splice(at, 1);
    });
  }

  function take(url: URL, response: ServerResponse): void {
    const isBatch = url.pathname.includes("/job-take-batch/");
    takes.push({ path: url.pathname, query: url.searchParams });
    const count = Number(url.searchParams.get("batch_size") ?? 1);
    if (isBatch !== url.searchParams.has("batch_size")) return refuse(response, 400, "batch_size");
    if (!/^[01]$/.test(url.searchParams.get("job_in_progress") ?? ""))
      return refuse(response, 400, "job_in_progress");
    hold(held, { response, count, isBatch }, response);
    hand();
  }

  function receive(url: URL, request: IncomingMessage, text: string, response: ServerResponse): void {
    const [, kind, worker, id = ""] = url.pathname.split("/");
    const { "content-type": type, "x-request-id": named, charset } = request.headers;
    if (worker !== WORKER) return refuse(response, 404, `unknown worker ${worker}`);
    if (type !== "application/x-www-form-urlencoded" || charset !== "utf-8")
      return refuse(response, 415, `content-type ${type}`);
    if (!given.has(id) || named !== id) return refuse(response, 404, `unknown job ${id}, named ${named}`);
    if (ends.has(id)) return refuse(response, 409, `job ${id} was done`);
    const isStream = url.searchParams.get("isStream");
    if (isStream !== "true" && isStream !== "false") return refuse(response, 400, `isStream=${isStream}`);
    const limit = kind === "job-stream" ? MB : id.startsWith("sync-") ? 20 * MB : 10 * MB;
    if (text.length > limit) return refuse(response, 413, `${text.length} bytes of ${kind}`);
    const body = JSON.parse(text) as Sent["body"];
    if (kind === "job-stream") add(streams, id, body.output);
    else if (body["status"] === "IN_PROGRESS") add(updates, id, body.output);
    else ends.set(id, { body, isStream: isStream === "true" });
    json(response, { ok: true });
  }

  const server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
    request.on("end", () => {
      const url = new URL(request.url ?? "", "http://runpod");
      const at = refusals.findIndex(({ part }) => url.pathname.includes(part));
      const [refusal] = at < 0 ? [] : refusals.splice(at, 1);
      if (refusal) response.writeHead(refusal.status).end();
      else if (request.headers.authorization !== KEY) refuse(response, 401, "no key");
      else if (/\/job-take(-batch)?\//.test(url.pathname)) take(url, response);
      else if (url.pathname.includes("/job-stop/")) hold(stopping, response, response);
      else if (url.pathname === `/ping/${WORKER}`) {
        pings.push(url.searchParams.get("job_id"));
        if (!url.searchParams.get("runpod_version")) complaints.push("a ping without a version");
        response.end();
      } else if (request.method === "POST") receive(url, request, text, response);
      else refuse(response, 404, `${request.method} ${url.pathname}`);
      happened.emit("request");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as { port: number };
  const at = `http://127.0.0.1:${port}`;

  async function until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await once(happened, "request", { signal: AbortSignal.timeout(20_000) });
  }

  return {
    env: {
      RUNPOD_POD_ID: WORKER,
      RUNPOD_AI_API_KEY: KEY,
      RUNPOD_WEBHOOK_GET_JOB: `${at}/v2/endpoint/job-take/$ID?gpu=A100`,
      RUNPOD_WEBHOOK_POST_OUTPUT: `${at}/job-done/$RUNPOD_POD_ID/$ID?gpu=A100`,
      RUNPOD_WEBHOOK_POST_STREAM: `${at}/job-stream/$RUNPOD_POD_ID/$ID?gpu=A100`,
      RUNPOD_WEBHOOK_PING: `${at}/ping/$RUNPOD_POD_ID`,
      RUNPOD_PING_INTERVAL: `${heartbeatMs}`,
    },
    complaints,
    takes,
    pings,
    give(...jobs) {
      queue.push(...jobs);
      hand();
    },
    async done(id) {
      await until(() => ends.has(id));
      return ends.get(id) as Sent;
    },
    isDone: (id) => ends.has(id),
    chunks: (id) => streams.get(id) ?? [],
    progress: (id) => updates.get(id) ?? [],
    stop(id) {
      for (const response of stopping.splice(0)) json(response, { jobsToStop: [id] });
    },
    refuse(part, ...statuses) {
      for (const status of statuses) refusals.push({ part, status });
    },
    until,
  };
}

function add(lists: Map<string, unknown[]>, id: string, value: unknown): void {
  const list = lists.get(id);
  if (list) list.push(value);
  else lists.set(id, [value]);
}
