// What Terraform itself says of the module, where it and the AWS provider are installed: it is formatted and valid, its own
// tests pass, and its plans are what the evaluator says. One project, one `terraform init`, one run of all tests.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { deploymentOf, FULL } from "../_facts.ts";
import { CASES } from "./_expression-cases.ts";
import { evaluateModule, type Value } from "./_evaluate.ts";
import { MODULE, readSources } from "./_module.ts";
import {
  makeTerraform,
  missingTerraform,
  type Run,
  type Finished,
  runsOf,
  type Terraform,
  writeInto,
} from "./_terraform.ts";

/** What the mocks of the module's tests answer, by the name that the evaluator has for it. */
const ANSWERS: readonly (readonly [RegExp, string])[] = [
  [/<data\.aws_partition\.current\.partition>/g, "aws"],
  [/<data\.aws_partition\.current\.dns_suffix>/g, "amazonaws.com"],
  [/<data\.aws_region\.current\.\w+>/g, "eu-central-1"],
  [/<data\.aws_caller_identity\.current\.account_id>/g, "123456789012"],
  [/<aws_iam_role\.function\.arn>/g, "arn:aws:iam::123456789012:role/sample"],
  [/<aws_cloudwatch_log_group\.function\.arn>/g, "arn:aws:logs:eu-central-1:123456789012:log-group:sample"],
  [/<aws_lambda_function\.model\.version>/g, "1"],
  [/<aws_lambda_alias\.live\.arn>/g, "arn:aws:lambda:eu-central-1:123456789012:function:sample:live"],
  [/<aws_sqs_queue\.\w+\.arn>/g, "arn:aws:sqs:eu-central-1:123456789012:sample"],
  [/<aws_sqs_queue\.\w+\.url>/g, "https://sqs.eu-central-1.amazonaws.com/123456789012/sample"],
  [/<aws_s3_bucket\.weights\.arn>/g, "arn:aws:s3:::sample-weights"],
];

/** Names that the mocks make up, and hashes: only that there is one can be compared. */
const MADE_UP = /<(aws_iam_role\.function\.name|aws_s3_bucket\.weights\.id|file\w+\(.*?\))>/;

interface Plan {
  /** An example, or the module itself with these variables. */
  readonly example?: string;
  readonly switches: Readonly<Record<string, Value>>;
}

const PLANS: Readonly<Record<string, Plan>> = {
  everything: {
    switches: {
      name: "other",
      environment: "production",
      secrets_prefix: "teams/a/",
      invoker: "123456789012",
      weights_bucket: "create",
      weights_key_arn: "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d",
      alarm_topic_arn: "arn:aws:sns:eu-central-1:123456789012:alarms",
    },
  },
  public: {
    example: "public",
    switches: { function_url: true, url_auth: "NONE", reserved_concurrency: 10 },
  },
  queue: { example: "queue", switches: { function_url: false, queue: true, weights_bucket: "create" } },
  // Its topic and its role are made beside it, so that it is planned and not compared.
  basic: { example: "basic", switches: {} },
};

