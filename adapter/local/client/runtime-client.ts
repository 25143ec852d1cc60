// Runs in the function's process, in place of the managed runtime's client: load the handler, then ask for an
// invocation, run it, answer, for ever. The bytes it sends are those of AWS's client; a conformance suite compares them.
// Nothing is caught on purpose where that client catches nothing: a stray rejection ends the process, nothing posted.
// Source: aws-lambda-ric 4.0.2, index.mjs (createRuntime, Runtime, StreamingInvokeProcessor). Imports nothing of Coldframe.

import { setImmediate } from "node:timers/promises";
import { logAs, logError, patchConsole } from "./console.ts";
import { type Context, toContext } from "./context.ts";
import { runtimeError, toJson } from "./errors.ts";
import { type LoadedHandler, loadHandler, streamifyResponse } from "./load-handler.ts";
import { connectPlatform, type Platform } from "./platform.ts";
import { HttpResponseStream, openResponse, responseAgent } from "./response-stream.ts";

type Answer = (event: unknown, context: Context) => Promise<void>;

Object.assign(globalThis, { awslambda: { streamifyResponse, HttpResponseStream } });
patchConsole();

// Not a top-level await: a handler that never settles in an empty event loop must exit with 0, as on AWS, not with 13.
void serve();

async function serve(): Promise<never> {
  const platform = connectPlatform(required("AWS_LAMBDA_RUNTIME_API"));
  const loaded = await init(platform);
  const answer = loaded.streaming ? streamed(platform, loaded) : buffered(platform, loaded);
  for (;;) {
    const { headers, body } = await platform.next();
    const context = toContext(headers);
    logAs(context.awsRequestId);
    await answer(JSON.parse(body), context);
  }
}

async function init(platform: Platform): Promise<LoadedHandler> {
  try {
    return await loadHandler(required("LAMBDA_TASK_ROOT"), required("_HANDLER"));
  } catch (error) {
    logError("Init Error", error);
    await platform.postInitError(error);
    throw error;
  }
}

function buffered(platform: Platform, { handler }: LoadedHandler): Answer {
  return async (event, context) => {
    const id = context.awsRequestId;
    try {
      const result = await handler(event, context);
      await setImmediate();
      await platform.postResponse(id, toJson(result));
    } catch (error) {
      await setImmediate();
      logError("Invoke Error", error);
      await platform.postError(id, error);
    }
  };
}

function streamed(platform: Platform, { handler, highWaterMark }: LoadedHandler): Answer {
  const agent = responseAgent(highWaterMark);
  return async (event, context) => {
    const path = platform.responsePath(context.awsRequestId);
    const response = openResponse(platform.host, platform.port, path, agent);
    try {
      const result = handler(event, response.stream, context);
      if (typeof (result as PromiseLike<unknown> | undefined)?.then !== "function") {
        throw new Error("Streaming does not support non-async handlers.");
      }
      if ((await result) !== undefined) console.warn("Streaming handlers ignore return values.");
      await response.done;
      if (!response.stream.writableFinished) throw new Error("Response stream is not finished.");
    } catch (error) {
      await setImmediate();
      logError("Invoke Error", error);
      // Not awaited, as on AWS: /next may be asked before the trailers have left.
      response.fail(error);
    }
  };
}

function required(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw runtimeError("PlatformError", `${name} environment variable is not set`);
  return value;
}
