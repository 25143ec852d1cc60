// What config.yaml may say, and the exact words of every kind of refusal.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { readConfig } from "../../adapter/build/config.ts";
import { eventNames } from "../../adapter/build/runtime-files.ts";
import { TRUSS_KEYS } from "../../adapter/build/truss-keys.ts";
import { makeFolder, makeProject, refusal, writeFiles } from "./_project.ts";

const folder = makeFolder();

function read(text: string) {
  writeFileSync(join(folder, "config.yaml"), text);
  return readConfig(folder);
}

const EVENTS = eventNames();
const TOP =
  "model_name, description, model_metadata, environment_variables, secrets, data_dir, weights, external_data, model_cache, resources, runtime, model_module_dir, model_class_filename, model_class_name, examples_filename, serverless, server";

describe("a refusal", () => {
  const cases: [name: string, yaml: string, code: string, message: string][] = [
    [
      "a number out of range",
      "\nserverless:\n  memory: 64",
      "CONFIG_INVALID",
      "config.yaml:3: serverless.memory: found 64, allowed 128 to 10240 MB",
    ],
    [
      "a number as a text",
      'serverless:\n  timeout: "30"',
      "CONFIG_INVALID",
      'config.yaml:2: serverless.timeout: found "30" (a text), allowed 1 to 900 seconds',
    ],
    [
      "a fraction",
      "runtime:\n  predict_concurrency: 1.5",
      "CONFIG_INVALID",
      "config.yaml:2: runtime.predict_concurrency: found 1.5, allowed 1 to 1000",
    ],
    [
      "a boolean for a number",
      "serverless:\n  ephemeral_storage: true",
      "CONFIG_INVALID",
      "config.yaml:2: serverless.ephemeral_storage: found true (a boolean), allowed 512 to 10240 MB",
    ],
    [
      "a mapping for a text",
      "description: {a: 1}",
      "CONFIG_INVALID",
      "config.yaml:1: description: found a mapping, allowed a text",
    ],
    [
      "an unknown choice",
      "serverless:\n  runtime: nodejs20.x",
      "CONFIG_INVALID",
      'config.yaml:2: serverless.runtime: found "nodejs20.x", allowed nodejs22.x or nodejs24.x; did you mean nodejs22.x?',
    ],
    [
      "an unknown event source",
      "serverless:\n  events:\n    - direct\n    - functon-url",
      "CONFIG_INVALID",
      `config.yaml:4: serverless.events[1]: found "functon-url", allowed ${EVENTS.join(" or ")}; did you mean function-url?`,
    ],
    [
      "the same event source twice",
      "serverless:\n  events: [direct, direct]",
      "CONFIG_INVALID",
      `config.yaml:2: serverless.events: found [direct, direct], allowed a list, each once, of ${EVENTS.join(", ")}`,
    ],
    [
      "a misspelt key",
      "serverless:\n  memroy: 512",
      "CONFIG_UNKNOWN_KEY",
      "config.yaml:2: serverless.memroy: unknown key, did you mean memory? Valid here: runtime, architecture, memory, timeout, ephemeral_storage, events, url, concurrency, managed_instances, metrics_namespace, weights, sqs, s3.",
    ],
    [
      "a key of another section",
      "timeout: 30",
      "CONFIG_UNKNOWN_KEY",
      `config.yaml:1: timeout: unknown key, did you mean serverless.timeout? Valid here: ${TOP}.`,
    ],
    [
      "a key like no other",
      "colour: red",
      "CONFIG_UNKNOWN_KEY",
      `config.yaml:1: colour: unknown key. Valid here: ${TOP}.`,
    ],
    [
      "a Truss key",
      "requirements: [torch]",
      "CONFIG_INVALID",
      "config.yaml:1: requirements: remove it; npm dependencies belong in package.json and are bundled from there.",
    ],
    [
      "a GPU",
      "resources:\n  use_gpu: true",
      "CONFIG_INVALID",
      "config.yaml:2: resources.use_gpu: found true, allowed false: Lambda has GPUs on managed instances alone; set serverless.managed_instances.accelerator_memory_gib, or build with --target server.",
    ],
    [
      "memory by Truss's name",
      "resources:\n  memory: 20Gi",
      "CONFIG_INVALID",
      'config.yaml:2: resources.memory: found "20Gi" (20480 MB), allowed 128 to 10240 MB',
    ],
    [
      "a folder outside",
      "data_dir: ../other",
      "CONFIG_INVALID",
      "config.yaml:1: data_dir: found \"../other\", allowed a folder inside the project, relative and without '..'",
    ],
    [
      "a reserved variable",
      "environment_variables:\n  AWS_REGION: x",
      "CONFIG_INVALID",
      "config.yaml:2: environment_variables.AWS_REGION: is set by Lambda itself and cannot be changed; remove it.",
    ],
    [
      "a secret in the open",
      "environment_variables:\n  COLDFRAME_SECRET_A: x",
      "CONFIG_INVALID",
      "config.yaml:2: environment_variables.COLDFRAME_SECRET_A: would put a secret in the configuration; declare it under secrets and set the variable on the function.",
    ],
    [
      "too many variables",
      `environment_variables:\n  BIG: ${"x".repeat(4094)}`,
      "CONFIG_INVALID",
      "config.yaml:1: environment_variables: found 4097 bytes of names and values, allowed 4096; put large values in data/.",
    ],
    [
      "two secrets, one variable",
      "secrets:\n  hf-token: null\n  hf_token: null",
      "CONFIG_INVALID",
      'config.yaml:3: secrets.hf_token: reads COLDFRAME_SECRET_HF_TOKEN, as "hf-token" does; rename one.',
    ],
    [
      "a secret's name",
      "secrets:\n  hf token: null",
      "CONFIG_INVALID",
      "config.yaml:2: secrets.hf token: found the name \"hf token\", allowed a name of letters, digits, '_', '.' and '-'",
    ],
    [
      "a key given twice",
      "data_dir: a\ndata_dir: b",
      "CONFIG_INVALID",
      "config.yaml:2:1: data_dir: found twice, allowed once",
    ],
    [
      "broken YAML",
      "a: [1\nb: 2",
      "CONFIG_INVALID",
      "config.yaml:2:1: Flow sequence in block collection must be sufficiently indented and end with a ]",
    ],
    ["a list for the whole file", "- a", "CONFIG_INVALID", "config.yaml:1: found a list, allowed a mapping"],
    [
      "through an alias",
      "model_metadata: {m: &m 64}\nserverless:\n  memory: *m",
      "CONFIG_INVALID",
      "config.yaml:3: serverless.memory: found 64, allowed 128 to 10240 MB",
    ],
  ];
  for (const [name, yaml, code, message] of cases) {
    test(`of ${name}`, async () => {
      const error = await refusal(() => read(yaml));
      assert.equal(error.message, message);
      assert.equal(error.code, code);
    });
  }

  test("tells all problems at once, in the order of the file", async () => {
    const error = await refusal(() =>
      read("serverless:\n  memory: 64\n  memroy: 1\npython_version: py311\nresources:\n  accelerator: T4\n"),
    );
    assert.deepEqual(
      error.issues?.map((issue) => issue.path),
      ["serverless.memory", "serverless.memroy", "python_version", "resources.accelerator"],
    );
    assert.equal(error.message.split("\n").length, 5);
    assert.match(
      error.message,
      /^config\.yaml has 4 problems:\n {2}config\.yaml:2: serverless\.memory: found 64/,
    );
  });

  test("never shows the value of a secret", async () => {
    const error = await refusal(() => read("secrets:\n  token: [hunter2]\n  pin: 1234\n"));
    assert.doesNotMatch(error.message, /hunter2|1234/);
    assert.match(error.message, /config\.yaml:3: secrets\.pin: found a number, allowed a text/);
  });

  test("of each Truss key is one sentence with a way out", async () => {
    for (const [key, sentence] of TRUSS_KEYS) {
      const [first = "", second] = key.split(".");
      const yaml = second === undefined ? `${first}: true` : `${first}:\n  ${second}: true`;
      const error = await refusal(() => read(yaml));
      assert.equal(error.message, `config.yaml:${second === undefined ? 1 : 2}: ${key}: ${sentence}`);
      assert.match(sentence, /^remove it; [^.]+(\.[a-z_\d/]+[^.]*)*\.$/);
    }
  });

  test("of PORT is the server's alone: every platform says there where it has to listen", async () => {
    const project = makeProject({ "config.yaml": "environment_variables: { PORT: 5432 }\n" });
    const error = await refusal(() => readConfig(project, "server"));
    assert.match(
      error.message,
      /^config\.yaml:1: environment_variables\.PORT: .*listen; give it another name, or .* --lambda\.$/,
    );
    assert.doesNotThrow(() => readConfig(project, "lambda"));
  });

  test("of a missing file names the one that is there", async () => {
    const project = writeFiles(makeFolder(), { "config.yml": "" });
    const error = await refusal(() => readConfig(project));
    assert.equal(error.code, "CONFIG_NOT_FOUND");
    assert.equal(error.message, `no config.yaml in ${project}, but config.yml.`);
    assert.equal(error.fix, "Rename config.yml to config.yaml.");
  });
});

