// A whole build: what lies in the artifact, that it is the same bytes anywhere, that it runs, and that a build which
// fails or runs beside another one leaves a sound artifact.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type BuildReport, build, createIncrementalBuild } from "../../adapter/build/build.ts";
import { stage } from "../../adapter/build/staging.ts";
import {
  type Files,
  makeFolder,
  makeProject,
  PLAIN_MODEL,
  refusal,
  withPackages,
  writeFiles,
} from "./_project.ts";

const REPOSITORY = resolve(import.meta.dirname, "../..");
const HELLO = join(REPOSITORY, "test/fixtures/projects/hello");

/** A copy of the fixture, `depth` folders deep. */
function hello(depth = 0): string {
  const project = join(makeFolder(), ...Array.from({ length: depth }, (_, i) => `deep-${i}`), "hello");
  cpSync(HELLO, project, { recursive: true, filter: (path) => !/\/(dist|\.coldframe)(\/|$)/.test(path) });
  return withPackages(project);
}

const readText = (report: BuildReport, path: string) => readFileSync(join(report.directory, path), "utf8");

/** What the built function answers to a direct event. */
function invoke({ directory }: BuildReport, event: unknown): unknown {
  const program = `const { buffered } = await import(${JSON.stringify(join(directory, "index.mjs"))});
    const context = { awsRequestId: "id", getRemainingTimeInMillis: () => 10_000 };
    process.stderr.write(JSON.stringify(await buffered(${JSON.stringify(event)}, context)));
    process.exit(0);`;
  const child = [
    "-c",
    '"$0" --expose-gc --input-type=module -e "$1" 2>&1 >/dev/null',
    process.execPath,
    program,
  ];
  return JSON.parse(execFileSync("sh", child, { encoding: "utf8" }));
}

