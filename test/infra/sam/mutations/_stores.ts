// What may be broken of the bucket and the queues: infra/policy/weights-bucket.guard and queue.guard.

import { mutation, type Mutation, type Properties, set, without } from "./_mutation.ts";

/** Of documents whose switches are decided: everything on, and the URL public. */
export const STORE_MUTATIONS: readonly Mutation[] = [
  mutation(
    "buckets_are_encrypted",
    "no encryption",
    set("ModelWeightsBucket", "BucketEncryption", undefined),
  ),
  mutation(
    "buckets_are_private",
    "a bucket that may be made public",
    set("ModelWeightsBucket", "PublicAccessBlockConfiguration.BlockPublicPolicy", false),
  ),
  mutation(
    "buckets_are_private",
    "no public access block",
    set("ModelWeightsBucket", "PublicAccessBlockConfiguration", undefined),
  ),
  mutation("buckets_are_private", "an ACL", set("ModelWeightsBucket", "AccessControl", "PublicRead")),
  mutation(
    "buckets_have_one_owner",
    "objects of other owners",
    set("ModelWeightsBucket", "OwnershipControls.Rules.0.ObjectOwnership", "ObjectWriter"),
  ),
  mutation(
    "buckets_keep_versions",
    "no versions",
    set("ModelWeightsBucket", "VersioningConfiguration.Status", "Suspended"),
  ),
  mutation(
    "buckets_drop_what_nobody_needs",
    "versions for ever",
    set("ModelWeightsBucket", "LifecycleConfiguration.Rules.0.NoncurrentVersionExpiration", undefined),
  ),
  mutation(
    "buckets_drop_what_nobody_needs",
    "broken uploads for ever",
    set("ModelWeightsBucket", "LifecycleConfiguration.Rules.1.AbortIncompleteMultipartUpload", undefined),
  ),
  mutation("buckets_outlive_the_stack", "weights that go with the stack", ({ Resources }) => {
    (Resources.ModelWeightsBucket as Properties).DeletionPolicy = "Delete";
  }),
  mutation(
    "buckets_refuse_plain_http",
    "plain HTTP, with a policy",
    set("WeightsBucketPolicy", "PolicyDocument.Statement.0.Condition.Bool", {
      "aws:SecureTransport": "true",
    }),
  ),
  mutation("buckets_refuse_plain_http", "plain HTTP, without one", without("WeightsBucketPolicy")),
  mutation(
    "queues_are_encrypted",
    "messages in the clear",
    set("DeadLetterQueue", "SqsManagedSseEnabled", false),
  ),
  mutation("queues_refuse_plain_http", "no policies", without("QueuePolicy", "DeadLetterQueuePolicy")),
  mutation(
    "queues_refuse_plain_http",
    "plain HTTP",
    set("DeadLetterQueuePolicy", "PolicyDocument.Statement.0.Effect", "Allow"),
  ),
  mutation("every_queue_has_a_policy", "a policy for one of two queues", without("DeadLetterQueuePolicy")),
  mutation(
    "queues_have_a_dead_letter_queue",
    "no dead letters",
    set("ModelQueue", "RedrivePolicy", undefined),
  ),
  mutation(
    "queues_have_a_dead_letter_queue",
    "one try",
    set("ModelQueue", "RedrivePolicy.maxReceiveCount", 1),
  ),
  mutation(
    "mappings_report_what_failed",
    "failed messages that count as done",
    set("QueueMapping", "FunctionResponseTypes", undefined),
  ),
  mutation(
    "mappings_report_what_failed",
    "the same with an empty list",
    set("QueueMapping", "FunctionResponseTypes", []),
  ),
  mutation(
    "mappings_have_a_maximum",
    "a queue that takes all environments",
    set("QueueMapping", "ScalingConfig", undefined),
  ),
  mutation(
    "mappings_have_a_maximum",
    "a maximum that Lambda refuses",
    set("QueueMapping", "ScalingConfig.MaximumConcurrency", 1),
  ),
  mutation(
    "queues_hide_a_message_for_the_timeout",
    "a message that is worked on twice",
    set("ModelQueue", "VisibilityTimeout", 119),
  ),
  mutation(
    "queues_hide_a_message_for_the_timeout",
    "the same by the default of 30 s",
    set("ModelQueue", "VisibilityTimeout", undefined),
  ),
];
