// Breaks of what switches decide: a condition of SAM's document, or an expression of the Terraform module, that leaves a
// part of the question out. What is made is right with most switches, and wrong with some.

import type { Json } from "../cfn/_parse.ts";
import type { ModuleMutation } from "./_module-mutations.ts";

const equals = (name: string, value: string): Json => ({ "Fn::Equals": [{ Ref: name }, value] });
const not = (of: Json): Json => ({ "Fn::Not": [of] });
const and = (...all: Json[]): Json => ({ "Fn::And": all });

/** [condition, what it asks instead] */
export const CONDITION_MUTATIONS: readonly (readonly [name: string, broken: Json])[] = [
  ["IsPublic", equals("UrlAuth", "NONE")],
  ["HasInvoker", and({ Condition: "HasUrl" }, not(equals("Invoker", "")))],
  ["HasInvoker", and(equals("UrlAuth", "AWS_IAM"), not(equals("Invoker", "")))],
  ["HasUrlAlarm", { Condition: "HasAlarms" }],
  ["HasUrlAlarm", { Condition: "HasUrl" }],
  ["HasQueueAlarm", { Condition: "HasAlarms" }],
  ["HasQueueAlarm", { Condition: "HasQueue" }],
  ["HasAlarmTopic", equals("AlarmTopicArn", "")],
  ["HasReserved", equals("ReservedConcurrency", "0")],
  ["HasProvisioned", { Condition: "HasReserved" }],
  ["HasEnvironment", { Condition: "HasUrl" }],
  ["HasWeightsKey", and({ Condition: "CreatesBucket" }, not(equals("WeightsKeyArn", "")))],
  ["CreatesBucket", { Condition: "HasWeightsKey" }],
];

export const SWITCH_MUTATIONS: readonly ModuleMutation[] = [
  ["is_public", "is_public   = local.function_url && ", "is_public   = "],
  ["has_invoker", 'local.function_url && local.url_auth == "AWS_IAM" && var', "local.function_url && var"],
  [
    "has_invoker",
    'local.function_url && local.url_auth == "AWS_IAM" && var',
    'local.url_auth == "AWS_IAM" && var',
  ],
  ["the URL's alarm", "var.alarms && local.function_url ?", "var.alarms ?"],
  ["the URL's alarm", "var.alarms && local.function_url ?", "local.function_url ?"],
  ["the queue's alarm", "var.alarms && local.queue ?", "local.queue ?"],
  ["the topic", 'var.alarm_topic_arn == "" ? []', 'var.alarm_topic_arn != "" ? []'],
  ["reserved", "local.reserved > 0 ? local.reserved : -1", "local.reserved"],
  ["provisioned", "local.provisioned > 0 ? 1 : 0", "local.reserved > 0 ? 1 : 0"],
  ["environment", 'var.environment == "" ? {}', "local.function_url ? {}"],
  [
    "the key's statement",
    'var.weights_key_arn == "" ? [] : [{',
    'var.weights_bucket == "existing" ? [] : [{',
  ],
  [
    "a default",
    "coalesce(var.url_auth, local.deployment.switches.url_auth)",
    'coalesce(var.url_auth, "AWS_IAM")',
  ],
  ["a default", /(?<="log_retention_days" \{[^}]*default += )30/, "90"],
  ["a default", /(?<="alarms" \{[^}]*default += )true/, "false"],
  ["a ceiling", '!local.function_url || local.url_auth != "NONE" || local.reserved > 0', "true"],
  ["a prefix", "${local.deployment.name}/", "${local.deployment.name}-"],
];