describe("an artifact", () => {
  test("holds what Lambda needs and says so", async () => {
    const steps: string[] = [];
    const project = hello();
    writeFiles(project, { "data/words.txt": "hello" });
    const report = await build({ project, onStep: (step) => steps.push(step) });
    assert.deepEqual(steps, [
      "read config.yaml",
      "bundle model/model.ts",
      "copy addons and data",
      "inspect the model",
      "zip",
    ]);
    assert.equal(report.directory, join(project, "dist/lambda"));
    const names = readdirSync(report.directory).map((name) =>
      name.replace(/-[\d.]+\.cjs$/, "-<version>.cjs"),
    );
    assert.deepEqual(names.toSorted(), [
      "bundle.cjs",
      "bundle.cjs.cache",
      "bundle.cjs.map",
      "data",
      "deployment.json",
      "index.mjs",
      "json-schema-zod-<version>.cjs",
      "late.cjs",
      "openapi.json",
      "schema.json",
    ]);
    const sizes = readdirSync(report.directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name)).length);
    assert.equal(
      report.unzippedBytes,
      sizes.reduce((sum, bytes) => sum + bytes, 0),
    );
    assert.deepEqual(JSON.parse(readText(report, "deployment.json")), {
      coldframe_version: JSON.parse(readFileSync(join(REPOSITORY, "package.json"), "utf8")).version,
      model_name: "hello",
      name: "hello",
      description: "Greets, word by word.",
      target: "lambda",
      runtime: "nodejs24.x",
      node_major: 24,
      architecture: "x86_64",
      handler: "index.stream",
      handlers: { stream: "index.stream", buffered: "index.buffered" },
      memory_mb: 1769,
      timeout_seconds: 30,
      ephemeral_storage_mb: 512,
      environment: {},
      secrets: [],
      events: ["function-url", "direct"],
      event_sources: {},
      switches: { function_url: "true", url_auth: "AWS_IAM", queue: "false" },
      function_url: { auth_type: "AWS_IAM", invoke_mode: "RESPONSE_STREAM", cors: null },
      queue: {
        actions: ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
        function_response_types: ["ReportBatchItemFailures"],
        batch_size: 1,
        max_concurrency: 10,
        visibility_timeout_seconds: 180,
        max_receive_count: 5,
      },
      concurrency: { reserved: 0, provisioned: 0 },
      managed_instances: null,
      secret_environment: {},
      iam: [],
      weights_bucket: null,
      alarms: {
        period_seconds: 300,
        errors: 1,
        throttles: 1,
        duration_ms: 24_000,
        url_5xx: 1,
        dead_letters: 1,
      },
      tracing: "PassThrough",
      logging: { log_format: "JSON", application_log_level: "INFO" },
      predict_concurrency: 1,
      weights: [],
      weights_bytes: 0,
      data_bytes: 5,
      unzipped_bytes: report.unzippedBytes,
      code_cache: { node_version: process.arch === "x64" ? process.versions.node : null },
    });
    assert.equal(report.zip?.bytes, readFileSync(join(project, "dist/lambda.zip")).length);
    assert.deepEqual(readdirSync(join(project, "dist")).toSorted(), ["lambda", "lambda.zip"]);
    execFileSync("unzip", ["-tq", join(project, "dist/lambda.zip")]);
  });

  test("answers, and describes its input", async () => {
    const report = await build({ project: hello(), zip: false });
    assert.equal(invoke(report, { name: "Ada", times: 2 }), "Hello, Ada! (1)\nHello, Ada! (2)\n");
    const schema = JSON.parse(readText(report, "schema.json"));
    assert.deepEqual(schema.input_schema.required, ["name"]);
    assert.equal(schema.supports_streaming, true);
    assert.equal(JSON.parse(readText(report, "openapi.json")).info.title, "hello");
  });

  test("writes secrets by name and variable, never by value, and settings in their places", async () => {
    const config = `model_name: quiet
secrets:
  hf-token: null
  greeting: hunter2
environment_variables:
  LEVEL: 3
runtime:
  enable_debug_logs: true
serverless:
  url:
    auth: none
    invoke_mode: buffered
`;
    const report = await build({ project: makeProject({ "config.yaml": config }), zip: false });
    const text = readText(report, "deployment.json");
    assert.doesNotMatch(text, /hunter2/);
    const deployment = JSON.parse(text);
    assert.deepEqual(deployment.secrets, [
      { name: "hf-token", variable: "COLDFRAME_SECRET_HF_TOKEN", has_default: false },
      { name: "greeting", variable: "COLDFRAME_SECRET_GREETING", has_default: true },
    ]);
    assert.deepEqual(deployment.environment, { COLDFRAME_LOG_LEVEL: "debug", LEVEL: "3" });
    assert.equal(deployment.handler, "index.buffered");
  });

  test("is the same bytes in another folder, on another day", async () => {
    for (const architecture of ["x86_64", "arm64"] as const) {
      const [one, two] = [
        await build({ project: hello(), architecture }),
        await build({ project: hello(3), architecture }),
      ];
      for (const { path } of one.largest) {
        assert.deepEqual(
          readFileSync(join(one.directory, path)),
          readFileSync(join(two.directory, path)),
          path,
        );
      }
      assert.deepEqual(readFileSync(one.zip?.path ?? ""), readFileSync(two.zip?.path ?? ""));
    }
  });

  test("holds no path of this machine", async () => {
    const report = await build({ project: hello(), zip: false });
    for (const { path } of report.largest) {
      const bytes = readFileSync(join(report.directory, path));
      for (const place of ["coldframe-test-", REPOSITORY])
        assert.ok(!bytes.includes(place), `${path} has ${place}`);
    }
  });
});

