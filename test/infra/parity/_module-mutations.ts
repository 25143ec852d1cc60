// Breaks of the Terraform module, as texts in its sources, and of which fact the comparison then says that it differs.

import type { Sources } from "../terraform/_module.ts";

/** [fact of the normal form, or the sentence of what it has no place for; text of one source; what stands there instead] */
export type ModuleMutation = readonly [differs: string | RegExp, from: string | RegExp, to: string];

/** Of what has a public URL. */
export const MODULE_MUTATIONS: readonly ModuleMutation[] = [
  ["function.runtime", "= local.deployment.runtime", '= "nodejs22.x"'],
  ["function.handler", "local.deployment.handler", "local.deployment.handlers.buffered"],
  ["function.architectures", "[local.deployment.architecture]", '["x86_64"]'],
  ["function.description", / description += local\.deployment\.description\n/, "\n"],
  ["function.memoryMb", "local.deployment.memory_mb", "1024"],
  ["function.timeoutSeconds", "local.deployment.timeout_seconds", "60"],
  ["function.ephemeralStorageMb", "local.deployment.ephemeral_storage_mb", "512"],
  ["function.tracing", "local.deployment.tracing", '"PassThrough"'],
  ["function.logging.format", "local.deployment.logging.log_format", '"Text"'],
  ["function.logging.application", "local.deployment.logging.application_log_level", '"DEBUG"'],
  ["function.logging.system", /system_log_level += "INFO"/, 'system_log_level = "WARN"'],
  [
    "function.logging.group",
    / log_group += aws_cloudwatch_log_group\.function\.name\n/,
    '  log_group = "other"\n',
  ],
  ["function.environment.STAGE", "{ COLDFRAME_ENVIRONMENT =", "{ STAGE ="],
  [
    "function.environment.COLDFRAME_ENVIRONMENT",
    "COLDFRAME_ENVIRONMENT = var.environment",
    'COLDFRAME_ENVIRONMENT = "stage"',
  ],
  ["function.environment.COLDFRAME_SECRET_HUB_TOKEN", "jsondecode(local.secrets_json)", "{}"],
  ["function.environment.GREETING", "    local.deployment.environment,\n", ""],
  ["function.reserved", "local.reserved > 0 ? local.reserved : -1", "-1"],
  ["function.recursiveLoop", '"Terminate"', '"Allow"'],
  ["function.role", /role += aws_iam_role\.function\.arn/, 'role = "arn:aws:iam::123456789012:role/admin"'],
  ["function.tags.0", /publish += true/, 'publish = true\n  tags = { team = "a" }'],
  [/no version is published/, /publish += true/, "publish = false"],
  [
    /of aws_lambda_function, nothing here compares kms_key_arn/,
    /publish += true/,
    'publish = true\n  kms_key_arn = "a"',
  ],
  ["alias.name", /name += "live"/, 'name = "prod"'],
  ["alias.version", "= aws_lambda_function.model.version", '= "$LATEST"'],
  ["alias.provisioned", "= local.provisioned\n", "= 1\n"],
  ["url.auth", /authorization_type = local\.url_auth/, 'authorization_type = "AWS_IAM"'],
  ["url.invokeMode", "local.deployment.function_url.invoke_mode", '"BUFFERED"'],
  ["url.target", /qualifier += aws_lambda_alias\.live\.name\n  authorization_type/, "authorization_type"],
  ["url.cors.AllowOrigins", "try(cors.value.AllowOrigins, null)", '["*"]'],
  ["url.cors.MaxAge", "try(cors.value.MaxAge, null)", "null"],
  ["url", "count = local.function_url ? 1 : 0\n\n  function_name      = ", "count = 0\n\n  function_name = "],
  [
    "permissions",
    /resource "aws_lambda_permission" "url_invoke" \{\n +count = local\.is_public \? 1 : 0/,
    'resource "aws_lambda_permission" "url_invoke" {\n  count = 0',
  ],
  [
    "permissions",
    /resource "aws_lambda_permission" "url_function" \{\n +count = local\.is_public \? 1 : 0/,
    'resource "aws_lambda_permission" "url_function" {\n  count = 0',
  ],
  ["permissions", 'function_url_auth_type = "NONE"', 'function_url_auth_type = "AWS_IAM"'],
  ["permissions", /principal += "\*"\n +function_url/, 'principal = "123456789012"\n  function_url'],
  ["permissions", /(principal += "\*"\n) +invoked_via_function_url = true\n/, "$1"],
  [
    "permissions",
    /(principal += "\*"\n +invoked_via_function_url = true\n +function_name +=.*\n) +qualifier.*/,
    "$1",
  ],
  ["logs.retentionDays", "= var.log_retention_days", "= 7"],
  ["logs.isKept", "= var.log_retention_days", "= var.log_retention_days\n  skip_destroy = true"],
  ["role.trust", '"lambda.amazonaws.com"', '"ec2.amazonaws.com"'],
  ["role.statements", "jsondecode(local.iam_json)", "[]"],
  ["role.statements", '"logs:CreateLogStream", ', ""],
  ["role.statements", "aws_cloudwatch_log_group.function.arn}:*", "aws_cloudwatch_log_group.function.arn}"],
  ["role.statements", "= local.deployment.queue.actions", '= ["sqs:*"]'],
  ["role.statements", '["kms:Decrypt"]', '["kms:Encrypt"]'],
  ["role.statements", /Condition = \{ StringEquals = \{ "kms:ViaService".*\n/, "\n"],
  [
    "role.managedPolicies",
    'resource "aws_iam_role" "function" {',
    'resource "aws_iam_role" "function" {\n  managed_policy_arns = ["arn:aws:iam::aws:policy/AdministratorAccess"]\n',
  ],
  ["alarms.Errors.namespace", /"AWS\/Lambda"(?=\n +metric_name += "Errors")/, '"AWS/SQS"'],
  ["alarms.Errors.statistic", /(?<="Errors"\n +statistic += )"Sum"/, '"Average"'],
  ["alarms.Errors.threshold", "local.thresholds.errors", "2"],
  [
    "alarms.Errors.periodSeconds",
    /(?<="Errors"[^}]*\}\n +period += )local\.thresholds\.period_seconds/,
    "60",
  ],
  [
    "alarms.Errors.evaluationPeriods",
    /evaluation_periods += 1(?=\n +threshold += local\.thresholds\.errors)/,
    "evaluation_periods = 2",
  ],
  [
    "alarms.Errors.comparison",
    /(?<=thresholds\.errors\n +comparison_operator = )"GreaterThanOrEqualToThreshold"/,
    '"GreaterThanThreshold"',
  ],
  [
    "alarms.Errors.missingData",
    /(?<=thresholds\.errors\n.*\n +treat_missing_data += )"notBreaching"/,
    '"breaching"',
  ],
  [
    "alarms.Errors.dimensions.FunctionName",
    /(?<="Errors"\n.*\n +dimensions += \{ FunctionName = )aws_lambda_function\.model\.function_name/,
    '"other"',
  ],
  ["alarms.Errors.actions", /(?<=thresholds\.errors\n.*\n.*\n +alarm_actions += )local\.alarm_actions/, "[]"],
  ["alarms.Url5xxCount", "var.alarms && local.function_url ? 1 : 0", "0"],
  [
    "alarms.ApproximateNumberOfMessagesVisible.dimensions.QueueName",
    "aws_sqs_queue.dead_letters[0].name",
    "aws_sqs_queue.queue[0].name",
  ],
  ["alarms.Throttles", /var\.alarms(?= \? 1 : 0\n\n.*-throttles")/, "false"],
  [
    /there is no aws_lambda_event_source_mapping\.queue/,
    /(?<="aws_lambda_event_source_mapping" "queue" \{\n +count = )local\.queues/,
    "0",
  ],
  ["queue.visibilityTimeoutSeconds", "= local.deployment.queue.visibility_timeout_seconds", "= 30"],
  [
    "queue.retentionSeconds",
    / visibility_timeout_seconds =/,
    " message_retention_seconds = 60\n  visibility_timeout_seconds =",
  ],
  ["queue.isEncrypted", /(?<=visibility_timeout_seconds\n +sqs_managed_sse_enabled += )true/, "false"],
  [
    "queue.redrive.target",
    "deadLetterTargetArn = aws_sqs_queue.dead_letters[0].arn",
    "deadLetterTargetArn = aws_sqs_queue.queue[0].url",
  ],
  ["queue.redrive.maxReceiveCount", "local.deployment.queue.max_receive_count", "1"],
  ["queue.policy.0.effect", /"Deny"(?=\n.*\n.*\n +Resource += aws_sqs_queue\.queue)/, '"Allow"'],
  ["queue.deadLetters.retentionSeconds", "= 1209600", "= 60"],
  ["queue.deadLetters.isEncrypted", /(?<=1209600.*\n +sqs_managed_sse_enabled += )true/, "false"],
  [
    "queue.deadLetters.policy.0.effect",
    /"Deny"(?=\n.*\n.*\n +Resource += aws_sqs_queue\.dead_letters)/,
    '"Allow"',
  ],
  [
    "queue.mapping.source",
    /event_source_arn += aws_sqs_queue\.queue\[0\]\.arn/,
    "event_source_arn = aws_sqs_queue.dead_letters[0].arn",
  ],
  [
    "queue.mapping.target",
    /function_name +=(?= aws_lambda_alias\.live\.arn)[^\n]*/,
    "function_name = aws_lambda_function.model.arn",
  ],
  ["queue.mapping.batchSize", "local.deployment.queue.batch_size", "10"],
  ["queue.mapping.responseTypes", "local.deployment.queue.function_response_types", "null"],
  ["queue.mapping.maxConcurrency", /maximum_concurrency = .*/, "maximum_concurrency = 2"],
  ["bucket", 'var.weights_bucket == "create" ? 1 : 0', "0"],
  ["bucket.name", /bucket += local\.deployment\.weights_bucket\n/, 'bucket = "other"\n'],
  ["bucket.algorithm", '"AES256" : "aws:kms"', '"AES256" : "aws:kms:dsse"'],
  ["bucket.key", "null : var.weights_key_arn", "null : null"],
  ["bucket.hasBucketKey", 'bucket_key_enabled = var.weights_key_arn != ""', "bucket_key_enabled = false"],
  ["bucket.publicAccess.blockAcls", /block_public_acls += true/, "block_public_acls = false"],
  ["bucket.publicAccess.blockPolicy", /block_public_policy += true/, "block_public_policy = false"],
  ["bucket.publicAccess.ignoreAcls", /ignore_public_acls += true/, "ignore_public_acls = false"],
  ["bucket.publicAccess.restrict", /restrict_public_buckets += true/, "restrict_public_buckets = false"],
  ["bucket.ownership", '"BucketOwnerEnforced"', '"ObjectWriter"'],
  ["bucket.versioning", /(?<=versioning_configuration \{\n +status = )"Enabled"/, '"Suspended"'],
  ["bucket.lifecycle", "noncurrent_days = 90", "noncurrent_days = 1"],
  ["bucket.policy.0.resources", ', "${aws_s3_bucket.weights[0].arn}/*"', ""],
  ["bucket.isKept", "prevent_destroy = true", "prevent_destroy = false"],
  ["bucket.isKept", /force_destroy += false/, "force_destroy = true"],
  ["outputs.AliasArn", "= aws_lambda_alias.live.arn\n}", "= aws_lambda_function.model.arn\n}"],
  ["outputs.QueueUrl", "one(aws_sqs_queue.queue[*].url)", "one(aws_sqs_queue.queue[*].arn)"],
  ["outputs.LogGroupName", /(?<=value += )aws_cloudwatch_log_group\.function\.name/, '"other"'],
  [
    /nothing here compares aws_sns_topic\.more/,
    'resource "aws_lambda_function" "model" {',
    'resource "aws_sns_topic" "more" {}\n\nresource "aws_lambda_function" "model" {',
  ],
];

/** @throws unless the text is in one place of one source */
export function brokenModule(sources: Sources, [, from, to]: ModuleMutation): Sources {
  const places = (text: string) =>
    typeof from === "string" ? text.split(from).length - 1 : [...text.matchAll(new RegExp(from, "g"))].length;
  const found = Object.values(sources).reduce((so, text) => so + places(text), 0);
  if (found !== 1) throw new Error(`found ${from} in ${found} places of the module`);
  return Object.fromEntries(
    // Of a text, as it is: what is put in has `$` of its own.
    Object.entries(sources).map(([name, text]) => [
      name,
      typeof from === "string" ? text.replace(from, () => to) : text.replace(from, to),
    ]),
  );
}
