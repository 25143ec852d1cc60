// Of the Terraform module, what keeps something: the queue with its dead letters, and the bucket of the weights, which
// Terraform makes of seven resources.

import type { Json } from "../cfn/_parse.ts";
import {
  type BucketFacts,
  nothingElse,
  type QueueFacts,
  SQS_RETENTION_SECONDS,
  sorted,
} from "./_normal-form.ts";
import { ownStatementsOf } from "./_statements.ts";
import type { Taker } from "./_terraform.ts";
import { type Attributes, blockOf, textOf } from "./_terraform-resources.ts";

export function queueOf(take: Taker): QueueFacts | null {
  const queue = take.optional("aws_sqs_queue.queue");
  if (queue === undefined) return null;
  const { redrive_policy, visibility_timeout_seconds = null, ...waiting } = queue;
  const {
    deadLetterTargetArn: target = null,
    maxReceiveCount = null,
    ...redrive
  } = JSON.parse(textOf(redrive_policy)) as Attributes;
  nothingElse(redrive, "redrive_policy");
  const mapping = take("aws_lambda_event_source_mapping.queue");
  const { event_source_arn = null, function_name = null, batch_size = null, ...more } = mapping;
  const { function_response_types = null, scaling_config, ...rest } = more;
  nothingElse(rest, "aws_lambda_event_source_mapping");
  return {
    visibilityTimeoutSeconds: visibility_timeout_seconds,
    ...storeOf(waiting, take("aws_sqs_queue_policy.queue"), "<queue.url>"),
    redrive: { target, maxReceiveCount },
    deadLetters: storeOf(
      take("aws_sqs_queue.dead_letters"),
      take("aws_sqs_queue_policy.dead_letters"),
      "<deadLetters.url>",
    ),
    mapping: {
      source: event_source_arn,
      target: function_name,
      batchSize: batch_size,
      responseTypes: function_response_types,
      maxConcurrency: blockOf(scaling_config)["maximum_concurrency"] ?? null,
    },
  };
}

function storeOf(queue: Attributes, policy: Attributes, url: string): QueueFacts["deadLetters"] {
  const { sqs_managed_sse_enabled = null, message_retention_seconds, name: _, ...rest } = queue;
  nothingElse(rest, "aws_sqs_queue");
  if (policy["queue_url"] !== url) throw new Error(`the policy is of ${policy["queue_url"]}`);
  return {
    retentionSeconds: message_retention_seconds ?? SQS_RETENTION_SECONDS,
    isEncrypted: sqs_managed_sse_enabled,
    policy: ownStatementsOf(JSON.parse(textOf(policy["policy"]))),
  };
}

/** @param isKept whether Terraform is told never to destroy it */
export function bucketOf(take: Taker, isKept: boolean): BucketFacts | null {
  const bucket = take.optional("aws_s3_bucket.weights");
  if (bucket === undefined) return null;
  const { bucket: name = null, force_destroy, ...own } = bucket;
  nothingElse(own, "aws_s3_bucket");
  const part = (type: string) => {
    const { bucket: of, ...rest } = take(`aws_s3_bucket_${type}.weights`);
    if (of !== "<bucket.name>") throw new Error(`${type} is of ${of}`);
    return rest;
  };
  const { apply_server_side_encryption_by_default, bucket_key_enabled } = blockOf(
    part("server_side_encryption_configuration")["rule"],
  );
  const encryption = blockOf(apply_server_side_encryption_by_default);
  const access = part("public_access_block");
  return {
    name,
    algorithm: encryption["sse_algorithm"] ?? null,
    key: encryption["kms_master_key_id"] ?? null,
    hasBucketKey: bucket_key_enabled === true,
    publicAccess: {
      blockAcls: access["block_public_acls"] ?? null,
      blockPolicy: access["block_public_policy"] ?? null,
      ignoreAcls: access["ignore_public_acls"] ?? null,
      restrict: access["restrict_public_buckets"] ?? null,
    },
    ownership: blockOf(part("ownership_controls")["rule"])["object_ownership"] ?? null,
    versioning: blockOf(part("versioning")["versioning_configuration"])["status"] ?? null,
    lifecycle: sorted((part("lifecycle_configuration")["rule"] as Attributes[]).flatMap(actionsOf)),
    policy: ownStatementsOf(JSON.parse(textOf(part("policy")["policy"]))),
    isKept: isKept && force_destroy !== true,
  };
}

function actionsOf(rule: Attributes): string[] {
  const {
    id: _,
    status,
    filter,
    noncurrent_version_expiration,
    abort_incomplete_multipart_upload,
    ...rest
  } = rule;
  nothingElse(rest, "aws_s3_bucket_lifecycle_configuration");
  nothingElse(blockOf(filter), "the filter of a rule: it is of all objects");
  const days = (block: Json | undefined, name: string) => blockOf(block)[name];
  const noncurrent = days(noncurrent_version_expiration, "noncurrent_days");
  const abort = days(abort_incomplete_multipart_upload, "days_after_initiation");
  return [
    ...(noncurrent === undefined ? [] : [`${status}: noncurrent versions end after ${noncurrent} days`]),
    ...(abort === undefined ? [] : [`${status}: uploads end after ${abort} days`]),
  ];
}
