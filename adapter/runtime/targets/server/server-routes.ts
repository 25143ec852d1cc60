// Everything a server answers: the routes of every target, and beside them the protocols of the platforms. A plain call
// pays a look at its path.

import type { Call } from "../../call.ts";
import type { Deployment } from "../../contracts.ts";
import { failedReply } from "../../failure.ts";
import {
  type Answer,
  type Answers,
  createAnswers,
  createRoutes,
  type Environment,
  type Route,
  routeOver,
} from "../../routes.ts";
import { readInputSchema } from "./input-schema.ts";
import { predictInstances } from "./instances.ts";
import { invocations } from "./invocations.ts";
import { openInferenceRoute } from "./open-inference.ts";
import { platformAnswers } from "./platform-answers.ts";

/** @param parallel how many calls of predict the model can be given at a time */
export function createServerRoute(
  environment: Environment,
  parallel: number,
  common = createAnswers(environment),
): Route {
  const schema = readInputSchema(environment.artifact.folder);
  const { "*": ready, "/ping": ping } = common.gets as Record<"*" | "/ping", Answer>;
  const { "/predict": predict } = common.posts as Record<"/predict", Answer>;
  const instances = predictInstances(predict, environment, schema, parallel);
  const everywhere = createRoutes(environment, {
    ...common,
    posts: {
      ...common.posts,
      "/invocations": invocations(predict, environment),
      "*:predict": instances,
    },
  });
  const openInference = openInferenceRoute(environment, ready, schema);
  const { gets, posts } = platformAnswers({ ready, ping, predict, predictInstances: instances });
  const over = (answers: Partial<Answers>) => ({
    paths: new Set(Object.values(answers).flatMap(Object.keys)),
    route: routeOver({ gets: {}, posts: {}, ...answers }, fail, AS_IT_IS),
  });
  const fail = (error: unknown, { origin }: Call) => failedReply(error, origin, environment.artifact);
  // The same path may mean one thing when it is asked and another when it is called.
  const [asked, called] = [over({ gets }), over({ posts })];
  return (call) => {
    const { path } = call;
    if (path.startsWith("/v2") && (path.length === 3 || path[3] === "/")) return openInference(call);
    const other = call.method === "POST" ? called : asked;
    return other.paths.has(path) ? other.route(call) : everywhere(call);
  };
}

/** No path of a platform's is about any model: each is what its variable says. */
const AS_IT_IS = /(?!)/;

/** How many calls of predict are of use at a time. */
export function parallelCalls({ settings, batching, config }: Deployment): number {
  const { batch } = (config["runtime"] ?? {}) as { readonly batch?: { readonly max_size: number } };
  return settings.predictConcurrency * (batching && batch ? batch.max_size : 1);
}
