// The table of routes, the same on every target: a Call comes in, a Reply goes out. Only inference waits for the model.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Call, Reply } from "./call.ts";
import { readInput } from "./body.ts";
import { type ColdStart, notReady, type ReadyModel } from "./cold-start.ts";
import type { Artifact } from "./contracts.ts";
import { ColdframeError } from "./errors.ts";
import { failedReply } from "./failure.ts";
import { toInvocation } from "./invocation.ts";
import { errorReply, jsonReply, outputReply } from "./reply.ts";
import type { ReadStack } from "./stack.ts";

export type Route = (call: Call) => Promise<Reply>;

/** One path's method, GET answering HEAD too, and its handler. */
type Entry = readonly ["GET" | "POST", (call: Call) => Reply | Promise<Reply>];

/** Truss's paths; any name is served, as there, since one deployment is one model. */
const TRUSS_PATH = /^\/v1\/models\/[^/:]+(:predict|\/loaded|\/schema)?$/;
const TRUSS_NAMES: Readonly<Record<string, string>> = {
  ":predict": "/predict",
  "/loaded": ":loaded",
  "": "/health/ready",
};

/** @returns one function that answers every call and never rejects before a streamed body begins */
export function createRoutes(artifact: Artifact, start: ColdStart, readStack: ReadStack): Route {
  const alive: Entry = ["GET", () => jsonReply(200, { status: "alive" })];
  const predict: Entry = ["POST", (call) => predictReply(call, start)];
  const routes = new Map<string, Entry>([
    ["/", alive],
    ["/health/live", alive],
    ["/health/ready", ["GET", (call) => ready(call, start)]],
    // SageMaker's reading: 204 is "alive, not yet".
    [
      "/ping",
      [
        "GET",
        (call) =>
          start.state === "loading" ? { status: 204, headers: {}, body: undefined } : ready(call, start),
      ],
    ],
    [":loaded", ["GET", () => loaded(start) && jsonReply(200, { status: "loaded" })]],
    ["/predict", predict],
    ["/invocations", predict],
    ["/schema", ["GET", () => document(artifact, "schema.json")]],
    ["/openapi.json", ["GET", () => document(artifact, "openapi.json")]],
  ]);

  return async (call) => {
    let reply: Reply;
    try {
      const [method, answer] = routes.get(toRoute(call.path)) ?? unknownPath(call.path);
      if (call.method === method || (call.method === "HEAD" && method === "GET")) reply = await answer(call);
      else reply = wrongMethod(call, method);
    } catch (error) {
      reply = failedReply(error, call, readStack);
    }
    reply.headers["x-request-id"] ??= call.origin.id;
    return call.method === "HEAD" ? { ...reply, body: undefined } : reply;
  };
}

function toRoute(path: string): string {
  const [isTruss, name = ""] = TRUSS_PATH.exec(path) ?? [];
  return isTruss ? (TRUSS_NAMES[name] ?? name) : path;
}

async function predictReply(call: Call, start: ColdStart): Promise<Reply> {
  const { predict } = start.model ?? (await start.wait(call.origin.cancellation));
  const output = await predict(readInput(call), toInvocation(call.origin, call), call.origin.cancellation);
  return outputReply(output, call.headers, call.origin.id);
}

async function ready({ origin }: Call, start: ColdStart): Promise<Reply> {
  const { instance } = loaded(start);
  let healthy: unknown = true;
  let cause: unknown;
  try {
    if (instance.isHealthy) {
      // A check that hangs is no answer, and must not outlast the invocation.
      healthy = await new Promise((resolve, reject) => {
        origin.cancellation.onCancel(reject);
        Promise.resolve(instance.isHealthy?.()).then(resolve, reject);
      });
    }
  } catch (error) {
    healthy = false;
    cause = error;
  }
  if (healthy) return jsonReply(200, { status: "ready" });
  throw new ColdframeError("MODEL_UNHEALTHY", "the model says that it is not healthy.", { cause });
}

function loaded({ state, model }: ColdStart): ReadyModel {
  if (model) return model;
  throw state === "failed"
    ? new ColdframeError("MODEL_LOAD_FAILED", "the model could not be loaded.")
    : notReady();
}

// Written by the build: what turns schemas into documents has no business in a bundle.
function document({ folder }: Artifact, name: string): Reply {
  try {
    const body = readFileSync(join(folder, name), "utf8");
    return { status: 200, headers: { "content-type": "application/json" }, body };
  } catch (cause) {
    throw new ColdframeError("ROUTE_NOT_FOUND", `this deployment was built without ${name}.`, { cause });
  }
}

function unknownPath(path: string): never {
  throw new ColdframeError("ROUTE_NOT_FOUND", `there is no ${path} here.`, {
    fix: "Call POST /predict; GET /openapi.json describes it.",
  });
}

function wrongMethod(call: Call, method: string): Reply {
  const allow = method === "GET" ? "GET, HEAD" : method;
  const error = new ColdframeError("METHOD_NOT_ALLOWED", `${call.path} takes ${allow}, not ${call.method}.`);
  const reply = errorReply(error, call.origin.id);
  return { ...reply, headers: { ...reply.headers, allow } };
}
