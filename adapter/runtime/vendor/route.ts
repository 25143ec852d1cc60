// The paths that the clients of OpenAI and Anthropic call, and their errors in the vendors' shapes.

import { failedReply } from "../failure.ts";
import { type Environment, type Route, routeOver } from "../routes.ts";

/** Answers everything below /v1/ that is not about one model by name. */
export function vendorRoute({ readStack }: Environment): Route {
  return routeOver({ gets: {}, posts: {} }, (error, { origin }) => failedReply(error, origin.id, readStack));
}
