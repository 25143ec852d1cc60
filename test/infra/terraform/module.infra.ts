// The Terraform module without Terraform: what it refers to, what the provider knows, what it makes, what it refuses, and
// whether its papers are complete.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import type { LambdaDeployment } from "../../../adapter/build/deployment.ts";
import { deploymentOf, FULL } from "../_facts.ts";
import { type Evaluated, evaluateModule } from "./_evaluate.ts";
import { MODULE, type Module, parseModule, readSources } from "./_module.ts";
import { COMBINATIONS, problemsOf, type Switches } from "./_problems.ts";
import { referenceProblems } from "./_references.ts";
import { SCHEMA } from "./_schema.ts";

const PLAIN = "model_name: plain\n";
const INVOKER = "arn:aws:iam::123456789012:role/caller";

const sources = readSources();
let full: LambdaDeployment;
let module: Module;

before(async () => {
  full = deploymentOf(FULL, "lambda");
  module = await parseModule(sources);
});

const evaluate = (switches: Switches, deployment = full): Promise<Evaluated> =>
  evaluateModule(sources, deployment, switches);

test("nothing is wrong with it, in any combination of its switches", async () => {
  assert.equal(COMBINATIONS.length, 128);
  assert.deepEqual(await problemsOf(sources, full), []);
  assert.deepEqual(await problemsOf(sources, deploymentOf(PLAIN, "lambda"), [{}]), []);
});

test("the provider that it asks for knows what it sets", () => {
  const [{ required_providers } = {}] = module.terraform;
  assert.deepEqual(required_providers, [{ aws: { source: "hashicorp/aws", version: ">= 6.29" } }]);
  assert.ok(SCHEMA.types["aws_lambda_permission"]?.optional.includes("invoked_via_function_url"));
});

