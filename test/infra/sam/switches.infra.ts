// For every combination of the switches: exactly the resources, permissions and statements that belong to it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Evaluated, evaluate } from "../cfn/_evaluate.ts";
import type { Parameters } from "../cfn/_parameters.ts";
import type { Json } from "../cfn/_parse.ts";
import { golden, REQUIRED, SAMPLE_NAMES, type SampleName } from "./_expansion.ts";
import { combinations } from "./_switches.ts";

const ALIAS = "<ModelFunctionAliaslive>";

for (const name of SAMPLE_NAMES) {
  const isManaged = name === "gpu";
  const all = combinations(isManaged);
  test(`${name}: ${all.length} combinations of its switches`, () => {
    const { document } = golden(name);
    for (const given of all) {
      const made = evaluate(document, { ...REQUIRED[name], ...given });
      try {
        check(name, given, made);
      } catch (error) {
        throw new Error(`with ${JSON.stringify(given)}: ${(error as Error).message}`, { cause: error });
      }
    }
  });
}

function check(name: SampleName, given: Parameters, made: Evaluated): void {
  const hasUrl = given.FunctionUrl === "true";
  const isPublic = hasUrl && given.UrlAuth === "NONE";
  const hasInvoker = hasUrl && given.UrlAuth === "AWS_IAM" && given.Invoker !== "";
  const hasQueue = given.Queue === "true";
  const hasBucket = given.WeightsBucket === "create";
  const hasAlarms = given.Alarms === "true";
  const isManaged = name === "gpu";
  assert.deepEqual(
    Object.keys(made.resources)
      .map((id) => id.replace(/^ModelFunctionVersion.*/, "ModelFunctionVersion"))
      .sort(),
    [
      ...[
        "FunctionLogGroup",
        "FunctionRole",
        "ModelFunction",
        "ModelFunctionAliaslive",
        "ModelFunctionVersion",
      ],
      ...(isManaged ? ["CapacityProvider", "CapacityProviderRole"] : []),
      ...(hasUrl ? ["ModelFunctionUrl"] : []),
      ...(isPublic ? ["UrlInvokePermission", "UrlFunctionPermission"] : []),
      ...(hasInvoker ? ["InvokerUrlPermission", "InvokerFunctionPermission"] : []),
      ...(hasBucket ? ["ModelWeightsBucket", "WeightsBucketPolicy"] : []),
      ...(hasQueue
        ? ["ModelQueue", "QueuePolicy", "DeadLetterQueue", "DeadLetterQueuePolicy", "QueueMapping"]
        : []),
      ...(hasAlarms ? ["ErrorsAlarm", "ThrottlesAlarm", "DurationAlarm"] : []),
      ...(hasAlarms && hasUrl ? ["Url5xxAlarm"] : []),
      ...(hasAlarms && hasQueue ? ["DeadLettersAlarm"] : []),
    ].sort(),
  );
  assert.deepEqual(
    Object.keys(made.outputs).sort(),
    [
      ...["AliasArn", "FunctionArn", "LogGroupName", "RoleArn"],
      ...(isManaged ? ["CapacityProviderArn"] : []),
      ...(hasUrl ? ["FunctionUrl"] : []),
      ...(hasBucket ? ["WeightsBucketName"] : []),
      ...(hasQueue ? ["DeadLetterQueueUrl", "QueueUrl"] : []),
    ].sort(),
  );
  assert.equal(made.outputs.AliasArn, ALIAS);
  const refused = [
    ...(isPublic && given.ReservedConcurrency === "0" ? ["UrlAuth NONE"] : []),
    ...(hasBucket && name === "template.plain" ? ["WeightsBucket create"] : []),
  ];
  assert.equal(made.refusals.length, refused.length);
  for (const [i, start] of refused.entries()) assert.ok(made.refusals[i]?.startsWith(start), start);

  if (hasUrl) checkUrl(name, given, made);
  if (isPublic) checkPermissions(made, "Url", "*", "NONE");
  if (hasInvoker) checkPermissions(made, "Invoker", given.Invoker as string, "AWS_IAM");
  if (hasQueue) assert.equal(made.resources.QueueMapping?.Properties.FunctionName, ALIAS);
  if (hasBucket) checkBucket(given, made);
  checkFunction(given, made);
  checkStatements(name, given, made);
  for (const { Type, Properties } of Object.values(made.resources)) {
    if (Type !== "AWS::CloudWatch::Alarm") continue;
    assert.deepEqual(Properties.AlarmActions, given.AlarmTopicArn === "" ? undefined : [given.AlarmTopicArn]);
  }
}

