// Each rule for the module fails on a copy of it that breaks the rule.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { LambdaDeployment } from "../../../adapter/build/deployment.ts";
import { deploymentOf, FULL } from "../_facts.ts";
import { readSources } from "./_module.ts";
import { problemsOf, type Switches } from "./_problems.ts";

interface Mutation {
  readonly file: string;
  /** What is taken out of it, and what is put in its place. */
  readonly from: string | RegExp;
  readonly to: string;
  readonly problem: RegExp;
}

/** Between them, they make everything that the module can make. */
const VARIETY: readonly Switches[] = [
  { weights_bucket: "create", weights_key_arn: "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d" },
  { invoker: "123456789012" },
  { url_auth: "NONE" },
  { url_auth: "NONE", reserved_concurrency: 0, queue: false },
];

const block = (type: string, name: string): RegExp =>
  new RegExp(`^resource "${type}" "${name}" \\{.*?^\\}\\n`, "ms");

/** Of one resource: the text between its name and `from`. */
const within = (name: string, from: string): RegExp =>
  new RegExp(`(?<="${name}" \\{(?:(?!^\\}).)*?)${from}`, "ms");

const MUTATIONS: Readonly<Record<string, Mutation>> = {
  "a misspelt attribute": {
    file: "main.tf",
    from: "memory_size ",
    to: "memory_sise ",
    problem: /aws_lambda_function\.model has no attribute or block memory_sise/,
  },
  "a misspelt block": {
    file: "main.tf",
    from: "tracing_config {",
    to: "trace_config {",
    problem: /has no attribute or block trace_config/,
  },
  "a misspelt attribute of a block": {
    file: "main.tf",
    from: "application_log_level =",
    to: "app_log_level =",
    problem: /logging_config has no attribute or block app_log_level/,
  },
  "a misspelt attribute of a dynamic block": {
    file: "url.tf",
    from: "allow_origins  ",
    to: "allowed_origins  ",
    problem: /cors has no attribute or block allowed_origins/,
  },
  "a block that is written as an attribute": {
    file: "main.tf",
    from: /ephemeral_storage \{\s*size = (\S+)\s*\}/,
    to: "ephemeral_storage = $1",
    problem: /ephemeral_storage is a block/,
  },
  "a required attribute that is missing": {
    file: "url.tf",
    from: /^ *principal .*\n/m,
    to: "",
    problem: /url_invoke lacks principal/,
  },
  "an undeclared variable": {
    file: "alarms.tf",
    from: "var.alarms ?",
    to: "var.alarm ?",
    problem: /no variable alarm$/,
  },
  "a variable that nothing uses": {
    file: "main.tf",
    from: "var.log_retention_days",
    to: "30",
    problem: /var\.log_retention_days is not used/,
  },
  "a variable without a type": {
    file: "variables.tf",
    from: /^ *type .*\n/m,
    to: "",
    problem: /var\.artifact has no type/,
  },
  "an undeclared local": {
    file: "url.tf",
    from: "local.is_public",
    to: "local.public",
    problem: /no local public/,
  },
  "a resource that is not there": {
    file: "queue.tf",
    from: "aws_sqs_queue.queue[0].url",
    to: "aws_sqs_queue.main[0].url",
    problem: /no resource aws_sqs_queue\.main/,
  },
  "an attribute that a resource does not have": {
    file: "outputs.tf",
    from: "queue[*].url",
    to: "queue[*].uri",
    problem: /no attribute uri of aws_sqs_queue\.queue/,
  },
  "an attribute that only older providers have": {
    file: "outputs.tf",
    from: "live[*].function_url)",
    to: "live[*].url)",
    problem: /no attribute url of aws_lambda_function_url/,
  },
  "one of the two permissions of everybody": {
    file: "url.tf",
    from: block("aws_lambda_permission", "url_function"),
    to: "",
    problem: /^\* lacks lambda:InvokeFunction through the URL/,
  },
  "the other one": {
    file: "url.tf",
    from: block("aws_lambda_permission", "url_invoke"),
    to: "",
    problem: /^\* lacks lambda:InvokeFunctionUrl/,
  },
  "one of the two permissions of the invoker": {
    file: "url.tf",
    from: block("aws_lambda_permission", "invoker_function"),
    to: "",
    problem: /^123456789012 lacks lambda:InvokeFunction through the URL/,
  },
  "a permission that is not bound to the URL": {
    file: "url.tf",
    from: /^ *invoked_via_function_url = true\n/m,
    to: "",
    problem: /lacks lambda:InvokeFunction through the URL/,
  },
  "the condition of one action on the other": {
    file: "url.tf",
    from: "invoked_via_function_url = true",
    to: 'function_url_auth_type = "NONE"',
    problem: /Lambda refuses function_url_auth_type/,
  },
  "a permission that is not on the alias": {
    file: "url.tf",
    from: within("url_invoke", " *qualifier[^\\n]*\\n"),
    to: "",
    problem: /url_invoke is not on the alias/,
  },
  "a URL that is not on the alias": {
    file: "url.tf",
    from: within("live", " *qualifier[^\\n]*\\n"),
    to: "",
    problem: /the URL is not on the alias/,
  },
  "a public URL without a ceiling": {
    file: "main.tf",
    from: 'local.url_auth != "NONE" || local.reserved > 0',
    to: "true",
    problem: /public URL without reserved concurrency/,
  },
  "everybody under AWS_IAM": {
    file: "url.tf",
    from: 'is_public   = local.function_url && local.url_auth == "NONE"',
    to: "is_public   = local.function_url",
    problem: /everybody may call a URL with AWS_IAM/,
  },
  "a wildcard among the actions": {
    file: "main.tf",
    from: '"kms:Decrypt"',
    to: '"kms:*"',
    problem: /DecryptWeights allows any action/,
  },
  "a wildcard as resource": {
    file: "main.tf",
    from: '["${aws_cloudwatch_log_group.function.arn}:*"]',
    to: '["*"]',
    problem: /WriteLogs is of any resource/,
  },
  "a role that makes log groups": {
    file: "main.tf",
    from: '["logs:CreateLogStream", ',
    to: '["logs:CreateLogGroup", "logs:CreateLogStream", ',
    problem: /may create log groups/,
  },
  "no retention": {
    file: "main.tf",
    from: "retention_in_days = var.log_retention_days",
    to: "retention_in_days = var.log_retention_days * 0",
    problem: /keeps logs for ever/,
  },
  "logs that go elsewhere": {
    file: "main.tf",
    from: /^ *log_group +=.*\n/m,
    to: "",
    problem: /logs do not go to the log group/,
  },
  "a bucket that is not private": {
    file: "weights.tf",
    from: /block_public_policy +=.*/,
    to: "block_public_policy = false",
    problem: /the bucket lacks block_public_policy/,
  },
  "a bucket that is reached without TLS": {
    file: "weights.tf",
    from: '"aws:SecureTransport" = "false"',
    to: '"aws:SecureTransport" = "true"',
    problem: /the bucket is reached without TLS/,
  },
  "a bucket without versions": {
    file: "weights.tf",
    from: /resource "aws_s3_bucket_versioning" "weights" \{\n {2}count = local.weights/,
    to: 'resource "aws_s3_bucket_versioning" "weights" {\n  count = local.weights * 0',
    problem: /the bucket has no versioning/,
  },
  "a bucket that can be destroyed": {
    file: "weights.tf",
    from: "prevent_destroy = true",
    to: "prevent_destroy = false",
    problem: /bucket of the weights can be destroyed/,
  },
  "a bucket that is emptied": {
    file: "weights.tf",
    from: "force_destroy = false",
    to: "force_destroy = true",
    problem: /the bucket is emptied/,
  },
  "a queue in the clear": {
    file: "queue.tf",
    from: /^ *sqs_managed_sse_enabled.*\n/m,
    to: "",
    problem: /aws_sqs_queue\.queue is not encrypted/,
  },
  "dead letters that are reached without TLS": {
    file: "queue.tf",
    from: block("aws_sqs_queue_policy", "dead_letters"),
    to: "",
    problem: /aws_sqs_queue\.dead_letters is reached without TLS/,
  },
  "a queue that tries for ever": {
    file: "queue.tf",
    from: /^ *redrive_policy = jsonencode\(\{.*?\}\)\n/ms,
    to: "",
    problem: /the queue has no dead letters/,
  },
  "failed messages that are taken for done": {
    file: "queue.tf",
    from: /^ *function_response_types.*\n/m,
    to: "",
    problem: /failed messages are taken for done/,
  },
  "a queue that may take all environments": {
    file: "queue.tf",
    from: /scaling_config \{.*?\n {2}\}\n/s,
    to: "",
    problem: /the queue may take all environments/,
  },
  "messages that come back while they are worked on": {
    file: "queue.tf",
    from: "local.deployment.queue.visibility_timeout_seconds",
    to: "local.deployment.timeout_seconds",
    problem: /messages come back too soon/,
  },
  "a queue that calls the function itself": {
    file: "queue.tf",
    from: "aws_lambda_alias.live.arn",
    to: "aws_lambda_function.model.arn",
    problem: /the queue does not call the alias/,
  },
};

const sources = readSources();
let deployment: LambdaDeployment;
before(() => {
  deployment = deploymentOf(FULL, "lambda");
});

test("nothing is found in the module as it is", async () => {
  assert.deepEqual(await problemsOf(sources, deployment, VARIETY), []);
});

for (const [what, { file, from, to, problem }] of Object.entries(MUTATIONS)) {
  test(`found: ${what}`, async () => {
    const text = sources[file] ?? "";
    const changed = text.replace(from, to);
    assert.notEqual(changed, text, "nothing was changed");
    const problems = await problemsOf({ ...sources, [file]: changed }, deployment, VARIETY);
    assert.ok(
      problems.some((sentence) => problem.test(sentence)),
      `found ${JSON.stringify(problems)}`,
    );
  });
}
