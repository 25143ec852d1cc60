// What AWS's own validator (the one that runs in every `cdk synth`) and the rules of cdk-nag's AwsSolutions say of
// ModelFunction: nothing, of any severity, that is not acknowledged here with a reason; and that they are awake.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type App, Stack, Validations } from "aws-cdk-lib";
import * as ecr from "aws-cdk-lib/aws-ecr";
import * as iam from "aws-cdk-lib/aws-iam";
import * as lambda from "aws-cdk-lib/aws-lambda";
import type * as logs from "aws-cdk-lib/aws-logs";
import type * as s3 from "aws-cdk-lib/aws-s3";
import type * as sqs from "aws-cdk-lib/aws-sqs";
import { AwsSolutionsChecks } from "cdk-nag";
import type { ModelFunction } from "../../../infra/cdk/index.ts";
import { FULL } from "../_facts.ts";
import { addTo, makeApp, type Switches, vpc } from "./_stacks.ts";

const ACCOUNT = { account: "111122223333", region: "eu-west-1" };
const KEY = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555";

const GPU = `model_name: gpu
resources: { accelerator: L4 }
serverless:
  architecture: x86_64
  managed_instances: { accelerator_memory_gib: 12, memory: 16384, max_vcpus: 32 }
`;

/** Rule -> why it is not followed. */
const REASONS: Readonly<Record<string, string>> = {
  "AwsSolutions-S1": "a log of who read weights needs a second bucket, and costs: the bucket's owner decides",
  "AwsSolutions-IAM5[Resource::*]": "X-Ray has no resources that could be named",
  "AwsSolutions-IAM5[Resource::arn:aws:s3:::sample-weights/models/v1/*]": "weights are all files of a prefix",
  "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::sample-results/answers/*]":
    "each result has a key of its own",
  "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/AWSLambdaManagedEC2ResourceOperator]":
    "what Lambda does with instances is Lambda's to say, and is of the role that Lambda takes",
};

interface Finding {
  readonly rule: string;
  /** Construct path. */
  readonly where: string;
  readonly says: string;
  /** The reason that the construct itself gives for it. */
  readonly acknowledged: string | undefined;
}

/** Of any severity, by both, on all stacks of an app. */
function findingsOf(app: App): Finding[] {
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  const { error } = console;
  try {
    // The same report as text.
    console.error = () => undefined;
    app.synth();
  } catch (thrown) {
    if (!/Validation failed/.test(String(thrown))) throw thrown;
  } finally {
    console.error = error;
  }
  const { pluginReports } = JSON.parse(readFileSync(join(app.outdir, "validation-report.json"), "utf8"));
  return pluginReports.flatMap(({ violations, suppressedViolations = [] }: Report) =>
    [...violations, ...suppressedViolations].flatMap(
      ({ ruleName: rule, description: says, violatingConstructs, reason: acknowledged }) =>
        violatingConstructs.map(({ constructPath: where }) => ({ rule, where, says, acknowledged })),
    ),
  );
}

/** validation-report.json, of one of the two. */
interface Report {
  readonly violations: readonly Violation[];
  readonly suppressedViolations?: readonly Violation[];
}

interface Violation {
  readonly ruleName: string;
  readonly description: string;
  readonly reason?: string;
  readonly violatingConstructs: readonly { readonly constructPath: string }[];
}

/** A property that may be taken away again. */
type Writable<T> = { [K in keyof T]: T[K] | undefined };

/** Findings of FATAL and ERROR fail the synthesis, as the example's cdk.json has it. */
const strict = () => makeApp({ context: { "@aws-cdk/core:validateAgainstDefaultRules": true } });

function add(app: App, id: string, config: string, switches: Switches = {}): ModelFunction {
  const stack = new Stack(app, id, { env: ACCOUNT });
  return addTo(stack, config, switches);
}

const URLS = {
  none: { functionUrl: false },
  iam: { urlAuth: "AWS_IAM" },
  public: { urlAuth: "NONE" },
} as const;

function everything(): App {
  const app = strict();
  add(app, "Plain", "model_name: plain\n");
  for (const [url, switches] of Object.entries(URLS)) {
    for (const queue of [false, true]) {
      for (const weightsBucket of ["existing", "create"] as const) {
        for (const alarms of [false, true]) {
          const id = [url, queue && "queue", weightsBucket, alarms && "alarms"].filter(Boolean).join("-");
          add(app, id, FULL, { ...switches, queue, weightsBucket, alarms, invoker: "999988887777" });
        }
      }
    }
  }
  add(app, "Key", FULL, { weightsBucket: "create", weightsKeyArn: KEY, environment: "production" });
  const gpu = new Stack(app, "Gpu", { env: ACCOUNT });
  const repository = ecr.Repository.fromRepositoryName(gpu, "Repository", "models");
  const image = lambda.DockerImageCode.fromEcr(repository, { tagOrDigest: `sha256:${"0".repeat(64)}` });
  addTo(gpu, GPU, { image, vpc: vpc(gpu) });
  return app;
}

