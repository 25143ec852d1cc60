// What ModelFunction refuses, each with what was found, what is allowed, and the way out.

import assert from "node:assert/strict";
import { mkdirSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, test } from "node:test";
import { Stack } from "aws-cdk-lib";
import { coldframeVersion } from "../../../adapter/build/runtime-files.ts";
import { ModelFunction } from "../../../infra/cdk/index.ts";
import { deploymentOf, FULL } from "../_facts.ts";
import { artifactOf, makeApp, makeFolder, makeModel, type Switches, vpc } from "./_stacks.ts";

const PLAIN = "model_name: plain\n";

function refusal(artifact: string): { code: string; message: string; fix: string } {
  try {
    new ModelFunction(new Stack(makeApp(), "Stack"), "Model", { artifact });
  } catch (error) {
    return error as { code: string; message: string; fix: string };
  }
  return assert.fail("nothing was refused");
}

describe("an artifact", () => {
  const facts = deploymentOf(PLAIN, "lambda");

  test("that is not there: says which file it looked for, and to build", () => {
    const folder = makeFolder();
    const { code, message, fix } = refusal(join(folder, "dist/lambda"));
    assert.equal(code, "CONFIG_NOT_FOUND");
    assert.equal(message, `there is no ${join(folder, "dist/lambda/deployment.json")}.`);
    assert.match(fix, /^Run coldframe build, .*dist\/lambda/);
    assert.throws(() => ModelFunction.nameOf(folder), { code: "CONFIG_NOT_FOUND" });
  });

  test("of a server: says to build for Lambda", () => {
    const { code, message, fix } = refusal(artifactOf(deploymentOf(PLAIN, "server")));
    assert.equal(code, "CONFIG_INVALID");
    assert.match(message, /deployment\.json is of the target "server"; a function's is "lambda"\.$/);
    assert.match(fix, /coldframe build --target lambda/);
  });

  test("of another version: names both", () => {
    for (const [version, found] of [
      ["0.0.1", '"0.0.1"'],
      [undefined, "undefined"],
    ]) {
      const { code, message, fix } = refusal(artifactOf({ ...facts, coldframe_version: version }));
      assert.equal(code, "CONFIG_INVALID");
      assert.ok(message.endsWith(`is of coldframe ${found}, and this is ${coldframeVersion()}.`), message);
      assert.match(fix, /coldframe build again/);
    }
  });

  test("whose deployment.json is cut off, or is a folder: says which file", () => {
    const { code, message, fix } = refusal(artifactOf('{ "coldframe_version": '));
    assert.equal(code, "CONFIG_INVALID");
    assert.match(message, /deployment\.json cannot be read: .*JSON/);
    assert.match(fix, /coldframe build again/);

    const folder = makeFolder();
    mkdirSync(join(folder, "deployment.json"));
    assert.match(refusal(folder).message, /deployment\.json cannot be read: EISDIR/);
  });

  test("whose deployment.json is no object: says which file", () => {
    for (const text of ["null", "[]", "7"]) {
      const { code, message } = refusal(artifactOf(text));
      assert.equal(code, "CONFIG_INVALID");
      assert.match(message, /deployment\.json/);
    }
  });

  test("without its zip: says so, and that an image needs none", () => {
    const artifact = artifactOf(facts);
    rmSync(`${artifact}.zip`);
    const { code, message, fix } = refusal(artifact);
    assert.deepEqual([code, message], ["CONFIG_NOT_FOUND", `there is no ${artifact}.zip.`]);
    assert.match(fix, /image/);
  });

  test("is found from the working directory, with a slash behind it or not", () => {
    const artifact = relative(process.cwd(), artifactOf(facts));
    for (const path of [artifact, `${artifact}/`, `./${artifact}`]) {
      new ModelFunction(new Stack(makeApp(), "Stack"), "Model", { artifact: path });
      assert.equal(ModelFunction.nameOf(path), "plain");
    }
  });
});

describe("switches", () => {
  const GPU = `resources: { use_gpu: true }
serverless: { architecture: x86_64, managed_instances: { accelerator_memory_gib: 3 } }
`;
  const cases: Readonly<Record<string, readonly [string, Switches, RegExp, RegExp]>> = {
    "a public URL without a bound": [
      PLAIN,
      { urlAuth: "NONE" },
      /^urlAuth is "NONE", and reservedConcurrency is not set/,
      /^Set reservedConcurrency .* or urlAuth to "AWS_IAM"\.$/,
    ],
    "a public URL whose bound was taken away": [
      `${PLAIN}serverless: { url: { auth: none } }\n`,
      { reservedConcurrency: 0 },
      /reservedConcurrency is not set/,
      /Set reservedConcurrency/,
    ],
    "more kept ready than may run": [
      PLAIN,
      { reservedConcurrency: 2, provisionedConcurrency: 3 },
      /^found provisionedConcurrency 3, allowed at most reservedConcurrency, 2\.$/,
      /Raise reservedConcurrency/,
    ],
    "less for the function than for its queue": [
      FULL,
      { reservedConcurrency: 4 },
      /^found reservedConcurrency 4, allowed at least what the queue may use, 10: /,
      /Raise reservedConcurrency, or set serverless\.sqs\.max_concurrency/,
    ],
    "everybody, as who may call with signed requests": [
      PLAIN,
      { invoker: "*" },
      /^found invoker "\*", allowed an account id of 12 digits/,
      /Set invoker/,
    ],
    "the alias of a key": [
      PLAIN,
      { weightsKeyArn: "arn:aws:kms:eu-west-1:123456789012:alias/weights" },
      /not of an alias\.$/,
      /Set weightsKeyArn/,
    ],
    "a public URL with less than no bound": [
      PLAIN,
      { urlAuth: "NONE", reservedConcurrency: -1 },
      /^found reservedConcurrency -1, allowed 0 or more\.$/,
      /Set reservedConcurrency/,
    ],
    "a bucket of a model that reads none": [
      PLAIN,
      { weightsBucket: "create" },
      /^weightsBucket is "create", and no weights/,
      /s3:\/\/bucket\/prefix\//,
    ],
    "managed instances without a network": [GPU, {}, /need a VPC, and vpc is not set/, /new ec2\.Vpc/],
    "a GPU without an image": [GPU, { vpc: vpc() }, /container images alone/, /DockerImageCode/],
    "managed instances with a bound of another kind": [
      "serverless: { managed_instances: {} }\n",
      { vpc: vpc(), provisionedConcurrency: 1 },
      /have neither reservedConcurrency nor provisionedConcurrency/,
      /min_environments and max_environments/,
    ],
  };

  for (const [name, [config, switches, message, fix]] of Object.entries(cases)) {
    test(name, () => {
      assert.throws(() => makeModel(config, switches), { code: "CONFIG_INVALID", message, fix });
    });
  }

  test("that contradict nothing are taken: a public URL that is not there, one on managed instances", () => {
    process.env["CDK_VALIDATION"] = "false";
    makeModel(FULL, { functionUrl: false, urlAuth: "NONE", reservedConcurrency: 0 });
    makeModel("serverless: { managed_instances: {}, url: { auth: none } }\n", { vpc: vpc() });
  });
});
