// What must hold of the resources that the module makes, whatever its switches: nobody may do more than is needed, what is
// public has a ceiling, what is stored is private and ends.

import { blocksOf, type Evaluated, type Value } from "./_evaluate.ts";
import type { Module } from "./_module.ts";

interface Statement {
  readonly Sid?: string;
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
}

type Attributes = Readonly<Record<string, Value>>;

/** Where something may be `*`: X-Ray knows no other resource. */
const ANY_RESOURCE = "WriteTraces";

/** The sentences of rules that do not hold. */
export function ruleProblems({ resources }: Evaluated): string[] {
  return [
    ...roleProblems(resources),
    ...urlProblems(resources),
    ...storageProblems(resources),
    ...queueProblems(resources),
  ];
}

function roleProblems(resources: Evaluated["resources"]): string[] {
  const statements = ofType(resources, "aws_iam_role_policy").flatMap(([, { policy }]) =>
    statementsOf(policy),
  );
  return [
    ...statements.flatMap(({ Sid = "", Effect, Action, Resource }) => [
      ...(Effect === "Allow" && list(Action).some((action) => action.includes("*"))
        ? [`${Sid} allows any action`]
        : []),
      ...(list(Resource).includes("*") && Sid !== ANY_RESOURCE ? [`${Sid} is of any resource`] : []),
    ]),
    ...(statements.flatMap(({ Action }) => list(Action)).includes("logs:CreateLogGroup")
      ? ["the role may create log groups, which have no retention"]
      : []),
    ...(Object.keys(resources).some((address) => address.startsWith("aws_iam_role_policy_attachment"))
      ? ["the role has a managed policy"]
      : []),
  ];
}

function urlProblems(resources: Evaluated["resources"]): string[] {
  const [, url] = ofType(resources, "aws_lambda_function_url")[0] ?? [];
  const permissions = ofType(resources, "aws_lambda_permission");
  const problems = permissions.flatMap(([address, permission]) => [
    ...(permission["qualifier"] === "live" ? [] : [`${address} is not on the alias`]),
    ...(permission["action"] === "lambda:InvokeFunction" && "function_url_auth_type" in permission
      ? [`${address}: Lambda refuses function_url_auth_type of lambda:InvokeFunction`]
      : []),
  ]);
  if (url === undefined) {
    return permissions.length === 0 ? problems : [...problems, "permissions of a URL that is not there"];
  }
  const isPublic = url["authorization_type"] === "NONE";
  const principals = new Set(permissions.map(([, { principal }]) => principal));
  if (isPublic) principals.add("*");
  const reserved = resources["aws_lambda_function.model"]?.["reserved_concurrent_executions"];
  return [
    ...problems,
    ...(url["qualifier"] === "live" ? [] : ["the URL is not on the alias"]),
    ...(isPublic && !(Number(reserved) > 0) ? ["a public URL without reserved concurrency"] : []),
    ...(!isPublic && principals.has("*") ? ["everybody may call a URL with AWS_IAM"] : []),
    ...[...principals].flatMap((principal) => {
      const own = permissions
        .map(([, permission]) => permission)
        .filter((one) => one["principal"] === principal);
      const hasUrl = own.some(
        ({ action, function_url_auth_type }) =>
          action === "lambda:InvokeFunctionUrl" && function_url_auth_type === url["authorization_type"],
      );
      const hasFunction = own.some(
        ({ action, invoked_via_function_url }) =>
          action === "lambda:InvokeFunction" && invoked_via_function_url === true,
      );
      return [
        ...(hasUrl ? [] : [`${principal} lacks lambda:InvokeFunctionUrl`]),
        ...(hasFunction ? [] : [`${principal} lacks lambda:InvokeFunction through the URL`]),
      ];
    }),
  ];
}

