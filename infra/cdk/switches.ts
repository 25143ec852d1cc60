// The switches of one deployment: what props say, else what deployment.json says; and which of them contradict each other.

import { Token } from "aws-cdk-lib";
import type { LambdaDeployment } from "../../adapter/build/deployment.ts";
import { ColdframeError } from "../../adapter/runtime/errors.ts";
import type { ModelFunctionProps } from "./props.ts";

/** As the props, with nothing left to default; "" and 0 are none. */
export interface Switches {
  readonly functionUrl: boolean;
  readonly urlAuth: "AWS_IAM" | "NONE";
  readonly invoker: string;
  readonly queue: boolean;
  readonly createBucket: boolean;
  readonly weightsKeyArn: string;
  readonly secretsPrefix: string;
  readonly environment: string;
  readonly reservedConcurrency: number;
  readonly provisionedConcurrency: number;
  readonly logRetentionDays: number;
  readonly alarms: boolean;
  readonly alarmTopicArn: string;
}

const LOG_RETENTION_DAYS = 30;

/** @throws CONFIG_INVALID when they contradict each other or the model */
export function switchesOf(props: ModelFunctionProps, facts: LambdaDeployment): Switches {
  const { switches, concurrency } = facts;
  const chosen = {
    functionUrl: props.functionUrl ?? switches.function_url === "true",
    urlAuth: props.urlAuth ?? switches.url_auth,
    invoker: props.invoker ?? "",
    queue: props.queue ?? switches.queue === "true",
    createBucket: props.weightsBucket === "create",
    weightsKeyArn: props.weightsKeyArn ?? "",
    secretsPrefix: props.secretsPrefix ?? `${facts.name}/`,
    environment: props.environment ?? "",
    reservedConcurrency: props.reservedConcurrency ?? concurrency.reserved,
    provisionedConcurrency: props.provisionedConcurrency ?? concurrency.provisioned,
    logRetentionDays: props.logRetentionDays ?? LOG_RETENTION_DAYS,
    alarms: props.alarms ?? true,
    alarmTopicArn: props.alarmTopicArn ?? "",
  };
  check(chosen, props, facts);
  return chosen;
}

/** What a switch may be; what is known to the deployment alone may be anything. */
const ALLOWED: readonly (readonly [name: keyof Switches, pattern: RegExp, allowed: string])[] = [
  [
    "invoker",
    /^$|^\d{12}$|^arn:[a-z0-9-]+:iam::\d{12}:(root|(role|user)\/[\w+=,.@/-]+)$/,
    "an account id of 12 digits, or the ARN of a role or user",
  ],
  [
    "weightsKeyArn",
    /^$|^arn:[a-z0-9-]+:kms:[a-z0-9-]+:\d{12}:key\/[\w-]+$/,
    "the ARN of a KMS key, not of an alias",
  ],
  ["secretsPrefix", /^[\w/+=.@-]*$/, "letters, digits and /_+=.@-"],
  ["alarmTopicArn", /^$|^arn:[a-z0-9-]+:sns:[a-z0-9-]+:\d{12}:[\w.-]+$/, "the ARN of an SNS topic"],
  ["reservedConcurrency", /^\d+$/, "0 or more"],
  ["provisionedConcurrency", /^\d+$/, "0 or more"],
];

function checkValues(chosen: Switches): void {
  for (const [name, pattern, allowed] of ALLOWED) {
    const found = chosen[name];
    if (Token.isUnresolved(found) || pattern.test(String(found))) continue;
    refuse(`found ${name} ${JSON.stringify(found)}, allowed ${allowed}.`, `Set ${name} to one of these.`);
  }
}

function check(chosen: Switches, props: ModelFunctionProps, facts: LambdaDeployment): void {
  checkValues(chosen);
  const { reservedConcurrency: reserved, provisionedConcurrency: provisioned } = chosen;
  const { managed_instances: managed } = facts;
  if (managed !== null) checkManaged(chosen, props, managed.accelerator_memory_gib !== null);
  // What managed instances may cost is bounded by their vCPUs.
  else if (chosen.functionUrl && chosen.urlAuth === "NONE" && reserved === 0) {
    refuse(
      'urlAuth is "NONE", and reservedConcurrency is not set: anybody could make the function cost what the whole account may run.',
      'Set reservedConcurrency to the execution environments that the public may have at the same time, or urlAuth to "AWS_IAM".',
    );
  }
  if (reserved > 0 && provisioned > reserved) {
    refuse(
      `found provisionedConcurrency ${provisioned}, allowed at most reservedConcurrency, ${reserved}.`,
      "Raise reservedConcurrency, or keep fewer environments ready.",
    );
  }
  const { max_concurrency: ofQueue } = facts.queue;
  if (chosen.queue && reserved > 0 && ofQueue > reserved) {
    refuse(
      `found reservedConcurrency ${reserved}, allowed at least what the queue may use, ${ofQueue}: its messages would be throttled into the dead-letter queue.`,
      "Raise reservedConcurrency, or set serverless.sqs.max_concurrency in config.yaml.",
    );
  }
  if (chosen.createBucket && facts.weights_bucket === null) {
    refuse(
      'weightsBucket is "create", and no weights of this model are read from a bucket that could be created.',
      "Name one in config.yaml, weights: [{ source: s3://bucket/prefix/ }], or leave weightsBucket out.",
    );
  }
}

function checkManaged(chosen: Switches, props: ModelFunctionProps, hasGpu: boolean): void {
  if (props.vpc === undefined) {
    refuse(
      "the model runs on managed instances, which need a VPC, and vpc is not set.",
      'Set vpc, for instance to new ec2.Vpc(this, "Vpc").',
    );
  }
  if (hasGpu && props.image === undefined) {
    refuse(
      "the model has a GPU, which Lambda gives to container images alone, and image is not set.",
      "Set image to lambda.DockerImageCode.fromEcr(repository, { tagOrDigest }).",
    );
  }
  if (chosen.reservedConcurrency > 0 || chosen.provisionedConcurrency > 0) {
    refuse(
      "the model runs on managed instances, which have neither reservedConcurrency nor provisionedConcurrency.",
      "Set serverless.managed_instances.min_environments and max_environments in config.yaml.",
    );
  }
}

function refuse(sentence: string, fix: string): never {
  throw new ColdframeError("CONFIG_INVALID", sentence, { fix });
}