function checkUrl(name: SampleName, given: Parameters, { resources }: Evaluated): void {
  const { Cors, ...url } = resources.ModelFunctionUrl?.Properties ?? {};
  assert.deepEqual(url, {
    TargetFunctionArn: ALIAS,
    AuthType: given.UrlAuth as string,
    InvokeMode: name === "template.plain" ? "BUFFERED" : "RESPONSE_STREAM",
  });
  // CloudFormation refuses empty lists: without CORS there is no Cors.
  assert.equal(Cors === undefined, name === "template.plain");
}

function checkPermissions({ resources }: Evaluated, kind: string, principal: string, auth: string): void {
  const of = { FunctionName: ALIAS, Principal: principal };
  assert.deepEqual(resources[`${kind === "Url" ? "UrlInvoke" : "InvokerUrl"}Permission`]?.Properties, {
    ...of,
    Action: "lambda:InvokeFunctionUrl",
    FunctionUrlAuthType: auth,
  });
  assert.deepEqual(resources[`${kind}FunctionPermission`]?.Properties, {
    ...of,
    Action: "lambda:InvokeFunction",
    InvokedViaFunctionUrl: true,
  });
}

function checkBucket(given: Parameters, { resources }: Evaluated): void {
  const { BucketEncryption } = resources.ModelWeightsBucket?.Properties ?? {};
  assert.deepEqual(BucketEncryption, {
    ServerSideEncryptionConfiguration: [
      given.WeightsKeyArn === ""
        ? { ServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } }
        : {
            BucketKeyEnabled: true,
            ServerSideEncryptionByDefault: {
              SSEAlgorithm: "aws:kms",
              KMSMasterKeyID: given.WeightsKeyArn as string,
            },
          },
    ],
  });
}

function checkFunction(given: Parameters, { resources }: Evaluated): void {
  const { Environment, ReservedConcurrentExecutions } = resources.ModelFunction?.Properties ?? {};
  const { Variables } = Environment as { Variables: Record<string, Json> };
  assert.equal(Variables.COLDFRAME_ENVIRONMENT, given.Environment === "" ? undefined : given.Environment);
  const count = (value: string | undefined) =>
    value === undefined || value === "0" ? undefined : Number(value);
  assert.equal(ReservedConcurrentExecutions, count(given.ReservedConcurrency));
  const provisioned = count(given.ProvisionedConcurrency);
  assert.deepEqual(
    resources.ModelFunctionAliaslive?.Properties.ProvisionedConcurrencyConfig,
    provisioned === undefined ? undefined : { ProvisionedConcurrentExecutions: provisioned },
  );
}

function checkStatements(name: SampleName, given: Parameters, { resources }: Evaluated): void {
  const [policy] = resources.FunctionRole?.Properties.Policies as unknown as {
    PolicyDocument: { Statement: Statement[] };
  }[];
  const statements = policy?.PolicyDocument.Statement ?? [];
  assert.deepEqual(
    statements.map(({ Sid }) => Sid),
    [
      ...(name === "template.plain"
        ? []
        : ["ReadWeights", "ListWeights", "ReadSecrets", "ReadParameters", "SendResults", "WriteTraces"]),
      "WriteLogs",
      ...(given.Queue === "true" ? ["ConsumeQueue"] : []),
      ...(given.WeightsKeyArn === "" ? [] : ["DecryptWeights"]),
    ],
  );
  const bySid = Object.fromEntries(statements.map((statement) => [statement.Sid, statement]));
  assert.deepEqual(bySid.WriteLogs?.Resource, ["<FunctionLogGroup.Arn>"]);
  if (bySid.ConsumeQueue !== undefined) assert.deepEqual(bySid.ConsumeQueue.Resource, ["<ModelQueue.Arn>"]);
  if (bySid.DecryptWeights !== undefined) {
    assert.deepEqual(bySid.DecryptWeights.Condition, {
      StringEquals: { "kms:ViaService": "s3.<AWS::Region>.<AWS::URLSuffix>" },
    });
  }
}

interface Statement {
  readonly Sid: string;
  readonly Resource: Json;
  readonly Condition?: Json;
}
