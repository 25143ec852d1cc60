// What the validators find in the templates of SageMaker and what stays, each with its reason.

import type { Acknowledgement } from "../cfn/_validate.ts";
import type { Kind } from "./_sagemaker.ts";

/** Of AWS's validator and of our rules. */
export const accepted = (kind: Kind): Acknowledgement[] => [
  { id: "W1030", resource: "VolumeSizeGb", reason: "the size is set only where it is not 0" },
  {
    id: "W1030",
    resource: /^(Errors|Latency|Failures|Expired)Alarm$/,
    path: "Properties.AlarmActions.0",
    reason: "the action is set only where AlarmTopicArn is not empty",
  },
  { id: "W2509", resource: "SecretsPrefix", reason: "the names of secrets are no secret" },
  ...(kind === "realtime"
    ? []
    : [
        {
          id: "W1001",
          resource: "BucketName",
          reason: "the output names the bucket that exists where none is created",
        },
        {
          id: "W1030",
          resource: /^(BucketName|ResultTopicArn|FailureTopicArn)$/,
          reason: "it is used only where it is not empty",
        },
      ]),
];

/** Of cdk-nag. */
export const acceptedByNag = (kind: Kind): Acknowledgement[] => [
  {
    id: "AwsSolutions-IAM5",
    resource: "ExecutionRole",
    path: "Resource::*",
    reason: "a login to ECR and a metric have no resources to name",
  },
  {
    id: "AwsSolutions-IAM5",
    resource: "ExecutionRole",
    path: "Resource::arn:aws:s3:::sample-weights/models/v1/*",
    reason: "a prefix of config.yaml, of whose files nobody knows the names yet",
  },
  ...(kind === "realtime"
    ? []
    : [
        {
          id: "AwsSolutions-IAM5",
          resource: "ExecutionRole",
          path: /\/(requests|results|failures)\/\*/,
          reason: "one prefix of the bucket, in which each request has an object of its own",
        },
        {
          id: "AwsSolutions-S1",
          resource: "ResultsBucket",
          reason: "who reads results is in CloudTrail, and a log bucket is the account's and not the model's",
        },
      ]),
];
