// The paths that the clients of OpenAI and Anthropic call, and their errors in the vendors' shapes: also those of calls
// that never reach the model.

import type { Call, Reply } from "../call.ts";
import { toColdframeError } from "../errors.ts";
import { failedReply } from "../failure.ts";
import { encodeJson } from "../json.ts";
import { jsonReply } from "../reply.ts";
import { type Answer, createAnswers, type Environment, type Route, routeOver } from "../routes.ts";
import { answer } from "./_answer.ts";
import { anthropic } from "./_anthropic.ts";
import { givenBody, type VendorRoute } from "./_draft.ts";
import { openai } from "./_openai.ts";
import { vendorPath } from "./_members.ts";
import { chatCompletions } from "./chat-completions.ts";
import { completions } from "./completions.ts";
import { embeddings } from "./embeddings.ts";
import { messages } from "./messages.ts";
import { modelDocument, modelList } from "./models.ts";
import { responses } from "./responses.ts";

const ROUTES: readonly VendorRoute[] = [chatCompletions, completions, embeddings, responses, messages];

/** A second attempt ends as the first did. Both SDKs make two after any status of 5xx, unless told not to. */
const NOT_WORTH_RETRYING = /^(OUTPUT_|SECRET_|PREDICT_TIMEOUT|STREAM_TIMEOUT)/;

/** Answers everything below /v1/ but what is Truss's and KServe's. */
export function vendorRoute(environment: Environment): Route {
  const { artifact, start } = environment;
  const ready = createAnswers(environment).gets["*"];
  const posts = ROUTES.map((route): [string, Answer] => [
    vendorPath(route.member),
    (call) => answer(route, call, environment),
  ]);
  const gets: Record<string, Answer> = {
    "/v1/models": () => jsonReply(200, modelList(start.modelName)),
    // Truss's readiness: only a model that can answer is there.
    "*": async (call) => {
      await ready?.(call);
      return jsonReply(200, modelDocument(start.modelName));
    },
  };

  function fail(thrown: unknown, call: Call): Reply {
    const { id } = call.origin;
    const reply = failedReply(thrown, call.origin, artifact);
    const error = toColdframeError(thrown);
    const vendor = isAnthropic(call) ? anthropic : openai;
    const given = givenBody(error);
    if (NOT_WORTH_RETRYING.test(error.code)) reply.headers["x-should-retry"] = "false";
    return {
      ...reply,
      status: given ? vendor.errorStatus(given) : error.status,
      body: encodeJson(given ?? vendor.errorBody(error, id)),
    };
  }

  const route = routeOver({ gets, posts: Object.fromEntries(posts) }, fail);
  return async (call) => {
    const reply = await route(call);
    // The name under which Anthropic's SDK looks for it.
    if (isAnthropic(call)) reply.headers["request-id"] = call.origin.id;
    return { ...reply, failed: (error) => fail(error, call) };
  };
}

const isAnthropic = ({ path, headers }: Call): boolean =>
  path.startsWith("/v1/messages") || "anthropic-version" in headers;