describe("a model may", () => {
  const answers = async (files: Files) =>
    invoke(await build({ project: makeProject(files), zip: false }), {});

  test("ask where it is: import.meta and __dirname agree", async () => {
    const model = `import { existsSync } from "node:fs";
export default class Model {
  predict() {
    const here = new URL("./data/word.txt", import.meta.url);
    return [existsSync(here), import.meta.dirname === __dirname, import.meta.filename === __filename, import.meta.filename.endsWith("/bundle.cjs")];
  }
}\n`;
    assert.deepEqual(await answers({ "model/model.ts": model, "data/word.txt": "" }), [
      true,
      true,
      true,
      true,
    ]);
  });

  test("use a package that is ESM only, a JSON file, an import() and its own TypeScript", async () => {
    assert.deepEqual(
      await answers({
        "node_modules/modern/package.json":
          '{"name":"modern","type":"module","exports":{"import":"./index.js"}}',
        "node_modules/modern/index.js": "export const modern = true;\n",
        "model/labels.json": '["a","b"]',
        "model/later.ts": "export enum Later { Now = 7 }\n",
        "model/model.ts": `import { modern } from "modern";
import labels from "./labels.json" with { type: "json" };
export default class Model {
  async predict() { return [modern, labels, (await import("./later.ts")).Later.Now]; }
}\n`,
      }),
      [true, ["a", "b"], 7],
    );
  });

  test("be JavaScript, in another folder, under another name", async () => {
    const project = makeProject({
      "config.yaml": "model_module_dir: src\nmodel_class_filename: net.js\nmodel_class_name: Net\n",
      "src/net.js": "export class Net { predict() { return 1; } }\n",
    });
    assert.equal(invoke(await build({ project, zip: false }), {}), 1);
  });

  test("run onnxruntime-node from the artifact", {
    skip: process.arch !== "x64" || process.platform !== "linux",
  }, async () => {
    const model = `import { Tensor, listSupportedBackends } from "onnxruntime-node";
export default class Model { predict() { return [new Tensor("float32", [1, 2], [2]).dims, listSupportedBackends()[0].name]; } }\n`;
    const project = withPackages(makeProject({ "model/model.ts": model }));
    assert.deepEqual(invoke(await build({ project, zip: false }), {}), [[2], "cpu"]);
  });
});

describe("the last artifact stays", () => {
  const failures: [name: string, files: Files, code: string][] = [
    ["a broken config", { "config.yaml": "memroy: 1\n" }, "CONFIG_UNKNOWN_KEY"],
    ["a bundle that fails", { "model/model.ts": "export default class {" }, "BUNDLE_FAILED"],
    ["a model without predict", { "model/model.ts": "export default class Model {}\n" }, "MODEL_NO_PREDICT"],
  ];
  for (const [name, files, code] of failures) {
    test(`after ${name}`, async () => {
      const project = makeProject();
      const { directory, zip } = await build({ project });
      const before = [readdirSync(directory), readFileSync(zip?.path ?? "")];
      writeFiles(project, files);
      assert.equal((await refusal(() => build({ project }))).code, code);
      assert.deepEqual([readdirSync(directory), readFileSync(zip?.path ?? "")], before);
      assert.deepEqual(readdirSync(join(project, "dist")).toSorted(), ["lambda", "lambda.zip"]);
    });
  }

  test("after one that is too large, whose largest files are named", async () => {
    const project = makeProject();
    const { directory } = await build({ project });
    writeFiles(project, { "data/net.onnx": "", "data/labels.json": "[]" });
    truncateSync(join(project, "data/net.onnx"), 262_144_000);
    const error = await refusal(() => build({ project }));
    assert.equal(error.code, "ARTIFACT_TOO_LARGE");
    assert.match(
      error.message,
      /^the artifact has 250\.\d MB unzipped, allowed 250\.0 MB; the largest files:\n {3}250\.0 MB {2}data\/net\.onnx\n[^]*bundle\.cjs/,
    );
    assert.match(error.fix ?? "", /quantised/);
    assert.ok(!existsSync(join(directory, "data/net.onnx")));
  });
});

