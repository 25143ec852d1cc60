// The table of routes, the same on every target: a Call comes in, a Reply goes out. Only inference waits for the model.
// The paths of OpenAI's and Anthropic's clients are late code: vendor/.

import { readFileSync } from "node:fs";
import { readInput } from "./body.ts";
import type { Call, Reply } from "./call.ts";
import type { ColdStart } from "./cold-start.ts";
import type { Artifact, Observer } from "./contracts.ts";
import { ColdframeError } from "./errors.ts";
import { JSON_TYPE } from "./frames.ts";
import { toInvocation } from "./invocation.ts";
import { jsonReply, outputReply, replyWith } from "./reply.ts";

/** Answers every call, and never rejects before a streamed body begins. */
export type Route = (call: Call) => Promise<Reply>;

export type Answer = (call: Call) => Reply | Promise<Reply>;

/** Answers by path; what takes GET takes HEAD. */
export interface Answers {
  readonly gets: Readonly<Record<string, Answer>>;
  readonly posts: Readonly<Record<string, Answer>>;
}

/** One execution environment, or one server: what every answer is made with. */
export interface Environment {
  readonly artifact: Artifact;
  readonly start: ColdStart;
  readonly observer?: Observer | undefined;
}

/** How Truss's paths begin, "*" in the table; any name is served, as there, since one deployment is one model. */
const TRUSS_MODEL = /^\/v1\/models\/[^/:]+/;

/** The answers that every target has. */
export function createAnswers({ artifact, start }: Environment): Answers {
  const status = (name: string) => jsonReply(200, { status: name });
  const alive: Answer = () => status("alive");

  const loaded: Answer = () => start.now() && status("loaded");

  const ready: Answer = async ({ origin }) => {
    const { instance } = start.now();
    let cause: unknown;
    try {
      // A check that hangs is no answer, and must not outlast the invocation.
      if (!instance.isHealthy || (await origin.cancellation.race(instance.isHealthy())))
        return status("ready");
    } catch (error) {
      cause = error;
    }
    throw new ColdframeError("MODEL_UNHEALTHY", "isHealthy() said no.", { cause });
  };

  // SageMaker's reading: 204 is "alive, not yet".
  const ping: Answer = (call) =>
    start.model || start.failure ? ready(call) : { status: 204, headers: {}, body: undefined };

  const predict: Answer = async (call) => {
    const { headers, origin } = call;
    const model = start.model ?? (await start.wait(origin.cancellation));
    if (!model.instance.predict) throw artifact.late().missingMember(model.instance, "predict");
    await call.arrived?.();
    const invocation = toInvocation(origin, { call, late: artifact.late });
    const output = await model.run("predict", readInput(call, artifact), invocation, origin);
    return outputReply(output, headers, origin.id, artifact.late);
  };

  // Written by the build: what turns schemas into documents has no business in a bundle.
  const document = (name: string) => () => {
    try {
      return replyWith(readFileSync(`${artifact.folder}/${name}`, "utf8"), JSON_TYPE);
    } catch (cause) {
      throw new ColdframeError("ROUTE_NOT_FOUND", `the build made no ${name}.`, { cause });
    }
  };
  const schema = document("schema.json");

  return {
    gets: {
      "/": alive,
      "/health/live": alive,
      "/health/ready": ready,
      "/ping": ping,
      "/schema": schema,
      "/openapi.json": document("openapi.json"),
      "*": ready,
      "*/loaded": loaded,
      "*/schema": schema,
    },
    posts: { "/predict": predict, "/invocations": predict, "*:predict": predict },
  };
}

/**
 * The route over a table of answers.
 * @param fail makes the reply of an error; the vendors' clients expect shapes of their own
 * @param model the beginning of a path that is "*" in the table
 */
export function routeOver(
  { gets, posts }: Answers,
  fail: (error: unknown, call: Call) => Reply,
  model = TRUSS_MODEL,
): Route {
  return async (call) => {
    const { method, origin } = call;
    let allow = "";
    let reply: Reply;
    try {
      const path = call.path.replace(model, "*");
      const get = gets[path];
      const answer = get ?? posts[path];
      if (!answer) {
        throw new ColdframeError("ROUTE_NOT_FOUND", `there is no ${call.path} here: call POST /predict.`);
      }
      if (get ? method !== "GET" && method !== "HEAD" : method !== "POST") {
        allow = get ? "GET, HEAD" : "POST";
        throw new ColdframeError("METHOD_NOT_ALLOWED", `${call.path} takes ${allow}, not ${method}.`);
      }
      reply = await answer(call);
    } catch (error) {
      reply = fail(error, call);
      if (allow) reply.headers["allow"] = allow;
    }
    reply.headers["x-request-id"] ??= origin.id;
    return method === "HEAD" ? { ...reply, body: undefined } : reply;
  };
}

/** Everything a function answers, the vendors' paths included. */
export function createRoutes(environment: Environment, answers = createAnswers(environment)): Route {
  const { artifact } = environment;
  const route = routeOver(answers, (error, { origin }) =>
    artifact.late().failedReply(error, origin, artifact),
  );
  let vendor: Route | undefined;
  return (call) => {
    // Of the paths about a model by name only that of the model itself, which OpenAI's clients ask for too.
    if (!/^\/v1\/(?!models\/.*[:/])/.test(call.path)) return route(call);
    vendor ??= artifact.late().vendorRoute(environment);
    return vendor(call);
  };
}
