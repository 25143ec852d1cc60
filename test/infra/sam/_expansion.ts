// The SAM templates with the facts of sample deployments in them, and what AWS makes of those: expanded by AWS's own
// translator where it is installed, and kept beside this file with a hash for where it is not.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { renderTemplate } from "../../../adapter/build/deployment-tag.ts";
import type { Parameters } from "../cfn/_parameters.ts";
import type { Template } from "../cfn/_parse.ts";
import { deploymentOf, FULL } from "../_facts.ts";

/** A function on managed instances with a GPU. */
const GPU = FULL.replace("architecture: arm64", "architecture: x86_64").replace(
  "concurrency: { reserved: 20, provisioned: 2 }",
  "managed_instances: { accelerator_memory_gib: 24, memory: 8192, max_vcpus: 32, max_environments: 3 }",
);

/** A function of which config.yaml says next to nothing, and that streams nothing. */
const PLAIN = `model_name: plain
serverless: { events: [function-url], url: { invoke_mode: buffered } }
`;

/** A function that anybody may call from a browser, with other numbers than FULL has. */
const PUBLIC = `model_name: public
environment_variables: { STAGE_SIZE: "3", LANGUAGE: en }
secrets: { signing_key: null, salt: aws-ssm:///public/salt }
weights:
  - source: s3://public-weights/models/
    mount_location: models
runtime: { enable_debug_logs: true, enable_tracing_data: true }
serverless:
  architecture: x86_64
  memory: 1769
  timeout: 30
  events: [function-url, sqs]
  url:
    auth: none
    cors: { allow_origins: ["*"], allow_methods: [GET, POST], allow_headers: [content-type], expose_headers: [x-request-id], allow_credentials: false }
  concurrency: { reserved: 7, provisioned: 1 }
  sqs: { results: "s3://public-results/answers/", batch_size: 4, max_concurrency: 5, max_receive_count: 3 }
`;

/** What is expanded: a template of infra/sam with the deployment of a config.yaml. */
const SAMPLES = {
  template: { template: "template.yaml", config: FULL },
  "template.plain": { template: "template.yaml", config: PLAIN },
  "template.public": { template: "template.yaml", config: PUBLIC },
  "template-image": { template: "template-image.yaml", config: FULL },
  gpu: { template: "gpu.yaml", config: GPU },
} as const;

export type SampleName = keyof typeof SAMPLES;
export const SAMPLE_NAMES = Object.keys(SAMPLES) as readonly SampleName[];

/** Parameters without a default, as somebody would give them. */
export const REQUIRED: Readonly<Record<SampleName, Parameters>> = {
  template: {},
  "template.plain": {},
  "template.public": {},
  "template-image": { ImageUri: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/sample:1" },
  gpu: {
    ImageUri: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/sample:1",
    SubnetIds: "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
    SecurityGroupIds: "sg-0123456789abcdef0",
  },
};

/** The config.yaml of a sample. */
export const configOf = (name: SampleName): string => SAMPLES[name].config;

const TEMPLATES = new URL("../../../infra/sam/", import.meta.url);

/** As it lies in infra/sam, with its !Deployment tags. */
export const sourceOf = (template: string): string => readFileSync(new URL(template, TEMPLATES), "utf8");

/** As `coldframe build` writes it. */
export function rendered(name: SampleName): string {
  const { template, config } = SAMPLES[name];
  // A release alone makes no expansion stale.
  return renderTemplate(sourceOf(template), {
    ...deploymentOf(config, "lambda"),
    coldframe_version: "0.0.0",
  });
}

export const hashOf = (text: string): string => createHash("sha256").update(text).digest("hex");

/** What is kept of an expansion. */
export interface Golden {
  /** Of the rendered template. */
  readonly sha256: string;
  readonly document: Template;
}

export const goldenFile = (name: SampleName): string =>
  fileURLToPath(new URL(`${name}.expanded.json`, import.meta.url));

export const golden = (name: SampleName): Golden =>
  JSON.parse(readFileSync(goldenFile(name), "utf8")) as Golden;

/** Said where it is not installed. */
export const NO_TRANSLATOR = "skipped: samtranslator is not installed";

/** `sam deploy` has put the zip here by the time AWS expands the template. */
const UPLOADED = "s3://uploads-of-sam/0123456789abcdef";

/**
 * What AWS makes of SAM templates, in one process.
 * @returns `undefined` where the translator is not installed
 * @throws its own message for a template that it refuses
 */
export function expand(
  templates: readonly { readonly text: string; readonly parameters?: Parameters }[],
): Template[] | undefined {
  const input = templates.map(({ text, parameters = {} }) => ({
    template: text.replace("../../lambda.zip", UPLOADED),
    parameters,
  }));
  const run = spawnSync("python3", [fileURLToPath(new URL("expand.py", import.meta.url))], {
    input: JSON.stringify(input),
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (run.error !== undefined || run.status === 3) return undefined;
  if (run.status !== 0) throw new Error(run.stderr);
  return JSON.parse(run.stdout) as Template[];
}
