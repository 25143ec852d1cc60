// Deployments as the build describes them, from the text of a config.yaml: what templates are rendered with in tests.

import { deploymentText } from "../../adapter/build/deployment.ts";
import type { LambdaDeployment, ServerDeployment } from "../../adapter/build/deployment.ts";
import { readConfig } from "../../adapter/build/config.ts";
import { weightsFacts } from "../../adapter/build/weights/facts.ts";
import { makeProject } from "../build/_project.ts";

/** A function that uses all that a template can set. */
export const FULL = `model_name: Sample.model
description: Everything a template may have to set.
environment_variables: { GREETING: hello }
secrets: { hub_token: null, api_key: aws-ssm:///prod/api-key, note: fallback }
weights:
  - source: s3://sample-weights/models/v1/
    mount_location: v1
  - source: s3://other-weights/vocabulary.json
runtime: { predict_concurrency: 4, enable_tracing_data: true }
resources: { cpu: 4, memory: 8Gi }
serverless:
  architecture: arm64
  memory: 3008
  timeout: 120
  ephemeral_storage: 2048
  events: [function-url, sqs, direct]
  url: { cors: { allow_origins: ["https://app.example.com"], allow_methods: [POST], max_age: 600 } }
  concurrency: { reserved: 20, provisioned: 2 }
  sqs: { results: "s3://sample-results/answers/" }
server: { image: "registry.example.com/team/sample:1", request_timeout_seconds: 600 }
`;

/** deployment.json of a project with this config.yaml and weights that are not pinned. */
export function deploymentOf(config: string, target: "lambda"): LambdaDeployment;
export function deploymentOf(config: string, target: "server"): ServerDeployment;
export function deploymentOf(
  config: string,
  target: "lambda" | "server",
): LambdaDeployment | ServerDeployment {
  const loaded = readConfig(makeProject({ "config.yaml": config }), target);
  const entries = loaded.weights.map((entry) => ({ entry, files: undefined }));
  const weights = weightsFacts(entries, {});
  const measured = { dataBytes: 0, otherBytes: 1_000_000, cachedBy: undefined, weights };
  return JSON.parse(deploymentText(target, loaded.config, measured)) as LambdaDeployment | ServerDeployment;
}
