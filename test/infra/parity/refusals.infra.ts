// What one tool refuses, the others refuse, and what one takes, the others take: switches that contradict each other, and
// values that are none. Switches that contradict each other in a combination of plain values are in parity.infra.ts.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { deploymentOf } from "../_facts.ts";
import type { Parameters } from "../cfn/_parameters.ts";
import { configOf, type SampleName } from "../sam/_expansion.ts";
import { withCdk } from "./_cdk.ts";
import { nameOf } from "./_combinations.ts";
import { withTerraform } from "./_module-outcome.ts";
import type { Refusal } from "./_outcome.ts";
import { samTakes, withSam } from "./_sam.ts";

async function refusals(sample: SampleName, switches: Parameters) {
  const config = configOf(sample);
  const [cdk] = withCdk(config, [switches]);
  const terraform = await withTerraform(deploymentOf(config, "lambda"), switches);
  return { CDK: cdk?.refusals, Terraform: terraform.refusals };
}

const PUBLIC = { FunctionUrl: "true", UrlAuth: "NONE" };

describe("switches that contradict each other", () => {
  const cases: readonly (readonly [SampleName, Parameters, Refusal])[] = [
    ["template", { ...PUBLIC, ReservedConcurrency: "0" }, "no ceiling"],
    ["template.plain", PUBLIC, "no ceiling"],
    ["template.plain", { WeightsBucket: "create" }, "no bucket"],
  ];
  for (const [sample, switches, refusal] of cases) {
    test(`${sample}, ${nameOf(switches)}: ${refusal}`, async () => {
      assert.deepEqual(withSam(sample, switches).refusals, [refusal]);
      assert.deepEqual(await refusals(sample, switches), { CDK: [refusal], Terraform: [refusal] });
    });
  }
});

describe("numbers that contradict each other, which the rules of CloudFormation cannot compare", () => {
  const cases: readonly (readonly [Parameters, Refusal])[] = [
    // Lambda itself refuses it, while the stack is made.
    [{ Queue: "false", ReservedConcurrency: "1", ProvisionedConcurrency: "2" }, "too many kept ready"],
    [{ Queue: "true", ReservedConcurrency: "4" }, "queue throttled"],
  ];
  for (const [switches, refusal] of cases) {
    test(`${nameOf(switches)}: ${refusal}`, async () => {
      assert.deepEqual(withSam("template", switches).refusals, []);
      assert.deepEqual(await refusals("template", switches), { CDK: [refusal], Terraform: [refusal] });
    });
  }
});

describe("values", () => {
  const refused: Readonly<Record<string, readonly string[]>> = {
    Invoker: [
      "*",
      "12345678901",
      "lambda.amazonaws.com",
      "arn:aws:iam::123456789012:*",
      "arn:aws:iam::123456789012:role/",
      "arn:aws:iam::123456789012:role/a b",
      "arn:aws:iam::aws:policy/ReadOnlyAccess",
      "arn:aws:sts::123456789012:assumed-role/caller/session",
    ],
    WeightsKeyArn: [
      "*",
      "11111111-2222-3333-4444-555555555555",
      "arn:aws:kms:eu-west-1:123456789012:alias/weights",
      "arn:aws:kms:*:123456789012:key/*",
    ],
    SecretsPrefix: ["team stage/", "*", "a,b"],
    ReservedConcurrency: ["-1"],
    ProvisionedConcurrency: ["-1"],
    AlarmTopicArn: [
      "alarms",
      "arn:aws:sqs:eu-west-1:123456789012:alarms",
      "arn:aws:sns:eu-west-1::alarms",
      "arn:aws:sns:",
    ],
  };
  const taken: Readonly<Record<string, readonly string[]>> = {
    Invoker: [
      "",
      "123456789012",
      "arn:aws:iam::123456789012:root",
      "arn:aws:iam::123456789012:role/team/caller-1",
      "arn:aws-us-gov:iam::123456789012:user/some.body@example.com",
      "arn:aws-cn:iam::123456789012:role/caller",
    ],
    WeightsKeyArn: ["", "arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/mrk-1234abcd"],
    SecretsPrefix: ["", "/team/stage_1/", "a+b=c.d@e-"],
    ReservedConcurrency: ["0", "1000"],
    ProvisionedConcurrency: ["0", "1"],
    AlarmTopicArn: ["", "arn:aws-cn:sns:cn-north-1:123456789012:alarms.fifo"],
  };
  const each = (values: typeof refused) =>
    Object.entries(values).flatMap(([name, all]) => all.map((value) => ({ [name]: value })));

  for (const switches of each(refused)) {
    test(`${nameOf(switches)} is refused`, async () => {
      assert.equal(samTakes("template.plain", switches), false);
      const expected = { CDK: ["value"], Terraform: ["value"] };
      assert.deepEqual(await refusals("template.plain", switches), expected);
    });
  }

  for (const switches of each(taken)) {
    test(`${nameOf(switches)} is taken`, async () => {
      assert.equal(samTakes("template.plain", switches), true);
      assert.deepEqual(await refusals("template.plain", switches), { CDK: [], Terraform: [] });
    });
  }
});