describe("terraform", { skip: missingTerraform() ?? false }, () => {
  let folder = "";
  let terraform: Terraform;
  let validation: Finished;
  let tests: Finished;
  let runs: ReadonlyMap<string, Run>;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "coldframe-terraform-"));
    terraform = makeTerraform(folder, deploymentOf(FULL, "lambda"));
    const mocks =
      readFileSync(join(terraform.folder, "tests/module.tftest.hcl"), "utf8").split("\nvariables {")[0] ?? "";
    writeInto(terraform.folder, "tests/plans.tftest.hcl", toTest(mocks));
    const { status, stdout, stderr } = await terraform.run("init", "-no-color", "-backend=false");
    assert.equal(status, 0, `${stdout}\n${stderr}`);
    // Both spend seconds with the provider's schemas.
    [validation, tests] = await Promise.all([
      terraform.run("validate", "-json"),
      terraform.run("test", "-json", "-verbose"),
    ]);
    runs = runsOf(tests.stdout);
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  test("it is formatted", async () => {
    const { status, stdout } = await terraform.run("fmt", "-check", "-recursive", "-diff", MODULE);
    assert.equal(status, 0, stdout);
  });

  test("it is valid", (t) => {
    t.diagnostic(`AWS provider ${terraform.version}, without ${terraform.without.join(", ") || "nothing"}`);
    const { valid, diagnostics } = JSON.parse(validation.stdout) as { valid: boolean; diagnostics: unknown };
    assert.ok(validation.status === 0 && valid, JSON.stringify(diagnostics, null, 2));
  });

  test("its own tests pass, and its examples can be planned", () => {
    const errors = tests.stdout.split("\n").filter((line) => line.includes('"@level":"error"'));
    assert.ok(runs.size > Object.keys(PLANS).length + 5, `only ${[...runs.keys()]}: ${errors.join("\n")}`);
    for (const { name, status } of runs.values())
      assert.equal(status, "pass", `${name}: ${errors.join("\n")}`);
    assert.equal(tests.status, 0);
  });

  for (const [name, { example, switches }] of Object.entries(PLANS)) {
    if (name === "basic") continue;
    test(`the evaluator makes what it plans: ${name}`, async () => {
      const planned = runs.get(name)?.planned ?? {};
      const artifact = `${example === undefined ? "" : `examples/${example}/../../`}../../dist/lambda`;
      const { resources, refusals } = await evaluateModule(
        readSources(terraform.folder),
        terraform.deployment,
        { artifact, ...switches },
      );
      assert.deepEqual(refusals, []);
      const prefix = example === undefined ? "" : "module.model.";
      const made = Object.fromEntries(
        Object.entries(planned).map(([address, attributes]) => [
          address.replace(prefix, "").replace(/\[0\]$/, ""),
          attributes,
        ]),
      );
      assert.deepEqual(Object.keys(resources).sort(), Object.keys(made).sort());
      for (const [address, attributes] of Object.entries(resources))
        compare(attributes, made[address] ?? {}, address);
    });
  }

  test("expressions are worth what the evaluator says", async () => {
    const { status, stdout, stderr } = await terraform.console(
      `jsonencode([${CASES.map(([text]) => text).join(", ")}])`,
    );
    assert.equal(status, 0, stderr);
    const found = JSON.parse(JSON.parse(stdout) as string) as readonly Value[];
    CASES.forEach(([text, value], i) => assert.deepEqual(found[i], value, text));
    assert.equal(found.length, CASES.length);
  });
});

/** The runs of PLANS as a test of Terraform's own, whose mocks answer before anything is made. */
function toTest(mocks: string): string {
  const early = mocks.replaceAll(/^( *mock_(?:data|resource) ".*" \{)$/gm, "$1\n    override_during = plan");
  const runs = Object.entries(PLANS).map(([name, { example, switches }]) => {
    const variables = Object.entries({ artifact: "../../dist/lambda", ...switches }).map(
      ([key, value]) => `    ${key} = ${JSON.stringify(value)}`,
    );
    const what =
      example === undefined
        ? `variables {\n${variables.join("\n")}\n  }`
        : `module {\n    source = "./examples/${example}"\n  }`;
    return `run "${name}" {\n  command = plan\n\n  ${what}\n}`;
  });
  return [early, ...runs].join("\n\n");
}

/** All that the evaluator knows is in the plan; policies are compared as what they say. */
function compare(found: Value, planned: unknown, place: string): void {
  if (typeof found === "string") {
    if (MADE_UP.test(found)) return assert.equal(typeof planned, "string", place);
    const answered = ANSWERS.reduce((text, [name, answer]) => text.replaceAll(name, answer), found);
    if (!answered.startsWith("{")) return assert.equal(planned, answered, place);
    return assert.deepEqual(JSON.parse(String(planned)), JSON.parse(answered), place);
  }
  if (found === null || typeof found !== "object") return assert.equal(planned, found, place);
  if (Array.isArray(found)) assert.equal((planned as readonly unknown[]).length, found.length, place);
  for (const [key, value] of Object.entries(found)) {
    compare(value, (planned as Readonly<Record<string, unknown>>)[key], `${place}.${key}`);
  }
}