function storageProblems(resources: Evaluated["resources"]): string[] {
  const groups = ofType(resources, "aws_cloudwatch_log_group");
  const logging = first(resources["aws_lambda_function.model"]?.["logging_config"]);
  const buckets = ofType(resources, "aws_s3_bucket");
  const block = ofType(resources, "aws_s3_bucket_public_access_block")[0]?.[1] ?? {};
  const closed = [
    "block_public_acls",
    "block_public_policy",
    "ignore_public_acls",
    "restrict_public_buckets",
  ];
  return [
    ...groups.flatMap(([address, { retention_in_days }]) =>
      Number(retention_in_days) > 0 ? [] : [`${address} keeps logs for ever`],
    ),
    ...(groups.some(([, { name }]) => name === logging["log_group"])
      ? []
      : ["logs do not go to the log group"]),
    ...(logging["log_format"] === "JSON" ? [] : ["logs are no JSON"]),
    ...(buckets.length === 0
      ? []
      : [
          ...closed.filter((name) => block[name] !== true).map((name) => `the bucket lacks ${name}`),
          ...(tlsOnly(resources, "aws_s3_bucket_policy.weights")
            ? []
            : ["the bucket is reached without TLS"]),
          ...(buckets.some(([, { force_destroy }]) => force_destroy === true)
            ? ["the bucket is emptied"]
            : []),
          ...[
            "versioning",
            "ownership_controls",
            "server_side_encryption_configuration",
            "lifecycle_configuration",
          ]
            .filter((part) => !(`aws_s3_bucket_${part}.weights` in resources))
            .map((part) => `the bucket has no ${part}`),
        ]),
  ];
}

function queueProblems(resources: Evaluated["resources"]): string[] {
  const queues = ofType(resources, "aws_sqs_queue");
  if (queues.length === 0) return [];
  const queue = resources["aws_sqs_queue.queue"] ?? {};
  const mapping = resources["aws_lambda_event_source_mapping.queue"] ?? {};
  const timeout = Number(resources["aws_lambda_function.model"]?.["timeout"]);
  return [
    ...queues.flatMap(([address, { sqs_managed_sse_enabled }]) => [
      ...(sqs_managed_sse_enabled === true ? [] : [`${address} is not encrypted`]),
      ...(tlsOnly(resources, address.replace("sqs_queue", "sqs_queue_policy"))
        ? []
        : [`${address} is reached without TLS`]),
    ]),
    ...(String(queue["redrive_policy"]).includes("<aws_sqs_queue.dead_letters.arn>")
      ? []
      : ["the queue has no dead letters"]),
    ...(Number(queue["visibility_timeout_seconds"]) >= 6 * timeout ? [] : ["messages come back too soon"]),
    ...(JSON.stringify(mapping["function_response_types"]) === '["ReportBatchItemFailures"]'
      ? []
      : ["failed messages are taken for done"]),
    ...(Number(first(mapping["scaling_config"])["maximum_concurrency"]) > 0
      ? []
      : ["the queue may take all environments"]),
    ...(mapping["function_name"] === "<aws_lambda_alias.live.arn>"
      ? []
      : ["the queue does not call the alias"]),
  ];
}

function ofType(resources: Evaluated["resources"], type: string): [string, Attributes][] {
  return Object.entries(resources).filter(([address]) => address.startsWith(`${type}.`));
}

function tlsOnly(resources: Evaluated["resources"], address: string): boolean {
  const text = JSON.stringify(statementsOf(resources[address]?.["policy"]));
  return text.includes('"Effect":"Deny"') && text.includes('{"aws:SecureTransport":"false"}');
}

const statementsOf = (policy: Value | undefined): readonly Statement[] =>
  (JSON.parse(String(policy ?? '{"Statement":[]}')) as { Statement: Statement[] }).Statement;

const list = (value: string | readonly string[]): readonly string[] =>
  typeof value === "string" ? [value] : value;

const first = (blocks: Value | undefined): Attributes =>
  ((blocks as readonly Attributes[] | undefined) ?? [])[0] ?? {};

/** The bucket of the weights outlives the module, whoever destroys it. */
export function keepProblems({ resources }: Module): string[] {
  const [lifecycle = {}] = blocksOf(resources["aws_s3_bucket.weights"]?.["lifecycle"]);
  return lifecycle["prevent_destroy"] === true ? [] : ["the bucket of the weights can be destroyed"];
}
