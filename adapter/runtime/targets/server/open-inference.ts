// The Open Inference Protocol, KServe's version 2: everything below /v2, with errors in its shape. Any name and version
// of a model is answered, since one deployment is one model.
// Source: github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md.

import { readFileSync } from "node:fs";
import type { Call, Reply } from "../../call.ts";
import { errorBody, toColdframeError } from "../../errors.ts";
import { failedReply } from "../../failure.ts";
import { encodeJson } from "../../json.ts";
import type { ModelClass } from "../../model.ts";
import { jsonReply } from "../../reply.ts";
import { type Answer, type Answers, type Environment, type Route, routeOver } from "../../routes.ts";
import { generate, generateStream } from "./generate.ts";
import { infer } from "./infer.ts";
import type { InputSchema } from "./input-schema.ts";

const MODEL = /^\/v2\/models\/[^/]+(\/versions\/[^/]+)?/;

/** What the server says of itself; the names are Triton's and KServe's. */
const EXTENSIONS = ["binary_tensor_data", "generate"];

/** @param ready answers with readiness, or throws why not */
export function openInferenceRoute(environment: Environment, ready: Answer, schema: InputSchema): Route {
  const { artifact, start } = environment;
  let version: string | undefined;

  const server: Answer = () => {
    version ??= (JSON.parse(readFileSync(`${artifact.folder}/deployment.json`, "utf8")) as Facts)
      .coldframe_version;
    return jsonReply(200, { name: "coldframe", version, extensions: EXTENSIONS });
  };

  // The text of the protocol has `live` for both.
  const serverReady: Answer = async (call) => {
    await ready(call);
    return jsonReply(200, { ready: true, live: true });
  };

  const modelReady: Answer = async (call) => {
    await ready(call);
    return jsonReply(200, { name: start.modelName, ready: true });
  };

  const model: Answer = () => {
    const { inputs = [], outputs = [] } = (start.now().instance.constructor as ModelClass).tensors ?? {};
    return jsonReply(200, { name: start.modelName, platform: "coldframe_javascript", inputs, outputs });
  };

  const answers: Answers = {
    gets: {
      "/v2": server,
      "/v2/": server,
      "/v2/health/live": () => jsonReply(200, { live: true }),
      "/v2/health/ready": serverReady,
      "*": model,
      "*/ready": modelReady,
    },
    posts: {
      "*/infer": (call) => infer(call, environment),
      "*/generate": (call) => generate(call, environment, schema),
      "*/generate_stream": (call) => generateStream(call, environment, schema),
    },
  };

  function fail(thrown: unknown, { origin }: Call): Reply {
    const reply = failedReply(thrown, origin, artifact);
    const { message, ...rest } = errorBody(toColdframeError(thrown), origin.id).error;
    return { ...reply, body: encodeJson({ error: message, ...rest }) };
  }

  const route = routeOver(answers, fail, MODEL);
  return async (call) => ({ ...(await route(call)), failed: (error) => fail(error, call) });
}

interface Facts {
  readonly coldframe_version: string;
}