describe("what it makes", () => {
  test("the function is as deployment.json says", async () => {
    const { resources } = await evaluate({ environment: "production" });
    const made = resources["aws_lambda_function.model"] ?? {};
    const expected = {
      function_name: full.name,
      description: full.description,
      runtime: full.runtime,
      architectures: [full.architecture],
      handler: full.handler,
      memory_size: full.memory_mb,
      timeout: full.timeout_seconds,
      ephemeral_storage: [{ size: full.ephemeral_storage_mb }],
      tracing_config: [{ mode: full.tracing }],
      reserved_concurrent_executions: full.concurrency.reserved,
      environment: [
        {
          variables: {
            GREETING: "hello",
            COLDFRAME_SECRET_HUB_TOKEN: "aws-secretsmanager://sample-model/hub_token",
            COLDFRAME_ENVIRONMENT: "production",
          },
        },
      ],
    };
    for (const [name, value] of Object.entries(expected)) assert.deepEqual(made[name], value, name);
  });

  test("a model that wants nothing has no URL's cors, no environment and no ceiling", async () => {
    const { resources } = await evaluate({}, deploymentOf(PLAIN, "lambda"));
    const made = resources["aws_lambda_function.model"] ?? {};
    assert.equal(made["reserved_concurrent_executions"], -1);
    assert.ok(!("environment" in made) && !("description" in made));
    assert.ok(!("cors" in (resources["aws_lambda_function_url.live"] ?? {})));
  });

  test("the switches of config.yaml are the defaults, and variables go before them", async () => {
    const has = async (address: string, switches: Switches, config = FULL) =>
      address in (await evaluate(switches, deploymentOf(config, "lambda"))).resources;
    const direct = `${PLAIN}serverless: { events: [direct] }\n`;
    assert.ok(await has("aws_lambda_function_url.live", {}));
    assert.ok(!(await has("aws_lambda_function_url.live", { function_url: false })));
    assert.ok(!(await has("aws_lambda_function_url.live", {}, direct)));
    assert.ok(await has("aws_lambda_function_url.live", { function_url: true }, direct));
    assert.ok(await has("aws_sqs_queue.queue", {}));
    assert.ok(!(await has("aws_sqs_queue.queue", {}, direct)));
    assert.ok(await has("aws_lambda_provisioned_concurrency_config.live", {}));
    assert.ok(!(await has("aws_lambda_provisioned_concurrency_config.live", { provisioned_concurrency: 0 })));
  });

  test("alarms are of what is there, and are sent where they should", async () => {
    const alarms = async (switches: Switches) =>
      Object.entries((await evaluate(switches)).resources).filter(([address]) => address.includes("_alarm."));
    const topic = "arn:aws:sns:eu-central-1:123456789012:alarms";
    const all = await alarms({ alarm_topic_arn: topic });
    assert.equal(all.length, 5);
    for (const [address, { alarm_actions }] of all) assert.deepEqual(alarm_actions, [topic], address);
    assert.equal((await alarms({ function_url: false, queue: false })).length, 3);
    assert.equal((await alarms({ alarms: false })).length, 0);
  });

  test("a large archive goes through a bucket", async () => {
    const { resources } = await evaluate({ archive_bucket: "archives" });
    const made = resources["aws_lambda_function.model"] ?? {};
    assert.ok(!("filename" in made));
    assert.equal(made["s3_bucket"], "archives");
    assert.equal(made["s3_key"], resources["aws_s3_object.archive"]?.["key"]);
  });

  test("where the secrets are is said to the function and to its role", async () => {
    const { resources } = await evaluate({ secrets_prefix: "teams/a/" });
    assert.match(
      JSON.stringify(resources["aws_lambda_function.model"]),
      /aws-secretsmanager:\/\/teams\/a\/hub_token/,
    );
    assert.match(
      String(resources["aws_iam_role_policy.function"]?.["policy"]),
      /:secret:teams\/a\/hub_token-\?{6}/,
    );
  });

  test("no placeholder of deployment.json is left", async () => {
    assert.doesNotMatch(JSON.stringify(await evaluate({})), /\$\{/);
  });
});

describe("what it refuses, with a sentence", () => {
  const cases: readonly (readonly [string, Switches, RegExp])[] = [
    [
      "a public URL without a ceiling",
      { url_auth: "NONE", reserved_concurrency: 0 },
      /open to everybody: set reserved/,
    ],
    [
      "more environments kept ready than may run",
      { provisioned_concurrency: 30 },
      /Found provisioned_concurrency 30/,
    ],
    [
      "a queue that may use more than there is",
      { reserved_concurrency: 5 },
      /Found reserved_concurrency 5, allowed at/,
    ],
    ["an authorization that Lambda has not", { url_auth: "IAM" }, /AWS_IAM or NONE/],
    ["an invoker that is no principal", { invoker: "*" }, /invoker must be an account id/],
    ["an alias of a key", { weights_key_arn: "alias/weights" }, /weights_key_arn must be the ARN of a key/],
    ["a prefix that no secret has", { secrets_prefix: 'a"b' }, /secrets_prefix must be of/],
    ["a retention that CloudWatch has not", { log_retention_days: 31 }, /log_retention_days must be/],
    ["a name that Lambda has not", { name: "a name" }, /name must be 1 to 64/],
    ["a bucket of neither kind", { weights_bucket: "new" }, /existing or create/],
    ["less than nothing", { reserved_concurrency: -1 }, /0 or more/],
    ["an artifact that is not there", { artifact: "elsewhere" }, /run `coldframe build`/],
    ["alarms sent to no topic", { alarm_topic_arn: "me@example.com" }, /ARN of an SNS topic/],
  ];
  for (const [what, switches, sentence] of cases) {
    test(what, async () => {
      const { refusals } = await evaluateModule(
        sources,
        full,
        switches,
        what.includes("artifact") ? [] : undefined,
      );
      assert.equal(refusals.length, 1, refusals.join("\n"));
      assert.match(refusals[0] ?? "", sentence);
    });
  }

  test("a bucket to create of a model whose weights are elsewhere", async () => {
    const { refusals } = await evaluate({ weights_bucket: "create" }, deploymentOf(PLAIN, "lambda"));
    assert.match(refusals.join("\n"), /config\.yaml has no weights with an s3:\/\/ source/);
  });

  test("managed instances, and says what makes them", async () => {
    const config = `${PLAIN}serverless: { architecture: x86_64, managed_instances: { accelerator_memory_gib: 12 } }\n`;
    const { refusals } = await evaluate({}, deploymentOf(config, "lambda"));
    assert.match(refusals.join("\n"), /coldframe\/cdk or infra\/sam\/gpu\.yaml/);
  });

  test("nothing of what config.yaml may say with an invoker of either kind", async () => {
    for (const invoker of ["123456789012", INVOKER, "arn:aws:iam::123456789012:user/me"]) {
      assert.deepEqual((await evaluate({ invoker })).refusals, [], invoker);
    }
  });
});

describe("its papers", () => {
  test("README.md names every variable and every output", () => {
    const readme = readFileSync(join(MODULE, "README.md"), "utf8");
    const names = [...Object.keys(module.variables), ...Object.keys(module.outputs)];
    assert.deepEqual(
      names.filter((name) => !readme.includes(`\`${name}\``)),
      [],
    );
  });

  for (const name of ["basic", "public", "queue"]) {
    test(`examples/${name} sets variables that there are, and asks for outputs that there are`, async () => {
      const example = readSources(join(MODULE, "examples", name));
      const { modules, ...others } = await parseModule(example);
      const { source, ...given } = modules["model"] ?? {};
      assert.equal(source, "../..");
      assert.deepEqual(
        Object.keys(given).filter((key) => !(key in module.variables)),
        [],
      );
      assert.deepEqual(referenceProblems({ modules, ...others }, SCHEMA), []);
      const asked = [...JSON.stringify(others.outputs).matchAll(/module\.model\.(\w+)/g)].map(
        ([, key = ""]) => key,
      );
      assert.ok(asked.length > 0);
      assert.deepEqual(
        asked.filter((key) => !(key in module.outputs)),
        [],
      );
    });
  }

  test("its own tests run on what the build writes today", () => {
    const path = join(MODULE, "tests/artifact/lambda/deployment.json");
    if (process.env["UPDATE_FIXTURE"] === "1") writeFileSync(path, `${JSON.stringify(full, null, 2)}\n`);
    const fixture = JSON.parse(readFileSync(path, "utf8")) as LambdaDeployment;
    // They change with every release, and no template reads them.
    const { coldframe_version, unzipped_bytes } = full;
    assert.deepEqual(
      { ...fixture, coldframe_version, unzipped_bytes },
      full,
      "stale; to write it again: UPDATE_FIXTURE=1 node --test test/infra/terraform/module.infra.ts",
    );
  });
});
