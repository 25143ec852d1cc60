// The comparison sees each fact: a copy of SAM's document, of CDK's and of the Terraform module in which one is broken
// differs from what the others make, and at that very fact.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { deploymentOf } from "../_facts.ts";
import { evaluate } from "../cfn/_evaluate.ts";
import { configOf, golden } from "../sam/_expansion.ts";
import { readSources } from "../terraform/_module.ts";
import { documentOfCdk } from "./_cdk.ts";
import { fromCloudFormation } from "./_cloudformation.ts";
import { differenceOf } from "./_difference.ts";
import { brokenDocument, DOCUMENT_MUTATIONS, type DocumentMutation } from "./_document-mutations.ts";
import { withTerraform } from "./_module-outcome.ts";
import { brokenModule, MODULE_MUTATIONS } from "./_module-mutations.ts";
import type { NormalForm } from "./_normal-form.ts";

/** Everything there is, and the URL public. */
const SWITCHES = {
  FunctionUrl: "true",
  UrlAuth: "NONE",
  Queue: "true",
  WeightsBucket: "create",
  WeightsKeyArn: "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555",
  Environment: "production",
  AlarmTopicArn: "arn:aws:sns:eu-west-1:123456789012:alarms",
};

const CONFIG = configOf("template");
const deployment = deploymentOf(CONFIG, "lambda");
const documents = {
  SAM: evaluate(golden("template").document, SWITCHES),
  CDK: evaluate(documentOfCdk(CONFIG, SWITCHES)),
};
const form = fromCloudFormation(documents.SAM);

/** Where what was broken differs, or what the normal form has no place for. */
async function found(make: () => NormalForm | undefined | Promise<NormalForm | undefined>): Promise<string> {
  try {
    return differenceOf(await make(), form) ?? "nothing differs";
  } catch (error) {
    return (error as Error).message;
  }
}

function assertFound(text: string, differs: string | RegExp): void {
  const isIt =
    typeof differs === "string"
      ? text.startsWith(`${differs}.`) || text.startsWith(`${differs}:`)
      : differs.test(text);
  assert.ok(isIt, `expected ${differs}, found ${text}`);
}

const titleOf = ({ differs, resource, path, value }: DocumentMutation) =>
  `${differs}: ${resource} ${path} ${typeof value === "symbol" ? "gone" : JSON.stringify(value)}`;

for (const [tool, evaluated] of Object.entries(documents)) {
  describe(tool, () => {
    test("is the same, unbroken", () => {
      assert.equal(differenceOf(fromCloudFormation(evaluated), form), undefined);
    });

    for (const mutation of DOCUMENT_MUTATIONS) {
      test(titleOf(mutation), async () => {
        assertFound(
          await found(() => fromCloudFormation(brokenDocument(evaluated, mutation))),
          mutation.differs,
        );
      });
    }

    test("the bucket goes with the stack, or with the name of another one", async () => {
      for (const policy of ["DeletionPolicy", "UpdateReplacePolicy"]) {
        const resources = Object.entries(evaluated.resources).map(([id, one]) => [
          id,
          one.Type === "AWS::S3::Bucket" ? { ...one, [policy]: "Delete" } : one,
        ]);
        const broken = { ...evaluated, resources: Object.fromEntries(resources) };
        assertFound(await found(() => fromCloudFormation(broken)), "bucket.isKept");
      }
    });

    test("the logs stay", async () => {
      const resources = Object.entries(evaluated.resources).map(([id, one]) => [
        id,
        one.Type === "AWS::Logs::LogGroup" ? { ...one, DeletionPolicy: "Retain" } : one,
      ]);
      const broken = { ...evaluated, resources: Object.fromEntries(resources) };
      assertFound(await found(() => fromCloudFormation(broken)), "logs.isKept");
    });

    test("an output is of something else, or gone", async () => {
      const { AliasArn, ...outputs } = evaluated.outputs;
      const broken = { ...evaluated, outputs: { ...outputs, AliasArn: outputs["FunctionArn"] ?? null } };
      assertFound(await found(() => fromCloudFormation(broken)), "outputs.AliasArn");
      assertFound(await found(() => fromCloudFormation({ ...evaluated, outputs })), "outputs.AliasArn");
    });

    test("a resource that the others do not have", async () => {
      const more = { Type: "AWS::SNS::Topic", Properties: {} };
      const broken = { ...evaluated, resources: { ...evaluated.resources, More: more } };
      assertFound(await found(() => fromCloudFormation(broken)), /nothing here compares More/);
    });
  });
}

describe("Terraform", () => {
  const sources = readSources();
  const make = async (from: typeof sources) => {
    const { form: made, refusals } = await withTerraform(deployment, SWITCHES, from);
    if (refusals.length > 0) throw new Error(`refused: ${refusals}`);
    return made;
  };

  test("is the same, unbroken", async () => {
    assert.equal(differenceOf(await make(sources), form), undefined);
  });

  for (const mutation of MODULE_MUTATIONS) {
    test(`${mutation[0]}: ${mutation[1]}`, async () => {
      const broken = brokenModule(sources, mutation);
      assertFound(await found(() => make(broken)), mutation[0]);
    });
  }
});

test("each fact of the normal form is broken in a document and in the module", () => {
  const facts = Object.entries(form).flatMap(([part, value]) =>
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !["alarms", "outputs"].includes(part)
      ? Object.keys(value).map((name) => `${part}.${name}`)
      : [part],
  );
  const isBroken = (fact: string, broken: readonly (string | RegExp)[]) =>
    broken.some((differs) => typeof differs === "string" && `${differs}.`.startsWith(`${fact}.`));
  const inModule = MODULE_MUTATIONS.map(([differs]) => differs);
  // What has tests of its own above, what is broken by a sentence, and what the module refuses.
  const others = [
    "bucket.isKept",
    "logs.isKept",
    "outputs",
    "queue.policy",
    "function.package",
    "function.role",
    "instances",
  ];
  const inDocument = [...DOCUMENT_MUTATIONS.map(({ differs }) => differs), ...others];
  assert.deepEqual(
    facts.filter((fact) => !isBroken(fact, inDocument)),
    [],
  );
  assert.deepEqual(
    facts.filter((fact) => !isBroken(fact, [...inModule, "function.package", "instances"])),
    [],
  );
});
