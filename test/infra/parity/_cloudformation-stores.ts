// Of a CloudFormation document, what keeps something: the queue with its dead letters, and the bucket of the weights.

import type { EvaluatedResource } from "../cfn/_evaluate.ts";
import type { Json } from "../cfn/_parse.ts";
import type { Parts, Properties } from "./_cloudformation-parts.ts";
import {
  type BucketFacts,
  nothingElse,
  type QueueFacts,
  SQS_RETENTION_SECONDS,
  sorted,
  type Statement,
} from "./_normal-form.ts";
import { ownStatementsOf } from "./_statements.ts";

export function queueOf(
  { queue, deadLetters, mapping }: Parts,
  policies: readonly Properties[],
): QueueFacts | null {
  if (queue === undefined && mapping === undefined && deadLetters === undefined) return null;
  const { RedrivePolicy, VisibilityTimeout = null, ...waiting } = queue?.Properties ?? {};
  const {
    deadLetterTargetArn: target = null,
    maxReceiveCount = null,
    ...redrive
  } = RedrivePolicy as Properties;
  nothingElse(redrive, "the redrive");
  const { EventSourceArn = null, FunctionName = null, BatchSize = null, ...more } = mapping?.Properties ?? {};
  const { FunctionResponseTypes = null, ScalingConfig, ...rest } = more;
  nothingElse(rest, "the mapping");
  return {
    visibilityTimeoutSeconds: VisibilityTimeout,
    ...storeOf(waiting, policies, "<queue.url>"),
    redrive: { target, maxReceiveCount },
    deadLetters: storeOf(deadLetters?.Properties ?? {}, policies, "<deadLetters.url>"),
    mapping: {
      source: EventSourceArn,
      target: FunctionName,
      batchSize: BatchSize,
      responseTypes: FunctionResponseTypes,
      maxConcurrency: (ScalingConfig as Properties | undefined)?.["MaximumConcurrency"] ?? null,
    },
  };
}

function storeOf(
  properties: Properties,
  policies: readonly Properties[],
  url: string,
): QueueFacts["deadLetters"] {
  const { SqsManagedSseEnabled = null, MessageRetentionPeriod = SQS_RETENTION_SECONDS, ...rest } = properties;
  nothingElse(rest, "the queue");
  const own = policies.filter(({ Queues }) => (Queues as Json[]).includes(url));
  return {
    retentionSeconds: MessageRetentionPeriod,
    isEncrypted: SqsManagedSseEnabled,
    policy: own.flatMap(({ PolicyDocument }) => ownStatementsOf(PolicyDocument)),
  };
}

export function bucketOf({ bucket, bucketPolicy }: Parts): BucketFacts | null {
  if (bucket === undefined) return null;
  const { BucketName = null, BucketEncryption, PublicAccessBlockConfiguration, ...more } = bucket.Properties;
  const { OwnershipControls, VersioningConfiguration, LifecycleConfiguration, ...rest } = more;
  nothingElse(rest, "the bucket");
  const [encryption = {}] = listOf(BucketEncryption, "ServerSideEncryptionConfiguration");
  const { SSEAlgorithm = null, KMSMasterKeyID = null } = encryption[
    "ServerSideEncryptionByDefault"
  ] as Properties;
  const access = (PublicAccessBlockConfiguration ?? {}) as Properties;
  return {
    name: BucketName,
    algorithm: SSEAlgorithm,
    key: KMSMasterKeyID,
    hasBucketKey: encryption["BucketKeyEnabled"] === true,
    publicAccess: {
      blockAcls: access["BlockPublicAcls"] ?? null,
      blockPolicy: access["BlockPublicPolicy"] ?? null,
      ignoreAcls: access["IgnorePublicAcls"] ?? null,
      restrict: access["RestrictPublicBuckets"] ?? null,
    },
    ownership: listOf(OwnershipControls, "Rules")[0]?.["ObjectOwnership"] ?? null,
    versioning: (VersioningConfiguration as Properties | undefined)?.["Status"] ?? null,
    lifecycle: sorted(listOf(LifecycleConfiguration, "Rules").flatMap(actionsOf)),
    policy: policyOf(bucketPolicy),
    isKept: /^Retain/.test(bucket.DeletionPolicy ?? "") && bucket.UpdateReplacePolicy === "Retain",
  };
}

/** CDK has both actions in one rule. */
function actionsOf(rule: Properties): string[] {
  const { Id: _, Status, NoncurrentVersionExpiration, AbortIncompleteMultipartUpload, ...rest } = rule;
  nothingElse(rest, "the bucket's lifecycle");
  const days = (value: Json | undefined, name: string) => (value as Properties | undefined)?.[name];
  const noncurrent = days(NoncurrentVersionExpiration, "NoncurrentDays");
  const abort = days(AbortIncompleteMultipartUpload, "DaysAfterInitiation");
  return [
    ...(noncurrent === undefined ? [] : [`${Status}: noncurrent versions end after ${noncurrent} days`]),
    ...(abort === undefined ? [] : [`${Status}: uploads end after ${abort} days`]),
  ];
}

function policyOf(policy: EvaluatedResource | undefined): Statement[] {
  if (policy === undefined) return [];
  if (policy.Properties["Bucket"] !== "<bucket.name>") throw new Error("the policy is of another bucket");
  return ownStatementsOf(policy.Properties["PolicyDocument"]);
}

const listOf = (value: Json | undefined, name: string): Properties[] =>
  ((value as Properties | undefined)?.[name] ?? []) as Properties[];
