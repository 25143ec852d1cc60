// What the validators find in the expanded SAM templates and what stays, each with its reason.

import type { Acknowledgement } from "../cfn/_validate.ts";
import type { SampleName } from "./_expansion.ts";

/** Of AWS's validator. */
export const accepted = (name: SampleName): Acknowledgement[] => [
  {
    id: "W1030",
    resource: /^Invoker(Url|Function)Permission$/,
    path: "Properties.Principal",
    reason: "the permissions are made only where Invoker is not empty",
  },
  {
    id: "W1030",
    resource: /Alarm$/,
    path: "Properties.AlarmActions.0",
    reason: "the action is set only where AlarmTopicArn is not empty",
  },
  { id: "W2509", resource: "SecretsPrefix", reason: "the names of secrets are no secret" },
  ...(name === "gpu"
    ? ["F3031", "F3033"].map((id) => ({
        id,
        resource: "CapacityProvider",
        path: /AllowedInstanceTypes/,
        reason: "the list is set only where InstanceTypes is not empty",
      }))
    : [
        {
          id: "W3011",
          resource: /^ModelFunctionVersion/,
          reason: "SAM's own: a version is never replaced, a change makes another one",
        },
      ]),
  ...(name === "template.plain"
    ? [{ id: "W2001", resource: "SecretsPrefix", reason: "this sample has no secrets" }]
    : []),
];

/** Of cdk-nag. */
export const acceptedByNag = (name: SampleName): Acknowledgement[] => [
  {
    id: "AwsSolutions-S1",
    resource: "ModelWeightsBucket",
    reason: "who reads the weights is in CloudTrail, and a log bucket is the account's and not the model's",
  },
  ...(name === "template.plain" ? [] : prefixes),
  ...(name === "gpu"
    ? [
        {
          id: "AwsSolutions-IAM4",
          resource: "CapacityProviderRole",
          path: /AWSLambdaManagedEC2ResourceOperator$/,
          reason: "the policy that AWS writes for this one use",
        },
      ]
    : []),
];

const prefixes: Acknowledgement[] = [
  {
    id: "AwsSolutions-IAM5",
    resource: "FunctionRole",
    path: /^Resource::arn:(aws|<AWS::Partition>):s3:::[\w-]+\/[\w/]+\/\*$/,
    reason: "a prefix of config.yaml: the weights below it, the results below it",
  },
  {
    id: "AwsSolutions-IAM5",
    resource: "FunctionRole",
    path: "Resource::*",
    reason: "X-Ray has no resources to name",
  },
];