describe("every combination of the switches", () => {
  const findings = findingsOf(everything());

  test("has no finding without a reason", () => {
    const unexplained = findings.filter(
      ({ rule, acknowledged }) => REASONS[rule] === undefined && acknowledged === undefined,
    );
    assert.deepEqual(unexplained, []);
  });

  test("has a finding for each reason", () => {
    const found = new Set(findings.map(({ rule }) => rule));
    assert.deepEqual(
      Object.keys(REASONS).filter((rule) => !found.has(rule)),
      [],
    );
  });

  test("acknowledges by itself the property that CDK does not know yet, and nothing else", () => {
    const acknowledged = findings.filter((finding) => finding.acknowledged !== undefined);
    assert.deepEqual(
      acknowledged.map(({ rule, where }) => [rule, where]),
      [["F3002", "Gpu/Model/ModelFunction/Resource"]],
    );
    assert.match(acknowledged[0]?.says ?? "", /^AcceleratorConfig: /);
  });
});

describe("a broken copy is found out", () => {
  const resource = <T>(of: { readonly node: { readonly defaultChild?: unknown } } | undefined) =>
    of?.node.defaultChild as T;
  /** What is broken -> the rule that notices, and how it is broken. */
  const mutations: Readonly<Record<string, readonly [RegExp, (model: ModelFunction) => void]>> = {
    "a URL in a mode that is none": [
      /^W3030$/,
      ({ url }) => resource<lambda.CfnUrl>(url).addPropertyOverride("InvokeMode", "STREAM"),
    ],
    "an unknown property": [
      /^F3002$/,
      ({ alias }) => resource<lambda.CfnAlias>(alias).addPropertyOverride("Weights", 1),
    ],
    "a retention that CloudWatch does not have": [
      /^[FEW]30\d\d$/,
      ({ logGroup }) => resource<logs.CfnLogGroup>(logGroup).addPropertyOverride("RetentionInDays", 31),
    ],
    "a permission on something that is not there": [
      /^[FEW]\d{4}$/,
      (model) => {
        const permission = model.node.findChild("InvokerUrlPermission") as lambda.CfnPermission;
        permission.addPropertyOverride("FunctionName", { Ref: "Nothing" });
      },
    ],
    "a wildcard in the role": [
      /^AwsSolutions-IAM5\[Action::s3:\*\]$/,
      ({ role }) => role.addToPolicy(new iam.PolicyStatement({ actions: ["s3:*"], resources: ["*"] })),
    ],
    "a managed policy in the role": [
      /^AwsSolutions-IAM4\[.*AmazonS3ReadOnlyAccess\]$/,
      ({ role }) =>
        role.addManagedPolicy(iam.ManagedPolicy.fromAwsManagedPolicyName("AmazonS3ReadOnlyAccess")),
    ],
    "a queue without TLS": [/^AwsSolutions-SQS4$/, ({ queue }) => void queue?.node.tryRemoveChild("Policy")],
    "a queue without a dead-letter queue": [
      /^AwsSolutions-SQS3$/,
      ({ queue }) => (resource<Writable<sqs.CfnQueue>>(queue).redrivePolicy = undefined),
    ],
    "a bucket without TLS": [
      /^AwsSolutions-S10$/,
      ({ bucket }) => void bucket?.node.tryRemoveChild("Policy"),
    ],
    "a public bucket": [
      /^AwsSolutions-S2$/,
      ({ bucket }) =>
        (resource<s3.CfnBucket>(bucket).publicAccessBlockConfiguration = { blockPublicAcls: false }),
    ],
    "a runtime of yesterday": [
      /^AwsSolutions-L1$/,
      ({ function: fn }) => (resource<lambda.CfnFunction>(fn).runtime = "nodejs18.x"),
    ],
  };

  const app = strict();
  const ids = Object.entries(mutations).map(([name, [, mutate]], i) => {
    const model = add(app, `Broken${i}`, FULL, { weightsBucket: "create", invoker: "999988887777" });
    mutate(model);
    return [name, `Broken${i}`] as const;
  });
  const findings = findingsOf(app);

  for (const [name, id] of ids) {
    test(name, () => {
      const rules = findings.filter(({ where }) => where.split("/")[0] === id).map(({ rule }) => rule);
      const [wanted] = mutations[name] ?? [/^$/];
      assert.ok(
        rules.some((rule) => wanted.test(rule) && REASONS[rule] === undefined),
        `${wanted} is not among ${rules.join(", ")}`,
      );
    });
  }
});

test("cdk-nag and ModelFunction see the same CDK, or no rule would know a construct", () => {
  const of = (file: string) => createRequire(join(import.meta.dirname, file)).resolve("aws-cdk-lib");
  assert.equal(of("../node_modules/cdk-nag/lib/index.js"), of("../../../infra/cdk/index.ts"));
});