/** onnxruntime's library and a model of 1 MB; what a change of the pruning or of zip.ts would show in first. */
const SCRIBE_LIMITS_BYTES = { x86_64: 20_000_000, arm64: 12_500_000 } as const;

test("the zip of scribe stays within its limits", async () => {
  for (const [architecture, limit] of Object.entries(SCRIBE_LIMITS_BYTES) as ["x86_64" | "arm64", number][]) {
    const outDir = makeFolder();
    const { zip } = await build({ project: join(REPOSITORY, "examples/scribe"), outDir, architecture });
    assert.ok(
      zip !== undefined && zip.bytes > 10_000_000 && zip.bytes < limit,
      `${architecture}: ${zip?.bytes}`,
    );
  }
});

test("a zip too large to upload directly is a warning", async () => {
  const project = makeProject({ "data/noise.bin": randomBytes(51 * 2 ** 20) });
  const { warnings } = await build({ project, codeCache: false });
  assert.match(
    warnings.join(),
    /^lambda\.zip has 51\.\d MB, allowed for a direct upload 50 MB; upload it through S3\.$/,
  );
});

test("two builds at once leave one of them, whole, with its templates", async () => {
  const project = makeProject({
    "data/a.bin": randomBytes(2 ** 20),
    "infra/sam/template.yaml": "cpu: !Deployment architecture\n",
  });
  await Promise.all(
    (["x86_64", "arm64", "x86_64", "arm64"] as const).map((architecture) => build({ project, architecture })),
  );
  const dist = join(project, "dist");
  assert.deepEqual(readdirSync(dist).toSorted(), ["infra", "lambda", "lambda.zip"]);
  execFileSync("unzip", ["-q", join(dist, "lambda.zip"), "-d", join(dist, "unzipped")]);
  execFileSync("diff", ["-r", join(dist, "lambda"), join(dist, "unzipped")]);
  const { architecture } = JSON.parse(readFileSync(join(dist, "lambda/deployment.json"), "utf8"));
  assert.match(
    readFileSync(join(dist, "infra/sam/template.yaml"), "utf8"),
    new RegExp(`^cpu: ${architecture}$`, "m"),
  );
});

test("what belongs to an artifact is written before another takes its place", async () => {
  const outDir = join(makeFolder(), "dist");
  const [first, second] = [await stage(outDir, "server"), await stage(outDir, "server")];
  const happened: string[] = [];
  await first.swapIn(async () => {
    void second.swapIn(async () => void happened.push("second"));
    await sleep(100);
    happened.push("first");
  });
  while (happened.length < 2) await sleep(5);
  assert.deepEqual(happened, ["first", "second"]);
});

test("what a killed build left is removed after an hour, and its lock is not waited for", async () => {
  const project = makeProject({
    "dist/.lambda-old/lambda/x": "",
    "dist/.lambda-new/lambda/x": "",
    "dist/.lock-lambda/x": "",
  });
  rmSync(join(project, "dist/.lock-lambda/x"));
  for (const name of [".lambda-old", ".lock-lambda"]) utimesSync(join(project, "dist", name), 1, 1);
  await build({ project });
  assert.deepEqual(readdirSync(join(project, "dist")).toSorted(), [".lambda-new", "lambda", "lambda.zip"]);
});

test("files are readable by Lambda's user, whatever they were", async () => {
  const project = makeProject({ "data/a.txt": "" });
  chmodSync(join(project, "data/a.txt"), 0o600);
  const { directory } = await build({ project, zip: false });
  assert.equal(statSync(join(directory, "data/a.txt")).mode & 0o777, 0o644);
});

test("a folder called lambda that is not ours is not replaced", async () => {
  const project = makeProject({ "dist/lambda/thesis.txt": "" });
  const error = await refusal(() => build({ project }));
  assert.equal(
    error.message,
    `${join(project, "dist/lambda")} is not an artifact of coldframe, and the build would replace it.`,
  );
  assert.ok(existsSync(join(project, "dist/lambda/thesis.txt")));
});

