// The table of routes, the same on every target: a Call comes in, a Reply goes out. Only inference waits for the model.
// The paths of OpenAI's and Anthropic's clients are late code: vendor/.

import { readInput } from "./body.ts";
import type { Call, Reply } from "./call.ts";
import type { ColdStart, ReadyModel } from "./cold-start.ts";
import type { Artifact, Observer } from "./contracts.ts";
import { ColdframeError } from "./errors.ts";
import { toInvocation } from "./invocation.ts";
import type { Output, Run } from "./predict.ts";
import { jsonReply, outputReply } from "./reply.ts";

/** Answers every call, and neither throws nor rejects before a streamed body begins. */
export type Route = (call: Call) => Reply | Promise<Reply>;

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

/** Which of them say more than OpenAI's of the same beginning. */
const TRUSS_ONLY = /^\/v1\/models\/.*[:/]/;

/** The answers that every target has. */
export function createAnswers({ artifact, start }: Environment): Answers {
  const status = (name: string) => jsonReply(200, { status: name });
  const alive: Answer = () => status("alive");

  const loaded: Answer = () => start.now() && status("loaded");

  const ready: Answer = ({ origin }) => artifact.late().readyReply(start.now().instance, origin);

  // SageMaker's reading: 204 is "alive, not yet".
  const ping: Answer = (call) =>
    start.model || start.failure ? ready(call) : { status: 204, headers: {}, body: undefined };

  // As far as all is there, at once: the calls of a small model spend more on promises than on the model.
  const predict: Answer = (call) => {
    const { model } = start;
    return model
      ? ask(model, call)
      : start.wait(call.origin.cancellation).then((loaded) => ask(loaded, call));
  };

  function ask({ instance, run }: ReadyModel, call: Call): Reply | Promise<Reply> {
    if (!instance.predict) throw artifact.late().missingMember(instance, "predict");
    const arriving = call.arrived?.();
    return arriving ? arriving.then(() => infer(run, call)) : infer(run, call);
  }

  function infer(run: Run, call: Call): Reply | Promise<Reply> {
    const { headers, origin } = call;
    const { late } = artifact;
    const output = run("predict", readInput(call, artifact), toInvocation(origin, { call, late }), origin);
    const reply = (given: Output) => outputReply(given, headers, origin.id, late);
    return output instanceof Promise ? output.then(reply) : reply(output);
  }

  const document = (name: string) => () => artifact.late().documentReply(artifact, name);
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
  return (call) => {
    const { method } = call;
    let allow = "";
    try {
      // What is about a model by its name begins with the version of a protocol.
      const path = call.path.startsWith("/v") ? call.path.replace(model, "*") : call.path;
      const get = gets[path];
      const answer = get ?? posts[path];
      if (!answer) {
        throw new ColdframeError("ROUTE_NOT_FOUND", `there is no ${call.path} here: call POST /predict.`);
      }
      if (get ? method !== "GET" && method !== "HEAD" : method !== "POST") {
        allow = get ? "GET, HEAD" : "POST";
        throw new ColdframeError("METHOD_NOT_ALLOWED", `${call.path} takes ${allow}, not ${method}.`);
      }
      const reply = answer(call);
      if (!(reply instanceof Promise)) return toCaller(reply, call);
      return reply.catch((error) => fail(error, call)).then((given) => toCaller(given, call));
    } catch (error) {
      const reply = fail(error, call);
      if (allow) reply.headers["allow"] = allow;
      return toCaller(reply, call);
    }
  };
}

function toCaller(reply: Reply, { method, origin }: Call): Reply {
  reply.headers["x-request-id"] ??= origin.id;
  return method === "HEAD" ? { ...reply, body: undefined } : reply;
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
    if (!call.path.startsWith("/v1/") || TRUSS_ONLY.test(call.path)) return route(call);
    vendor ??= artifact.late().vendorRoute(environment);
    return vendor(call);
  };
}
