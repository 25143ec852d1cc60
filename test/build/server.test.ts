// What `--target server` makes: an artifact that `node` starts, with everything that Lambda leaves out and nothing that
// only Lambda has a use for.

import assert from "node:assert/strict";
import { readdirSync, readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type BuildReport, build, type BuildOptions } from "../../adapter/build/build.ts";
import { readConfig } from "../../adapter/build/config.ts";
import { targetNames } from "../../adapter/build/runtime-files.ts";
import { elf, type Files, makeProject, refusal } from "./_project.ts";

const HOST = process.arch === "arm64" ? "arm64" : "x86_64";

const buildIt = (project: string, options: Partial<BuildOptions> = {}): Promise<BuildReport> =>
  build({ project, target: "server", architecture: HOST, ...options });

const deploymentOf = ({ directory }: BuildReport) =>
  JSON.parse(readFileSync(join(directory, "deployment.json"), "utf8"));

test("the targets are the files of runtime/targets", () => {
  assert.deepEqual(targetNames(), ["lambda", "server"]);
});

describe("the artifact", () => {
  test("lies in dist/server, beside that for Lambda", async () => {
    const project = makeProject({ "data/words.txt": "a" });
    const [server] = await Promise.all([buildIt(project), build({ project, architecture: HOST })]);
    assert.equal(server.directory, join(project, "dist/server"));
    assert.deepEqual(readdirSync(join(project, "dist")).toSorted(), ["lambda", "lambda.zip", "server"]);
    assert.deepEqual(readdirSync(server.directory).toSorted(), [
      "bundle.cjs",
      "bundle.cjs.map",
      "data",
      "deployment.json",
      "index.js",
      "index.mjs",
      "openapi.json",
      "schema.json",
    ]);
    // Each was bundled from an entry of its own.
    const bundled = (target: string) => readFileSync(join(project, "dist", target, "bundle.cjs"), "latin1");
    assert.match(bundled("server"), /AWS_LAMBDA_HTTP_ENDPOINT/);
    assert.doesNotMatch(bundled("lambda"), /AWS_LAMBDA_HTTP_ENDPOINT/);
  });

  test("says how it is deployed", async () => {
    const files: Files = {
      "config.yaml": [
        "model_name: big",
        "resources: { use_gpu: true, memory: 80Gi, cpu: 16 }",
        "runtime: { predict_concurrency: 4 }",
        "server: { max_queue: 8, max_body_mb: 100, shutdown_grace_seconds: 60 }",
      ].join("\n"),
    };
    const report = await buildIt(makeProject(files));
    assert.partialDeepStrictEqual(deploymentOf(report), {
      model_name: "big",
      target: "server",
      architecture: HOST,
      entry: "index.mjs",
      port: 8080,
      predict_concurrency: 4,
      max_queue: 8,
      max_body_mb: 100,
      request_timeout_seconds: null,
      shutdown_grace_seconds: 60,
      cpu: "16",
      memory: "80Gi",
      gpu: { accelerator: null, count: 1 },
      concurrency: 4,
      termination_grace_seconds: 60,
    });
    const bytes = readdirSync(report.directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .reduce((sum, entry) => sum + readFileSync(join(entry.parentPath, entry.name)).length, 0);
    assert.equal(deploymentOf(report).unzipped_bytes, bytes);
    assert.deepEqual(report.warnings, []);
  });

  test("may be larger than Lambda takes", async () => {
    const project = makeProject({ "data/net.bin": "" });
    truncateSync(join(project, "data/net.bin"), 300_000_000);
    assert.equal((await refusal(() => build({ project, architecture: HOST }))).code, "ARTIFACT_TOO_LARGE");
    assert.ok((await buildIt(project)).unzippedBytes > 300_000_000);
  });

  test("keeps what drives a GPU, and takes any glibc", async () => {
    const cpu = HOST === "arm64" ? "arm64" : "x64";
    const folder = "node_modules/net-runner";
    const project = makeProject({
      "model/model.ts":
        'import * as net from "net-runner";\nexport default class Model { predict() { return net; } }\n',
      [`${folder}/package.json`]: '{"name":"net-runner","version":"1.0.0","main":"index.js"}',
      [`${folder}/index.js`]: "module.exports = {};\n",
      [`${folder}/linux/${cpu}/binding.node`]: elf(cpu, "GLIBC_2.38"),
      [`${folder}/linux/${cpu}/libproviders_cuda.so`]: elf(cpu),
      [`${folder}/win32/${cpu}/binding.node`]: "MZ",
    });
    const { directory } = await buildIt(project);
    assert.deepEqual(readdirSync(join(directory, folder, "linux", cpu)).toSorted(), [
      "binding.node",
      "libproviders_cuda.so",
    ]);
    assert.ok(!readdirSync(join(directory, folder)).includes("win32"));
    const refused = await refusal(() => build({ project, architecture: HOST }));
    assert.match(refused.message, /needs glibc 2\.38, Lambda has 2\.34/);
  });
});

describe("config.yaml", () => {
  const read = (text: string, target: "lambda" | "server" = "server") =>
    readConfig(makeProject({ "config.yaml": text }), target);

  test("has defaults for the server", () => {
    const { config, settings } = read("model_name: a\n");
    assert.deepEqual(config.server, { max_queue: 100, max_body_mb: 32, exit_on_failed_load: true });
    assert.equal(settings.maxQueue, 100);
  });

  test("of a function has no queue of its own", () => {
    assert.equal(read("server:\n  max_queue: 3\n", "lambda").settings.maxQueue, undefined);
  });

  const refusals: [text: string, message: string][] = [
    ["server:\n  max_queue: -1", "config.yaml:2: server.max_queue: found -1, allowed 0 to 100000"],
    ["server:\n  max_body_mb: 0", "config.yaml:2: server.max_body_mb: found 0, allowed 1 to 2048 MB"],
    [
      "server:\n  max_quee: 1",
      "config.yaml:2: server.max_quee: unknown key, did you mean max_queue? Valid here: max_queue, max_body_mb, request_timeout_seconds, shutdown_grace_seconds, exit_on_failed_load, image.",
    ],
  ];
  for (const [text, message] of refusals) {
    test(message, async () => assert.equal((await refusal(() => read(text))).message, message));
  }
});
