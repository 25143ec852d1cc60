// The code cache is taken by a function under Lambda's flags, and loading the model at build time refuses wrong shapes
// without being brought down by what a model does at its top level.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type BuildReport, build } from "../../adapter/build/build.ts";
import { inspectBundle } from "../../adapter/build/code-cache.ts";
import { readConfig } from "../../adapter/build/config.ts";
import { makeProject, PLAIN_MODEL, refusal } from "./_project.ts";

/** Lambda's own start of Node, as public copies of its bootstrap show it. */
const LAMBDA_FLAGS = [
  "--expose-gc",
  "--max-http-header-size=81920",
  "--max-semi-space-size=32",
  "--max-old-space-size=512",
];

/** What the artifact's cold start says of its code cache. */
function codeCacheOf({ directory }: BuildReport, flags: readonly string[]): unknown {
  const program = `await import(${JSON.stringify(join(directory, "index.mjs"))}); process.exit(0);`;
  const log = execFileSync(process.execPath, [...flags, "--input-type=module", "-e", program], {
    encoding: "utf8",
  });
  const lines = log
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { message: string; code_cache?: string });
  return lines.find((line) => line.message === "cold start")?.code_cache;
}

const quickly = (model: string) => build({ project: makeProject({ "model/model.ts": model }), zip: false });

test("the cache is accepted with Lambda's flags and with none, but not with others that V8 hashes", async () => {
  const report = await quickly(PLAIN_MODEL);
  assert.equal(report.codeCache, "made");
  assert.deepEqual(report.warnings, []);
  assert.equal(codeCacheOf(report, LAMBDA_FLAGS), "accepted");
  assert.equal(codeCacheOf(report, ["--expose-gc", "--max-old-space-size=10240"]), "accepted");
  assert.equal(codeCacheOf(report, []), "accepted");
  assert.equal(codeCacheOf(report, ["--no-opt"]), "rejected", "or this test would prove nothing");
});

test("its bytes are the same every time", async () => {
  const [one, two] = [await quickly(PLAIN_MODEL), await quickly(PLAIN_MODEL)];
  const read = (report: BuildReport) => readFileSync(join(report.directory, "bundle.cjs.cache"));
  assert.deepEqual(read(one), read(two));
});

describe("no cache is made, and the report says why,", () => {
  test("for another processor", async () => {
    const project = makeProject();
    const architecture = process.arch === "x64" ? "arm64" : "x86_64";
    const report = await build({ project, architecture, zip: false });
    assert.equal(report.codeCache, "absent");
    assert.equal(report.architecture, architecture);
    assert.match(
      report.warnings.join(),
      /^no code cache: it is made on the function's processor, and this machine is/,
    );
    assert.ok(!existsSync(join(report.directory, "bundle.cjs.cache")));
    assert.ok(existsSync(join(report.directory, "schema.json")), "the model was still looked at");
  });

  test("for Node 22", async () => {
    const project = makeProject({ "config.yaml": "serverless:\n  runtime: nodejs22.x\n" });
    const report = await build({ project, zip: false });
    assert.equal(report.codeCache, "absent");
    assert.match(report.warnings.join(), /^no code cache: V8 of nodejs22\.x refuses it .*nodejs24\.x\.$/);
  });

  test("unless it was not wanted", async () => {
    const report = await build({ project: makeProject(), zip: false, codeCache: false });
    assert.equal(report.codeCache, "absent");
    assert.deepEqual(report.warnings, []);
  });
});

describe("loading the model", () => {
  const refused: [name: string, model: string, code: string, message: RegExp][] = [
    [
      "no class",
      "export const x = 1;\n",
      "MODEL_NOT_EXPORTED",
      /^model\/model\.ts exports "x", and no class named "Model"/,
    ],
    [
      "no predict",
      "export default class Model { load() {} }\n",
      "MODEL_NO_PREDICT",
      /has no predict method, only load/,
    ],
    [
      "a generator",
      "export default class Model { *load() {} predict() {} }\n",
      "MODEL_INVALID",
      /load is a generator/,
    ],
    [
      "a stream to postprocess",
      "export default class Model { *predict() {} postprocess() {} }\n",
      "MODEL_INVALID",
      /predict streams/,
    ],
    [
      "a schema that is none",
      "export default class Model { static input = {}; predict() {} }\n",
      "MODEL_INVALID",
      /static input is an object, not a Standard Schema/,
    ],
  ];
  for (const [name, model, code, message] of refused) {
    test(`refuses ${name}`, async () => {
      const error = await refusal(() => quickly(model));
      assert.equal(error.code, code);
      assert.match(error.message, message);
    });
  }

  test("lets through a predict that is a field, and what answers a vendor's clients in its place", async () => {
    for (const member of [
      "predict = async () => 1;",
      "async *chatCompletions() {}",
      "embeddings() {}",
      "messages = async () => 1;",
    ]) {
      assert.deepEqual((await quickly(`export default class Model { ${member} }\n`)).warnings, []);
    }
  });

  test("warns of what the top level throws, with its place, and keeps the cache", async () => {
    const report = await quickly(
      `const key = process.env.API_KEY;\nif (!key) throw new Error("no key\\nat all");\n${PLAIN_MODEL}`,
    );
    assert.deepEqual(report.warnings, [
      "model/model.ts threw while being loaded at build time: Error: no key (model/model.ts:2); it will be loaded again at the cold start.",
    ]);
    assert.equal(report.codeCache, "made");
  });

  test("sees the environment of config.yaml", async () => {
    const project = makeProject({
      "config.yaml": "environment_variables:\n  API_KEY: k\n",
      "model/model.ts": `if (process.env.API_KEY !== "k") throw new Error("no key");\n${PLAIN_MODEL}`,
    });
    assert.deepEqual((await build({ project, zip: false })).warnings, []);
  });

  test("survives a model that ends the process, prints, or leaves a timer", async () => {
    const report = await quickly(`process.exit(3);\n${PLAIN_MODEL}`);
    assert.deepEqual(report.warnings, [
      "model/model.ts ended the process that loaded it with exit code 3; its shape is unchecked and there is no code cache.",
    ]);
    assert.equal(report.codeCache, "absent");
    const busy = await quickly(`console.log("hello"); setInterval(() => {}, 1000);\n${PLAIN_MODEL}`);
    assert.equal(busy.codeCache, "made");
  });

  test("is cut off when it does not end", async () => {
    const model = `if (process.env.ENDLESS) for (;;);\n${PLAIN_MODEL}`;
    const project = makeProject({ "model/model.ts": model });
    const { directory } = await build({ project, zip: false });
    process.env["ENDLESS"] = "1";
    const cpu = process.arch === "arm64" ? "arm64" : "x64";
    const inspection = await inspectBundle(directory, readConfig(project), cpu, true, 500);
    delete process.env["ENDLESS"];
    assert.deepEqual(inspection.warnings, [
      "model/model.ts was still loading after 0.5 s; its shape is unchecked and there is no code cache.",
    ]);
    assert.equal(inspection.cachedBy, undefined);
    assert.ok(!existsSync(join(directory, "bundle.cjs.cache")), "half a cache is none");
  });
});
