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

type Handler = (call: Call) => Reply | Promise<Reply>;

/** The methods of one path; GET answers HEAD too. */
type Methods = Readonly<Partial<Record<"GET" | "POST", Handler>>>;

/** @returns one function that answers every call and never rejects before a streamed body begins */
export function createRoutes(artifact: Artifact, start: ColdStart, readStack: ReadStack): Route {
  const ready: Handler = async () => {
    await assertHealthy(start);
    return jsonReply(200, { status: "ready" });
  };
  const loaded: Handler = () => {
    assertLoaded(start);
    return jsonReply(200, { status: "loaded" });
  };
  const alive: Methods = { GET: () => jsonReply(200, { status: "alive" }) };
  const predict: Methods = { POST: (call) => predictReply(call, start) };
  const schema: Methods = { GET: () => document(artifact, "schema.json") };

  const paths = new Map<string, Methods>([
    ["/", alive],
    ["/health/live", alive],
    ["/health/ready", { GET: ready }],
    ["/ping", { GET: () => ping(start) }],
    ["/predict", predict],
    ["/invocations", predict],
    ["/schema", schema],
    ["/openapi.json", { GET: () => document(artifact, "openapi.json") }],
  ]);
  // Truss's paths; any name is served, as there, since one deployment is one model.
  const patterns: readonly (readonly [RegExp, Methods])[] = [
    [/^\/v1\/models\/[^/]+:predict$/, predict],
    [/^\/v1\/models\/[^/]+\/loaded$/, { GET: loaded }],
    [/^\/v1\/models\/[^/]+\/schema$/, schema],
    [/^\/v1\/models\/[^/:]+$/, { GET: ready }],
  ];

  return async (call) => {
    try {
      const methods = paths.get(call.path) ?? patterns.find(([pattern]) => pattern.test(call.path))?.[1];
      if (methods === undefined) throw unknownPath(call.path);
      const handler = methods[(call.method === "HEAD" ? "GET" : call.method) as keyof Methods];
      if (handler === undefined) return wrongMethod(call, methods);
      return finish(await handler(call), call);
    } catch (error) {
      return finish(failedReply(error, call, readStack), call);
    }
  };
}

async function predictReply(call: Call, start: ColdStart): Promise<Reply> {
  const { predict } = start.model ?? (await start.wait(call.origin.cancellation));
  const output = await predict(readInput(call), toInvocation(call.origin, call), call.origin.cancellation);
  return outputReply(output, call.headers, call.origin.id);
}

async function assertHealthy(start: ColdStart): Promise<void> {
  const { instance } = assertLoaded(start);
  if (instance.isHealthy === undefined) return;
  let cause: unknown;
  try {
    if (await instance.isHealthy()) return;
  } catch (error) {
    cause = error;
  }
  throw new ColdframeError("MODEL_UNHEALTHY", "the model says that it is not healthy.", { cause });
}

function assertLoaded({ state, model }: ColdStart): ReadyModel {
  if (model !== undefined) return model;
  throw state === "failed"
    ? new ColdframeError("MODEL_LOAD_FAILED", "the model could not be loaded.")
    : notReady();
}

// SageMaker's and the load balancers' reading: 204 is "alive, not yet".
async function ping(start: ColdStart): Promise<Reply> {
  if (start.state === "loading") return { status: 204, headers: {}, body: undefined };
  await assertHealthy(start);
  return jsonReply(200, { status: "ready" });
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

function unknownPath(path: string): ColdframeError {
  return new ColdframeError("ROUTE_NOT_FOUND", `there is no ${path} here.`, {
    fix: "Call POST /predict; GET /openapi.json describes it.",
  });
}

function wrongMethod(call: Call, methods: Methods): Reply {
  const allowed = Object.keys(methods).flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]));
  const error = new ColdframeError(
    "METHOD_NOT_ALLOWED",
    `${call.path} takes ${allowed.join(", ")}, not ${call.method}.`,
  );
  const reply = errorReply(error, call.origin.id);
  return finish({ ...reply, headers: { ...reply.headers, allow: allowed.join(", ") } }, call);
}

function finish(reply: Reply, call: Call): Reply {
  reply.headers["x-request-id"] ??= call.origin.id;
  if (call.method !== "HEAD" || reply.body === undefined) return reply;
  return { ...reply, body: undefined };
}
