// One job of RunPod's queue: its input to the model, and what that gives back to RunPod in the shapes of the SDK. A job
// of RunPod's OpenAI address goes the way that a request of such a client goes.
// Sources: github.com/runpod/runpod-python 1.12.0, rp_job.py and rp_progress.py; github.com/runpod-workers/worker-vllm,
// src/handler.py, for `openai_route` and `openai_input`.

import { type Call, type Chunk, isStream, type Origin } from "../../call.ts";
import { ColdframeError, errorBody, toColdframeError } from "../../errors.ts";
import type { RunpodJob } from "../../input.ts";
import { toInvocation } from "../../invocation.ts";
import { logAnything } from "../../observe/log-anything.ts";
import { report } from "../../report.ts";
import type { Environment, Route } from "../../routes.ts";
import { succeeded, wholeValue } from "../_whole-output.ts";
import { itemJson, type Job, outputJson, type RunpodApi, WIRE_VERSION } from "./runpod-api.ts";

/** What jobs are done with. */
export interface JobTools {
  readonly api: RunpodApi;
  readonly environment: Environment;
  readonly route: Route;
  readonly workerId: string;
}

/**
 * Do a job, and send what it gave; never rejects. A job that was cancelled is not answered: nobody waits for it any more,
 * or another worker will get it.
 */
export async function doJob(job: Job, origin: Origin, tools: JobTools): Promise<void> {
  const { api, environment } = tools;
  const { artifact } = environment;
  try {
    const { result, streamed } = await resultOf(job, origin, tools);
    if (origin.cancellation.reason) throw origin.cancellation.reason;
    await api.output(job.id, outputJson(job.id, result), streamed);
  } catch (thrown) {
    const error = report(artifact, thrown, origin);
    if (origin.cancellation.reason) return;
    // Nobody takes anything from here.
    if (error.code === "RESULT_NOT_SENT") return;
    const failure = JSON.stringify({ error: JSON.stringify(errorInfo(error, origin.id, tools.workerId)) });
    await api.output(job.id, failure, false).catch((lost) => report(artifact, lost, origin));
  }
}

interface Done {
  readonly result: object;
  readonly streamed: boolean;
}

async function resultOf(job: Job, origin: Origin, { api, environment, route }: JobTools): Promise<Done> {
  const { input } = job;
  if (input === undefined) throw new ColdframeError("INPUT_INVALID", "the job has no `input`.");
  const call = vendorCall(input, origin);
  if (call) return relay(call, job.id, route, api);
  const { start, artifact } = environment;
  const { instance, run } = start.model ?? (await start.wait(origin.cancellation));
  if (!instance.predict) throw artifact.late().missingMember(instance, "predict");
  const { event, told } = withProgress(job, api);
  try {
    const output = await run("predict", input, toInvocation(origin, { event, late: artifact.late }), origin);
    if ("stream" in output) {
      return { result: { output: await streamAll(output.stream, job.id, api) }, streamed: true };
    }
    return { result: toResult(await wholeValue(await succeeded(output))), streamed: false };
  } finally {
    // What is said of a job that is done would undo it.
    await told();
  }
}

/** Each item when it is there; and all of them for whoever asks only for the end. */
async function streamAll(items: AsyncIterable<unknown>, id: string, api: RunpodApi): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const item of items) {
    all.push(item);
    await api.stream(id, itemJson(item));
  }
  return all;
}

/** As the SDK reads what its users' functions return: two keys of an object are not output. */
function toResult(value: unknown): object {
  if (typeof value !== "object" || !value || Array.isArray(value) || ArrayBuffer.isView(value)) {
    return { output: value };
  }
  const { error, refresh_worker: refresh, ...output } = value as Record<string, unknown>;
  return {
    ...(Object.keys(output).length > 0 && { output }),
    ...(Boolean(error) && { error: typeof error === "string" ? error : JSON.stringify(error) }),
    ...(refresh === true && { stopPod: true }),
  };
}

const CHAT = "/v1/chat/completions";

/** The call that a job of RunPod's OpenAI address stands for. */
function vendorCall(input: unknown, origin: Origin): Call | undefined {
  const { openai_route: path, openai_input: body } = Object(input) as Record<string, unknown>;
  if (body === undefined && typeof path !== "string") return undefined;
  const text = body === undefined ? "" : JSON.stringify(body);
  return {
    // A path alone is a question, such as for the list of models.
    method: body === undefined ? "GET" : "POST",
    path: typeof path === "string" ? path : CHAT,
    query: "",
    headers: { "content-type": "application/json" },
    body: () => text,
    origin,
  };
}

/** RunPod puts the chunks of a stream together again, and reads an answer that is one document as one chunk. */
async function relay(call: Call, id: string, route: Route, api: RunpodApi): Promise<Done> {
  const { status, body, errorFrame } = await route(call);
  if (isStream(body)) {
    const sent: string[] = [];
    const send = async (chunk: Chunk) => {
      const text = typeof chunk === "string" ? chunk : Buffer.from(chunk).toString();
      sent.push(text);
      await api.stream(id, itemJson(text));
    };
    try {
      for await (const chunk of body) await send(chunk);
    } catch (error) {
      if (!call.origin.cancellation.reason && errorFrame) await send(errorFrame(toColdframeError(error)));
      throw error;
    }
    return { result: { output: sent }, streamed: true };
  }
  const text = Buffer.from(body ?? "").toString();
  if (status >= 400) return { result: { error: text }, streamed: true };
  const document = JSON.parse(text) as unknown;
  await api.stream(id, itemJson(document));
  return { result: { output: [document] }, streamed: true };
}

interface Progressing {
  readonly event: RunpodJob;
  /** All that was told has arrived. */
  told(): Promise<unknown>;
}

function withProgress(job: Job, api: RunpodApi): Progressing {
  // One after the other, so that the last word is the last.
  let sent: Promise<unknown> = Promise.resolve();
  const send = (json: string) =>
    api.output(job.id, json, false).catch((error) => {
      logAnything("warn", "RunPod did not take the progress of a job", { requestId: job.id, error });
    });
  function progress(update: unknown): void {
    const json = outputJson(job.id, { status: "IN_PROGRESS", output: update });
    sent = sent.then(() => send(json));
  }
  return { event: { ...job, progress }, told: () => sent };
}

/** The keys that the SDK has, with what a caller may know. */
function errorInfo(error: ColdframeError, id: string, workerId: string): object {
  const { code, message, issues } = errorBody(error, id).error;
  return {
    error_type: code,
    error_message: message,
    issues,
    worker_id: workerId,
    runpod_version: WIRE_VERSION,
  };
}