test("a build without a zip removes the last one, which would not match", async () => {
  const project = makeProject();
  await build({ project });
  const { zip } = await build({ project, zip: false });
  assert.equal(zip, undefined);
  assert.ok(!existsSync(join(project, "dist/lambda.zip")));
});

describe("an incremental build", () => {
  /** Generous: on an idle machine it takes a third of it. */
  const REBUILD_LIMIT_MS = 300;

  test("follows the model, config.yaml and data, each time in well under a second", async (t) => {
    const project = hello();
    const incremental = await createIncrementalBuild({ project });
    t.after(() => incremental.dispose());
    const first = await incremental.rebuild();
    assert.equal(first.directory, join(project, ".coldframe/dev/lambda"), "dist/ stays as it was deployed");
    assert.equal(first.codeCache, "absent");
    assert.deepEqual(
      first.inputs.filter((input) => input.startsWith(project)),
      ["config.yaml", "data", "examples.yaml", "model/model.ts"].map((path) => join(project, path)),
    );

    writeFiles(project, { "model/words.ts": "export const word = 'Bye';\n", "data/a.txt": "a" });
    writeFiles(project, {
      "model/model.ts":
        'import { word } from "./words.ts";\nexport default class Model { predict() { return word; } }\n',
    });
    const second = await incremental.rebuild();
    assert.ok(second.milliseconds < REBUILD_LIMIT_MS, `${second.milliseconds} ms`);
    assert.ok(second.inputs.includes(join(project, "model/words.ts")));
    assert.equal(readText(second, "data/a.txt"), "a");
    assert.equal(invoke(second, {}), "Bye");

    writeFileSync(
      join(project, "config.yaml"),
      "model_name: other\nserverless:\n  architecture: arm64\n  events: [direct]\n",
    );
    const third = await incremental.rebuild();
    assert.equal(third.architecture, "arm64");
    assert.equal(JSON.parse(readText(third, "deployment.json")).model_name, "other");
  });

  test("goes on after a mistake", async (t) => {
    const project = makeProject();
    const incremental = await createIncrementalBuild({ project });
    t.after(() => incremental.dispose());
    await incremental.rebuild();
    writeFiles(project, { "model/model.ts": "export default class {" });
    assert.equal((await refusal(() => incremental.rebuild())).code, "BUNDLE_FAILED");
    writeFiles(project, { "model/model.ts": PLAIN_MODEL });
    assert.deepEqual((await incremental.rebuild()).warnings, []);
  });
});

test("the published package builds too, from dist/ inside node_modules", async () => {
  const project = hello();
  const coldframe = join(makeFolder(), "node_modules/coldframe");
  mkdirSync(coldframe, { recursive: true });
  cpSync(join(REPOSITORY, "package.json"), join(coldframe, "package.json"));
  symlinkSync(join(REPOSITORY, "node_modules"), join(coldframe, "node_modules"));
  const tsc = join(REPOSITORY, "node_modules/.bin/tsc");
  execFileSync(tsc, ["-p", join(REPOSITORY, "tsconfig.build.json"), "--outDir", join(coldframe, "dist")]);
  const program = `const { build } = await import(${JSON.stringify(join(coldframe, "dist/adapter/build/build.js"))});
    console.log(JSON.stringify(await build({ project: ${JSON.stringify(project)} })));`;
  const report = JSON.parse(
    execFileSync(process.execPath, ["--no-strip-types", "--input-type=module", "-e", program], {
      encoding: "utf8",
    }),
  ) as BuildReport;
  assert.equal(report.codeCache, "made");
  assert.deepEqual(report.warnings, []);
  assert.equal(invoke(report, { name: "Ada", times: 1 }), "Hello, Ada! (1)\n");
  assert.ok(
    (JSON.parse(readText(report, "bundle.cjs.map")) as { sources: string[] }).sources.includes(
      "adapter/runtime/routes.js",
    ),
  );
});
