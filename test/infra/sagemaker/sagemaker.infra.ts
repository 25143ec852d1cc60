// The templates of SageMaker: through the validators, and by every combination of their switches.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { deploymentOf } from "../_facts.ts";
import { type Evaluated, evaluate } from "../cfn/_evaluate.ts";
import { nagFindings } from "../cfn/_nag.ts";
import type { Parameters } from "../cfn/_parameters.ts";
import { parseTemplate } from "../cfn/_parse.ts";
import { assertAccepted, findingsOf, unexpected } from "../cfn/_validate.ts";
import { accepted, acceptedByNag } from "./_accepted.ts";
import { mutationsOf } from "./_mutations.ts";
import { problems } from "./_rules.ts";
import {
  CPU,
  environmentOf,
  GPU,
  type Kind,
  KINDS,
  rendered,
  statementsOf,
  variantOf,
} from "./_sagemaker.ts";

const KEY = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555";
const topic = (name: string) => `arn:aws:sns:eu-west-1:123456789012:${name}`;

const SWITCHES = {
  VolumeSizeGb: ["0", "100"],
  WeightsKeyArn: ["", KEY],
  Environment: ["", "production"],
  Alarms: ["true", "false"],
  AlarmTopicArn: ["", topic("alarms")],
};
const CHOICES: Readonly<Record<Kind, Readonly<Record<string, readonly string[]>>>> = {
  realtime: { ...SWITCHES, MinInstances: ["1", "3"] },
  async: {
    ...SWITCHES,
    BucketName: ["", "their-results"],
    ResultsKeyArn: ["", KEY],
    ResultTopicArn: ["", topic("results")],
    FailureTopicArn: ["", topic("failures")],
  },
};

const combinations = (kind: Kind): Parameters[] =>
  Object.entries(CHOICES[kind]).reduce<Parameters[]>(
    (so, [name, values]) => so.flatMap((one) => values.map((value) => ({ ...one, [name]: value }))),
    [{}],
  );

for (const kind of KINDS) {
  const text = rendered(kind);
  const template = parseTemplate(text);

  test(`${kind}: AWS's validator and our rules have nothing against it that is not acknowledged`, () => {
    assertAccepted(text, accepted(kind));
    assertAccepted(rendered(kind, GPU), accepted(kind));
    const plain = deploymentOf(
      "server: { image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/plain:1 }\n",
      "server",
    );
    const unused = { id: "W2001", resource: "SecretsPrefix", reason: "this sample has no secrets" };
    assertAccepted(rendered(kind, plain), [...accepted(kind), unused]);
  });

  test(`${kind}: cdk-nag has nothing against it that is not acknowledged`, () => {
    assert.deepEqual(unexpected(nagFindings(template), acceptedByNag(kind)), []);
  });

  const all = combinations(kind);
  test(`${kind}: ${all.length} combinations of its switches`, () => {
    for (const given of all) {
      const about = JSON.stringify(given);
      assert.deepEqual(problems(kind, template, given), [], about);
      check(kind, given, evaluate(template, given), about);
    }
  });

  test(`${kind}: its facts are those of deployment.json`, () => {
    const made = evaluate(template);
    assert.equal(variantOf(made)["InstanceType"], "ml.m6g.xlarge");
    assert.equal(variantOf(made)["InferenceAmiVersion"], undefined);
    const { grace_ms } = CPU.platforms.sagemaker;
    assert.equal(variantOf(made)["ContainerStartupHealthCheckTimeoutInSeconds"], CPU.startup_seconds);
    assert.deepEqual(environmentOf(made), {
      GREETING: "hello",
      COLDFRAME_SECRET_HUB_TOKEN: "aws-secretsmanager://sample-model/hub_token",
      AWS_REGION: "<AWS::Region>",
      SHUTDOWN_GRACE_MS: String(grace_ms),
    });
    const onGpu = variantOf(evaluate(parseTemplate(rendered(kind, GPU))));
    assert.deepEqual(
      [onGpu["InstanceType"], onGpu["InferenceAmiVersion"]],
      [GPU.gpu?.sagemaker, "al2-ami-sagemaker-inference-gpu-2-1"],
    );
  });

  test(`${kind}: an image by digest is pulled from its repository too; what is not in ECR is refused`, () => {
    const host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
    for (const name of [`team/sample@sha256:${"0".repeat(64)}`, "team/sample:1.2-rc_3"]) {
      assert.deepEqual(problems(kind, template, { ImageUri: `${host}/${name}` }), [], name);
    }
    for (const image of ["registry.example.com/team/sample:1", `${host}/sample`, "sample:1"]) {
      assert.throws(() => evaluate(template, { ImageUri: image }), /ImageUri: found/, image);
    }
  });
}

