import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { coldframe, projectCopy } from "./_command.ts";

const HOST = process.arch === "arm64" ? "arm64" : "x86_64";

test("build says what it made, on standard output", async (t) => {
  const project = projectCopy(t, "parrot");
  const { status, stdout, stderr } = await coldframe(["build", project, "--arch", HOST]);
  assert.deepEqual([status, stderr], [0, ""]);
  assert.match(stdout, new RegExp(`^artifact +${project}/dist/lambda\nzip +.*lambda\\.zip  [\\d.]+ KB\n`));
  assert.match(stdout, new RegExp(`^architecture +${HOST}\ncode cache +made\nbuilt in +\\d`, "m"));
  assert.ok(existsSync(join(project, "dist/lambda/index.mjs")));
});

test("build --json is the report; --arch wins over config.yaml", async (t) => {
  const project = projectCopy(t, "parrot");
  const { status, stdout } = await coldframe(["build", project, "--arch", HOST, "--json"]);
  const report = JSON.parse(stdout);
  assert.equal(status, 0);
  assert.partialDeepStrictEqual(report, {
    directory: join(project, "dist/lambda"),
    architecture: HOST,
    codeCache: "made",
  });
  assert.equal(report.zip.bytes, readFileSync(report.zip.path).length);
  assert.equal(
    JSON.parse(readFileSync(join(report.directory, "deployment.json"), "utf8")).architecture,
    HOST,
  );
});

test("a broken config.yaml is refused with its line", async (t) => {
  const project = projectCopy(t, "parrot");
  writeFileSync(join(project, "config.yaml"), "model_name: parrot\nserverles:\n  memory: 512\n");
  const { status, stdout, stderr } = await coldframe(["build", project]);
  assert.deepEqual([status, stdout], [1, ""]);
  assert.match(stderr, /^CONFIG_UNKNOWN_KEY: config\.yaml:2: .*serverles.*serverless/);
  assert.ok(!stderr.includes("    at "));
});