describe("an accepted config", () => {
  test("has every default", () => {
    const { config, settings, modelFile, warnings } = readConfig(
      makeProject({ "config.yaml": "# nothing\n" }),
    );
    assert.match(config.model_name, /^coldframe-test-/);
    assert.deepEqual(config.serverless, {
      runtime: "nodejs24.x",
      architecture: "x86_64",
      memory: 1769,
      timeout: 60,
      ephemeral_storage: 512,
      events: ["function-url", "direct"],
      url: { auth: "iam", invoke_mode: "response_stream" },
      weights: { verify: "auto", verify_warm: "stat", connections: "auto", lock: true },
      sqs: {},
      s3: { input: "bytes", max_megabytes: 100 },
    });
    assert.deepEqual(settings, {
      modelName: config.model_name,
      className: "Model",
      predictConcurrency: 1,
      streamingReadTimeoutMs: 60_000,
      loadTimeoutMs: 1_800_000,
      secrets: {},
    });
    assert.equal(modelFile, "model/model.ts");
    assert.deepEqual(warnings, []);
  });

  test("takes the keys and habits of a Truss config", () => {
    const { config, warnings } = read(
      "model_name: a\nresources:\n  accelerator: null\n  use_gpu: false\n  cpu: '4'\n  memory: 2Gi\nsecrets:\n  hf_access_token: null\nenvironment_variables:\n  DEBUG: true\n  LEVEL: 3\nmodel_metadata:\n  tags: [x]\nexternal_data: []\n",
    );
    assert.equal(config.serverless.memory, 2048);
    assert.deepEqual(config.secrets, { hf_access_token: null });
    assert.deepEqual(config.environment_variables, { DEBUG: "true", LEVEL: "3" });
    assert.deepEqual(warnings, [
      "resources.cpu: Lambda gives CPU by memory; 4 cores need serverless.memory: 7076.",
    ]);
  });

  test("says so when somebody counts on streams that no event source takes", () => {
    const warningsOf = (serverless: string) => read(`serverless:\n${serverless}`).warnings;
    const streamed = "  url:\n    invoke_mode: response_stream\n";
    assert.deepEqual(warningsOf(`  events: [alb, sqs]\n${streamed}`), [
      "config.yaml:4: serverless.url.invoke_mode: found response_stream, but nothing streams to alb, sqs, so answers " +
        "are buffered; add one of api-gateway, direct, function-url to serverless.events, or remove the key.",
    ]);
    assert.deepEqual(warningsOf(`  events: [alb, direct]\n${streamed}`), []);
    assert.deepEqual(warningsOf("  events: [alb, sqs]\n"), []);
    assert.deepEqual(warningsOf("  events: [alb]\n  url:\n    invoke_mode: buffered\n"), []);
  });

  test("serverless.memory wins over resources.memory", () => {
    assert.equal(
      read("resources:\n  memory: 2Gi\nserverless:\n  memory: 512\n").config.serverless.memory,
      512,
    );
  });

  test("may have empty sections", () => {
    assert.equal(read("runtime:\nsecrets: {}\nserverless:\n  url:\n").config.serverless.url.auth, "iam");
  });
});