function check(kind: Kind, given: Parameters, made: Evaluated, about: string): void {
  const { VolumeSizeGb, WeightsKeyArn, Environment, Alarms, AlarmTopicArn, BucketName, ResultsKeyArn } =
    given;
  const isAsync = kind === "async";
  const createsBucket = isAsync && BucketName === "";
  const has = (isThere: boolean, ...names: string[]) => (isThere ? names : []);
  assert.deepEqual(
    Object.keys(made.resources).sort(),
    [
      ...["Endpoint", "EndpointConfig", "EndpointLogGroup", "ExecutionRole", "Model", "Scaling"],
      ...(isAsync ? ["BacklogPolicy", "WakeAlarm", "WakePolicy"] : ["CallsPolicy"]),
      ...has(
        Alarms === "true",
        ...(isAsync ? ["FailuresAlarm", "ExpiredAlarm"] : ["ErrorsAlarm", "LatencyAlarm"]),
      ),
      ...has(createsBucket, "ResultsBucket", "ResultsBucketPolicy"),
    ].sort(),
    about,
  );
  assert.deepEqual(
    statementsOf(made).map(({ Sid }) => Sid),
    [
      ...["LogInToRegistry", "WriteMetrics", "ReadWeights", "ListWeights", "ReadSecrets", "ReadParameters"],
      ...["PullImage", "WriteLogs"],
      ...has(isAsync, "ReadRequests", "WriteResults"),
      ...has(isAsync && ResultsKeyArn !== "", "EncryptResults"),
      ...has(isAsync && given["ResultTopicArn"] !== "", "TellOfResults"),
      ...has(isAsync && given["FailureTopicArn"] !== "", "TellOfFailures"),
      ...has(WeightsKeyArn !== "", "DecryptWeights"),
    ],
    about,
  );
  assert.equal(
    environmentOf(made)["COLDFRAME_ENVIRONMENT"],
    Environment === "" ? undefined : Environment,
    about,
  );
  const { VolumeSizeInGB, InitialInstanceCount } = variantOf(made);
  assert.equal(VolumeSizeInGB, VolumeSizeGb === "0" ? undefined : Number(VolumeSizeGb), about);
  assert.equal(InitialInstanceCount, isAsync ? 1 : Number(given["MinInstances"]), about);
  for (const [id, { Type, Properties }] of Object.entries(made.resources)) {
    if (Type !== "AWS::CloudWatch::Alarm" || id === "WakeAlarm") continue;
    assert.deepEqual(Properties["AlarmActions"], AlarmTopicArn === "" ? undefined : [AlarmTopicArn], about);
  }
  if (!isAsync) return;
  const bucket = createsBucket ? "<ResultsBucket>" : String(BucketName);
  const { AsyncInferenceConfig } = made.resources["EndpointConfig"]?.Properties as {
    AsyncInferenceConfig: { ClientConfig: object; OutputConfig: object };
  };
  const { ResultTopicArn: results, FailureTopicArn: failures } = given;
  assert.deepEqual(AsyncInferenceConfig.ClientConfig, {
    MaxConcurrentInvocationsPerInstance: CPU.platforms.sagemaker.max_concurrent_invocations,
  });
  assert.deepEqual(
    AsyncInferenceConfig.OutputConfig,
    {
      S3OutputPath: `s3://${bucket}/results/`,
      S3FailurePath: `s3://${bucket}/failures/`,
      ...(ResultsKeyArn !== "" && { KmsKeyId: ResultsKeyArn }),
      ...((results || failures) && {
        NotificationConfig: {
          ...(results && { SuccessTopic: results }),
          ...(failures && { ErrorTopic: failures }),
        },
      }),
    },
    about,
  );
  assert.equal(made.outputs["BucketName"], bucket, about);
}

describe("a broken copy is found:", () => {
  for (const kind of KINDS) {
    const text = rendered(kind);
    for (const [why, from, to, found] of mutationsOf(kind)) {
      test(`${kind}: ${why}`, () => {
        const broken = text.replace(from, to);
        assert.ok(broken !== text, "nothing was broken");
        const template = parseTemplate(broken);
        const seen = problems(kind, template).join("\n");
        // The validator takes its time: it is asked where our own rules see nothing.
        if (!found.test(seen)) assert.match(unexpected(findingsOf(broken), accepted(kind)).join("\n"), found);
      });
    }
  }
});
