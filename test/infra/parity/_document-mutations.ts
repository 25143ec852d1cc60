// Breaks of a CloudFormation document, SAM's or CDK's, and of which fact the comparison then says that it differs.

import type { Evaluated } from "../cfn/_evaluate.ts";
import type { Json } from "../cfn/_parse.ts";

/** The value of a mutation that takes something away. */
export const GONE = Symbol("gone");

export interface DocumentMutation {
  /** A fact of the normal form, or the sentence of what it has no place for. */
  readonly differs: string | RegExp;
  /** A type, and in brackets a text that the resource has. */
  readonly resource: string;
  /** Into its properties; "" is the resource. */
  readonly path: string;
  readonly value: Json | typeof GONE;
}

const rows = (
  resource: string,
  ...all: readonly (readonly [differs: string | RegExp, path: string, value: Json | typeof GONE])[]
): DocumentMutation[] => all.map(([differs, path, value]) => ({ resource, differs, path, value }));

const ROLE = "Policies.0.PolicyDocument.Statement";
const ENCRYPTION = "BucketEncryption.ServerSideEncryptionConfiguration.0";
const TLS = "PolicyDocument.Statement.0";

/** Of what has a public URL. */
export const DOCUMENT_MUTATIONS: readonly DocumentMutation[] = [
  ...rows(
    "AWS::Lambda::Function",
    [/found PackageType Image/, "PackageType", "Image"],
    ["function.runtime", "Runtime", "nodejs22.x"],
    ["function.handler", "Handler", "index.buffered"],
    ["function.architectures", "Architectures.0", "x86_64"],
    ["function.description", "Description", GONE],
    ["function.memoryMb", "MemorySize", 3009],
    ["function.timeoutSeconds", "Timeout", 121],
    ["function.ephemeralStorageMb", "EphemeralStorage", GONE],
    ["function.tracing", "TracingConfig.Mode", "PassThrough"],
    ["function.logging.format", "LoggingConfig.LogFormat", "Text"],
    ["function.logging.application", "LoggingConfig.ApplicationLogLevel", "DEBUG"],
    ["function.logging.system", "LoggingConfig.SystemLogLevel", GONE],
    ["function.logging.group", "LoggingConfig.LogGroup", "/aws/lambda/other"],
    ["function.environment.GREETING", "Environment.Variables.GREETING", GONE],
    ["function.environment.GREETING", "Environment.Variables.GREETING", "Hello"],
    ["function.environment.COLDFRAME_ENVIRONMENT", "Environment.Variables.COLDFRAME_ENVIRONMENT", "stage"],
    ["function.environment.MORE", "Environment.Variables.MORE", "1"],
    ["function.reserved", "ReservedConcurrentExecutions", 21],
    ["function.recursiveLoop", "RecursiveLoop", "Allow"],
    [/there is no role/, "Role", "arn:aws:iam::123456789012:role/admin"],
    ["function.tags.0", "Tags", [{ Key: "team", Value: "a" }]],
    [/of the function, nothing here compares VpcConfig/, "VpcConfig", {}],
  ),
  ...rows(
    "AWS::Lambda::Alias",
    ["alias.name", "Name", "prod"],
    ["alias.version", "FunctionVersion", "$LATEST"],
    ["alias.provisioned", "ProvisionedConcurrencyConfig", GONE],
  ),
  ...rows(
    "AWS::Lambda::Url",
    ["url", "", GONE],
    ["url.target", "TargetFunctionArn", "arn:aws:lambda:eu-west-1:123456789012:function:other"],
    ["url.auth", "AuthType", "AWS_IAM"],
    ["url.invokeMode", "InvokeMode", "BUFFERED"],
    ["url.cors.AllowOrigins", "Cors.AllowOrigins.0", "*"],
    ["url.cors.AllowCredentials", "Cors.AllowCredentials", true],
    ["url.cors", "Cors", GONE],
  ),
  ...rows(
    "AWS::Lambda::Permission[lambda:InvokeFunctionUrl]",
    ["permissions", "", GONE],
    ["permissions", "Principal", "123456789012"],
    ["permissions", "FunctionUrlAuthType", "AWS_IAM"],
    ["permissions", "FunctionName", "<ModelFunction>"],
    [/nothing here compares SourceAccount/, "SourceAccount", "123456789012"],
  ),
  ...rows(
    'AWS::Lambda::Permission["lambda:InvokeFunction"]',
    ["permissions", "", GONE],
    ["permissions", "InvokedViaFunctionUrl", GONE],
    ["permissions", "Action", "lambda:*"],
  ),
  ...rows("AWS::Logs::LogGroup", ["logs.retentionDays", "RetentionInDays", GONE]),
  ...rows(
    "AWS::IAM::Role",
    ["role.trust", "AssumeRolePolicyDocument.Statement.0.Principal", { AWS: "*" }],
    ["role.statements", `${ROLE}.0.Action`, ["s3:GetObject"]],
    ["role.statements", `${ROLE}.0.Resource`, ["arn:aws:s3:::sample-weights/*"]],
    ["role.statements", `${ROLE}.1.Condition`, GONE],
    ["role.statements", `${ROLE}.2.Resource`, "*"],
    [
      "role.statements",
      `${ROLE}.8.Condition.StringEquals`,
      { "kms:ViaService": "s3.eu-west-1.amazonaws.com" },
    ],
    ["role.managedPolicies", "ManagedPolicyArns", ["arn:aws:iam::aws:policy/AdministratorAccess"]],
  ),
  ...rows(
    "AWS::CloudWatch::Alarm[Errors]",
    ["alarms.Errors", "", GONE],
    ["alarms.Errors.namespace", "Namespace", "AWS/SQS"],
    ["alarms.Errors.statistic", "Statistic", "Average"],
    ["alarms.Errors.threshold", "Threshold", 2],
    ["alarms.Errors.periodSeconds", "Period", 60],
    ["alarms.Errors.evaluationPeriods", "EvaluationPeriods", 2],
    ["alarms.Errors.comparison", "ComparisonOperator", "GreaterThanThreshold"],
    ["alarms.Errors.missingData", "TreatMissingData", "breaching"],
    ["alarms.Errors.dimensions.FunctionName", "Dimensions.0.Value", "other"],
    ["alarms.Errors.actions", "AlarmActions", GONE],
  ),
  ...rows("AWS::CloudWatch::Alarm[Duration]", ["alarms.Duration.threshold", "Threshold", 96001]),
  ...rows("AWS::CloudWatch::Alarm[Throttles]", ["alarms.Throttles", "", GONE]),
  ...rows("AWS::CloudWatch::Alarm[Url5xxCount]", ["alarms.Url5xxCount", "", GONE]),
  ...rows("AWS::CloudWatch::Alarm[AWS/SQS]", [
    "alarms.ApproximateNumberOfMessagesVisible.dimensions.QueueName",
    "Dimensions.0.Value",
    "other",
  ]),
  ...rows(
    "AWS::SQS::Queue[RedrivePolicy]",
    ["queue.visibilityTimeoutSeconds", "VisibilityTimeout", 120],
    ["queue.retentionSeconds", "MessageRetentionPeriod", 60],
    ["queue.isEncrypted", "SqsManagedSseEnabled", false],
    ["queue.redrive.target", "RedrivePolicy.deadLetterTargetArn", "arn:aws:sqs:eu-west-1:123456789012:other"],
    ["queue.redrive.maxReceiveCount", "RedrivePolicy.maxReceiveCount", 1],
  ),
  ...rows(
    "AWS::SQS::Queue[1209600]",
    ["queue.deadLetters.retentionSeconds", "MessageRetentionPeriod", GONE],
    ["queue.deadLetters.isEncrypted", "SqsManagedSseEnabled", GONE],
  ),
  ...rows(
    "AWS::SQS::QueuePolicy",
    [/queue\.(deadLetters\.)?policy/, "", GONE],
    [/queue\.(deadLetters\.)?policy/, `${TLS}.Effect`, "Allow"],
    [/queue\.(deadLetters\.)?policy/, `${TLS}.Condition`, GONE],
  ),
  ...rows(
    "AWS::Lambda::EventSourceMapping",
    ["queue.mapping", "", GONE],
    ["queue.mapping.source", "EventSourceArn", "arn:aws:sqs:eu-west-1:123456789012:other"],
    ["queue.mapping.target", "FunctionName", "<ModelFunction>"],
    ["queue.mapping.batchSize", "BatchSize", 10],
    ["queue.mapping.responseTypes", "FunctionResponseTypes", GONE],
    ["queue.mapping.maxConcurrency", "ScalingConfig", GONE],
  ),
  ...rows(
    "AWS::S3::Bucket",
    ["bucket.name", "BucketName", GONE],
    ["bucket.algorithm", `${ENCRYPTION}.ServerSideEncryptionByDefault.SSEAlgorithm`, "AES256"],
    ["bucket.key", `${ENCRYPTION}.ServerSideEncryptionByDefault.KMSMasterKeyID`, GONE],
    ["bucket.hasBucketKey", `${ENCRYPTION}.BucketKeyEnabled`, GONE],
    ["bucket.publicAccess.blockAcls", "PublicAccessBlockConfiguration.BlockPublicAcls", false],
    ["bucket.publicAccess.blockPolicy", "PublicAccessBlockConfiguration.BlockPublicPolicy", false],
    ["bucket.publicAccess.ignoreAcls", "PublicAccessBlockConfiguration.IgnorePublicAcls", GONE],
    ["bucket.publicAccess.restrict", "PublicAccessBlockConfiguration.RestrictPublicBuckets", false],
    ["bucket.ownership", "OwnershipControls.Rules.0.ObjectOwnership", "ObjectWriter"],
    ["bucket.versioning", "VersioningConfiguration.Status", "Suspended"],
    ["bucket.lifecycle", "LifecycleConfiguration.Rules.0.Status", "Disabled"],
    ["bucket.lifecycle", "LifecycleConfiguration", GONE],
  ),
  ...rows(
    "AWS::S3::BucketPolicy",
    ["bucket.policy", "", GONE],
    ["bucket.policy", `${TLS}.Action`, "s3:GetObject"],
  ),
];

/** @throws when there is nothing that it could break */
export function brokenDocument(evaluated: Evaluated, { resource, path, value }: DocumentMutation): Evaluated {
  const made = structuredClone(evaluated) as {
    resources: Record<string, { Type: string; Properties: Json }>;
  };
  const [, type, text = ""] = /^([\w:]+)(?:\[(.+)\])?$/.exec(resource) ?? [];
  const [id, found] =
    Object.entries(made.resources).find(
      ([, one]) => one.Type === type && JSON.stringify(one.Properties).includes(text),
    ) ?? [];
  if (id === undefined || found === undefined) throw new Error(`there is no ${resource}`);
  if (path === "") delete made.resources[id];
  else change(found.Properties, path.split("."), value);
  return made as unknown as Evaluated;
}

function change(into: Json, [key = "", ...more]: readonly string[], value: Json | typeof GONE): void {
  const object = into as Record<string, Json>;
  if (more.length > 0) change(object[key] ?? null, more, value);
  else if (value !== GONE) object[key] = value;
  else if (key in object) delete object[key];
  else throw new Error(`there is no ${key} to take away`);
}
