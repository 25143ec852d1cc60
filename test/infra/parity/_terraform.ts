// The normal form of the evaluated Terraform module: its attributes by what CloudFormation means, its names by the parts
// that have them. A resource or an attribute that nothing here reads is an error.

import type { Json } from "../cfn/_parse.ts";
import type { Evaluated, Value } from "../terraform/_evaluate.ts";
import { blocksOf } from "../terraform/_evaluate.ts";
import type { Module } from "../terraform/_module.ts";
import {
  type Alarm,
  type NormalForm,
  nothingElse,
  type Permission,
  sorted,
  type UrlFacts,
} from "./_normal-form.ts";
import { statementsOf } from "./_statements.ts";
import { functionOf, type Names } from "./_terraform-function.ts";
import { bucketOf, queueOf } from "./_terraform-stores.ts";
import { type Attributes, blockOf, type Resources, textOf } from "./_terraform-resources.ts";

/**
 * @param module for what Terraform itself obeys and no provider sees: `prevent_destroy`
 * @throws for what it would not compare
 */
export function fromTerraform({ resources, outputs }: Evaluated, module: Module): NormalForm {
  const named = namedResources({ ...resources, "output.all": outputs });
  const take = taker(named);
  const fn = take("aws_lambda_function.model");
  const names: Names = {
    function: fn["function_name"],
    logs: named["aws_cloudwatch_log_group.function"]?.["name"],
  };
  const form: NormalForm = {
    function: functionOf(fn, take("aws_lambda_function_recursion_config.model"), names),
    alias: aliasOf(
      take("aws_lambda_alias.live"),
      take.optional("aws_lambda_provisioned_concurrency_config.live"),
      names,
    ),
    url: urlOf(take.optional("aws_lambda_function_url.live"), names),
    permissions: sorted(take.all("aws_lambda_permission").map((one) => permissionOf(one, names))),
    logs: logsOf(take("aws_cloudwatch_log_group.function")),
    role: roleOf(take("aws_iam_role.function"), take.all("aws_iam_role_policy")),
    alarms: alarmsOf(take.all("aws_cloudwatch_metric_alarm"), names, named),
    queue: queueOf(take),
    bucket: bucketOf(take, keepsBucket(module)),
    outputs: outputsOf(take("output.all"), names),
    // The module refuses them.
    instances: null,
  };
  nothingElse(take.left(), "the module");
  return form;
}

export interface Taker {
  /** @throws when it is not there */
  (address: string): Attributes;
  optional(address: string): Attributes | undefined;
  all(type: string): Attributes[];
  /** What nobody took. */
  left(): Resources;
}

function taker(resources: Resources): Taker {
  const left = new Map(Object.entries(resources));
  const optional = (address: string) => {
    const found = left.get(address);
    left.delete(address);
    return found;
  };
  const take = (address: string) => {
    const found = optional(address);
    if (found === undefined) throw new Error(`there is no ${address}`);
    return found;
  };
  return Object.assign(take, {
    optional,
    all: (type: string) => [...left.keys()].filter((address) => address.startsWith(`${type}.`)).map(take),
    left: () => Object.fromEntries(left),
  });
}

const PARTS: readonly (readonly [address: string, part: string])[] = [
  ["aws_lambda_function.model.version", "<version.number>"],
  ["aws_lambda_function.model.", "<function."],
  ["aws_lambda_alias.live.", "<alias."],
  ["aws_lambda_function_url.live.function_url", "<url.url>"],
  ["aws_iam_role.function.", "<role."],
  ["aws_cloudwatch_log_group.function.", "<logs."],
  ["aws_sqs_queue.queue.", "<queue."],
  ["aws_sqs_queue.dead_letters.", "<deadLetters."],
  ["aws_s3_bucket.weights.id", "<bucket.name>"],
  ["aws_s3_bucket.weights.", "<bucket."],
  ["data.aws_partition.current.partition", "<partition>"],
  ["data.aws_partition.current.dns_suffix", "<suffix>"],
  ["data.aws_region.current.region", "<region>"],
  ["data.aws_caller_identity.current.account_id", "<account>"],
];

function namedResources(resources: Readonly<Record<string, Readonly<Record<string, Value>>>>): Resources {
  const text = JSON.stringify(resources).replace(/<([\w.]+)>/g, (all, address: string) => {
    const [prefix, part] = PARTS.find(([start]) => address.startsWith(start)) ?? [];
    if (prefix === undefined || part === undefined) return all;
    return part.endsWith(">") ? part : `${part}${address.slice(prefix.length)}>`;
  });
  return JSON.parse(text) as Resources;
}

