// The paths that a platform names in a variable of its own, and what it wants to be answered there. Sources: Vertex AI's
// custom container requirements (AIP_HEALTH_ROUTE, AIP_PREDICT_ROUTE); RunPod's load balancing endpoints
// (HEALTH_CHECK_PATH); awslabs.github.io/aws-lambda-web-adapter, "Environment Variables" (AWS_LWA_PASS_THROUGH_PATH).

import { writeLog } from "../../log.ts";
import type { Answer, Answers } from "../../routes.ts";

/** The answers of every server that a platform may want elsewhere. */
export interface Answering {
  readonly ready: Answer;
  /** 204 while the model loads. */
  readonly ping: Answer;
  readonly predict: Answer;
  /** As `predict`, and envelopes of many instances. */
  readonly predictInstances: Answer;
}

/** Where the Lambda Web Adapter posts events that are not HTTP. */
const LAMBDA_EVENTS = "/events";

/** Answers by the whole path. */
export function platformAnswers(answering: Answering, env: NodeJS.ProcessEnv = process.env): Answers {
  const { ready, ping, predict, predictInstances } = answering;
  const gets: Record<string, Answer> = {};
  const posts: Record<string, Answer> = {};
  const { AIP_HEALTH_ROUTE, AIP_PREDICT_ROUTE, AIP_STORAGE_URI, HEALTH_CHECK_PATH } = env;
  if (AIP_HEALTH_ROUTE) gets[AIP_HEALTH_ROUTE] = ready;
  if (AIP_PREDICT_ROUTE) posts[AIP_PREDICT_ROUTE] = predictInstances;
  if (AIP_STORAGE_URI) {
    writeLog("info", "AIP_STORAGE_URI is not read: the weights are those that config.yaml names", {
      uri: AIP_STORAGE_URI,
    });
  }
  // The name is too common to be heard everywhere.
  if (HEALTH_CHECK_PATH && env["RUNPOD_POD_ID"]) gets[HEALTH_CHECK_PATH] = ping;
  if (env["AWS_LAMBDA_RUNTIME_API"] && !env["AWS_LAMBDA_HTTP_ENDPOINT"]) {
    posts[env["AWS_LWA_PASS_THROUGH_PATH"] || LAMBDA_EVENTS] = predict;
  }
  return { gets, posts };
}
