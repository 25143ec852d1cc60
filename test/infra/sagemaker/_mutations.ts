// Broken copies of the templates of SageMaker: one thing is otherwise than it has to be, and something has to see it.

import type { Kind } from "./_sagemaker.ts";

/** What is broken, how, and what is said of it. */
export type Change = readonly [why: string, from: string | RegExp, to: string, found: RegExp];
const OF_BOTH: readonly Change[] = [
  ["any action of ECR", "ecr:BatchGetImage", "ecr:*", /PullImage allows more|wildcard/],
  ["any repository", /repository\/\$\{Name\}/, "repository/*", /not pulled from/],
  ["any secret", /secret:\$\{SecretsPrefix\}hub_token-\?{6}/, "secret:*", /not those of deployment.json/],
  ["any object", "arn:aws:s3:::sample-weights/models/v1/*", '"*"', /any resource|X-Ray alone/],
  [
    "logs in any group",
    /- !GetAtt EndpointLogGroup.Arn|\[ !GetAtt EndpointLogGroup.Arn \]/,
    '["*"]',
    /any resource|X-Ray alone/,
  ],
  ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:CreateLogGroup", /deleted log group back/],
  [
    "metrics of any namespace",
    "cloudwatch:namespace: /aws/sagemaker/Endpoints",
    "cloudwatch:namespace: AWS/Lambda",
    /PutMetricData of any/,
  ],
  [
    "a broad managed policy",
    "      Description: What the containers",
    "      ManagedPolicyArns: [arn:aws:iam::aws:policy/AmazonSageMakerFullAccess]\n      Description: What the containers",
    /broad_managed/,
  ],
  [
    "a role of somebody else",
    "Service: sagemaker.amazonaws.com",
    "Service: ec2.amazonaws.com",
    /somebody else/,
  ],
  ["logs without retention", / {6}RetentionInDays: .*\n/, "", /retention/],
  [
    "logs of another name",
    "/aws/sagemaker/Endpoints/${AWS::StackName}",
    "/aws/sagemaker/${AWS::StackName}",
    /another group/,
  ],
  [
    "data capture",
    "      ProductionVariants:",
    "      DataCaptureConfig: { EnableCapture: true, InitialSamplingPercentage: 100, DestinationS3Uri: s3://a/b, CaptureOptions: [{ CaptureMode: Input }] }\n      ProductionVariants:",
    /is kept/,
  ],
  [
    "a startup that SageMaker does not wait for",
    /(HealthCheckTimeoutInSeconds:) \d+/,
    "$1 7200",
    /7200|3600/,
  ],
  [
    "a grace that is longer than SageMaker's",
    /SHUTDOWN_GRACE_MS: "\d+"/,
    'SHUTDOWN_GRACE_MS: "60000"',
    /killed/,
  ],
  ["another port", "GREETING: hello", 'PORT: "9090"', /listens on 9090/],
  ["no region", / {10}AWS_REGION: .*\n/, "", /nowhere/],
  ["another variant", "variant/model", "variant/AllTraffic", /is scaled/],
  ["an unknown key", "InitialVariantWeight:", "VariantWeight:", /VariantWeight/],
  ["a bad value", "PolicyType: TargetTrackingScaling", "PolicyType: TargetTracking", /TargetTracking/],
  [
    "a value that is no metric",
    "AWS/SageMaker\n      MetricName",
    "AWS/Sagemaker\n      MetricName",
    /sees nothing/,
  ],
  [
    "an alarm that is red at night",
    "TreatMissingData: notBreaching",
    "TreatMissingData: breaching",
    /missing data/,
  ],
];
const OWN: Readonly<Record<Kind, readonly Change[]>> = {
  realtime: [
    [
      "scaling to zero, without a way back",
      "MinCapacity: !Ref MinInstances",
      "MinCapacity: 0",
      /never wakes/,
    ],
    [
      "another metric",
      "SageMakerVariantInvocationsPerInstance",
      "SageMakerInferenceComponentInvocationsPerCopy",
      /scaled by/,
    ],
    ["an alarm of no variant", / {8}- \{ Name: VariantName, Value: model \}\n/, "", /sees nothing/],
  ],
  async: [
    ["one instance that never goes", "MinCapacity: 0", "MinCapacity: 1", /never scales to zero/],
    ["no alarm that wakes it", "AlarmActions: [ !Ref WakePolicy ]", "AlarmActions: []", /nothing wakes it/],
    [
      "an alarm of another metric",
      "MetricName: HasBacklogWithoutCapacity",
      "MetricName: ApproximateBacklogSize",
      /nothing wakes it/,
    ],
    ["a step to none", "ScalingAdjustment: 1", "ScalingAdjustment: 0", /wakes to none/],
    [
      "another backlog",
      "MetricName: ApproximateBacklogSizePerInstance",
      "MetricName: ApproximateBacklogSize",
      /scaled by/,
    ],
    ["results where the role may not write", '${Bucket}/results/"\n', '${Bucket}/answers/"\n', /is refused/],
    ["requests from anywhere in the bucket", "${Bucket}/requests/*", "${Bucket}/*", /cannot be read/],
    ["a public bucket", "BlockPublicAcls: true", "BlockPublicAcls: false", /buckets_are_private/],
    [
      "a bucket that is lost with the stack",
      "DeletionPolicy: RetainExceptOnCreate",
      "DeletionPolicy: Delete",
      /outlive/,
    ],
    ["more than SageMaker allows at once", /(MaxConcurrentInvocationsPerInstance:) \d+/, "$1 1001", /1001/],
  ],
};

/** All of one template. */
export const mutationsOf = (kind: Kind): readonly Change[] => [...OF_BOTH, ...OWN[kind]];