function aliasOf(alias: Attributes, config: Attributes | undefined, names: Names): NormalForm["alias"] {
  const { name = null, function_name, function_version = null, description: _, ...rest } = alias;
  nothingElse(rest, "aws_lambda_alias");
  if (function_name !== names.function) throw new Error(`the alias is of ${function_name}`);
  const { function_name: of, qualifier, provisioned_concurrent_executions = null, ...more } = config ?? {};
  nothingElse(more, "aws_lambda_provisioned_concurrency_config");
  const isOfAlias = config === undefined || targetOf(of, qualifier, names) === "<alias.arn>";
  return {
    name,
    version: function_version,
    provisioned: isOfAlias ? provisioned_concurrent_executions : `of ${of}:${qualifier}`,
  };
}

const targetOf = (name: Json | undefined, qualifier: Json | undefined, names: Names): string =>
  name === names.function && qualifier === "live" ? "<alias.arn>" : `${name}:${qualifier}`;

function urlOf(url: Attributes | undefined, names: Names): UrlFacts | null {
  if (url === undefined) return null;
  const { function_name, qualifier, authorization_type = null, invoke_mode = null, cors, ...rest } = url;
  nothingElse(rest, "aws_lambda_function_url");
  return {
    target: targetOf(function_name, qualifier, names),
    auth: authorization_type,
    invokeMode: invoke_mode,
    cors:
      cors === undefined
        ? null
        : Object.fromEntries(Object.entries(blockOf(cors)).map(([name, value]) => [pascal(name), value])),
  };
}

function permissionOf(permission: Attributes, names: Names): Permission {
  const { action = null, principal = null, function_url_auth_type = null, ...more } = permission;
  const { invoked_via_function_url = null, function_name, qualifier, statement_id: _, ...rest } = more;
  nothingElse(rest, "aws_lambda_permission");
  return {
    action,
    principal,
    authType: function_url_auth_type,
    viaUrl: invoked_via_function_url,
    target: targetOf(function_name, qualifier, names),
  };
}

function logsOf(group: Attributes): NormalForm["logs"] {
  const { retention_in_days = null, skip_destroy = false, name: _, ...rest } = group;
  nothingElse(rest, "aws_cloudwatch_log_group");
  return { retentionDays: retention_in_days, isKept: skip_destroy === true };
}

function roleOf(role: Attributes, policies: readonly Attributes[]): NormalForm["role"] {
  const { assume_role_policy, managed_policy_arns = [], name_prefix: _, description: __, ...rest } = role;
  nothingElse(rest, "aws_iam_role");
  const statements = policies.flatMap(({ policy, role: of, name: _, ...more }) => {
    nothingElse(more, "aws_iam_role_policy");
    if (of !== "<role.name>") throw new Error(`a policy is of ${of}`);
    return statementsOf(JSON.parse(textOf(policy)));
  });
  return {
    trust: statementsOf(JSON.parse(textOf(assume_role_policy))),
    statements: sorted(statements),
    managedPolicies: managed_policy_arns as Json[],
  };
}

function alarmsOf(all: readonly Attributes[], names: Names, resources: Resources): Record<string, Alarm> {
  const deadLetters = resources["aws_sqs_queue.dead_letters"]?.["name"];
  const ofName: Readonly<Record<string, readonly [Json | undefined, string]>> = {
    FunctionName: [names.function, "<function.name>"],
    QueueName: [deadLetters, "<deadLetters.name>"],
  };
  const alarms = all.map((alarm) => {
    const { metric_name, namespace = null, statistic, extended_statistic, threshold = null, ...more } = alarm;
    const { period = null, evaluation_periods = null, comparison_operator = null, ...others } = more;
    const { treat_missing_data = null, dimensions = {}, alarm_actions = [], ...last } = others;
    const { alarm_name: _, alarm_description: __, ...rest } = last;
    nothingElse(rest, "aws_cloudwatch_metric_alarm");
    const found = Object.entries(dimensions as Attributes).map(([name, value]) => {
      const [own, part] = ofName[name] ?? [];
      return [name, value === own && part !== undefined ? part : value] as const;
    });
    return [
      textOf(metric_name),
      {
        namespace,
        statistic: statistic ?? extended_statistic ?? null,
        threshold,
        periodSeconds: period,
        evaluationPeriods: evaluation_periods,
        comparison: comparison_operator,
        missingData: treat_missing_data,
        dimensions: Object.fromEntries(found),
        actions: alarm_actions as Json[],
      },
    ] as const;
  });
  if (new Set(alarms.map(([metric]) => metric)).size < alarms.length)
    throw new Error("two alarms of one metric");
  return Object.fromEntries(alarms);
}

function outputsOf(outputs: Attributes, names: Names): Attributes {
  const present = Object.entries(outputs).filter(([, value]) => value !== null);
  return Object.fromEntries(
    present.map(([name, value]) => [pascal(name), value === names.logs ? "<logs.name>" : value]),
  );
}

const keepsBucket = ({ resources }: Module): boolean =>
  blocksOf(resources["aws_s3_bucket.weights"]?.["lifecycle"])[0]?.["prevent_destroy"] === true;

/** allow_origins -> AllowOrigins. */
const pascal = (name: string): string =>
  name.replace(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase());
