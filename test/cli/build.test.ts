import assert from "node:assert/strict";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startLocalS3 } from "../../adapter/local/s3/local-s3.ts";
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

test("build says which weights it pinned, and that their lock is to be committed; once", async (t) => {
  const s3 = await startLocalS3();
  t.after(() => s3.close());
  await s3.put("models", "nets/a.bin", "alpha");
  const environment = {
    AWS_ENDPOINT_URL_S3: s3.url,
    AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
    AWS_REGION: s3.region,
  };
  const project = projectCopy(t, "parrot");
  appendFileSync(join(project, "config.yaml"), "\nweights:\n  - source: s3://models/nets/\n");
  const build = (...more: string[]) =>
    coldframe(["build", project, "--arch", HOST, ...more], undefined, environment);
  const first = await build();
  assert.deepEqual([first.status, first.stderr], [0, ""]);
  assert.match(
    first.stdout,
    /^weights +s3:\/\/models\/nets\/ {2}1 file, 5 B, pinned\nlock +weights\.lock\.json was written; commit it$/m,
  );
  const again = await build();
  assert.match(again.stdout, /^weights /m);
  assert.doesNotMatch(again.stdout, /^lock /m);
  await s3.put("models", "nets/a.bin", "alphabet");
  assert.match((await build("--refresh-weights")).stdout, /1 file, 8 B, pinned\nlock /);

  s3.remove("models", "nets/a.bin");
  const { status, stdout, stderr } = await build("--refresh-weights");
  assert.deepEqual([status, stdout], [1, ""]);
  assert.match(stderr, /^WEIGHTS_NOT_FOUND: config\.yaml:\d+: weights\[0\]: /);
});

test("a source that speaks of its region says nothing into --json", async (t) => {
  const s3 = await startLocalS3({ buckets: [{ name: "far", region: "eu-west-1" }] });
  t.after(() => s3.close());
  await s3.put("far", "a.bin", "alpha");
  const project = projectCopy(t, "parrot");
  appendFileSync(join(project, "config.yaml"), "\nweights:\n  - source: s3://far/a.bin\n");
  const { stdout } = await coldframe(["build", project, "--arch", HOST, "--json"], undefined, {
    AWS_ENDPOINT_URL_S3: s3.url,
    AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
    AWS_REGION: s3.region,
  });
  assert.equal(JSON.parse(stdout).weights[0].pinned, true);
});

test("build --target server makes what node starts, and says how", async (t) => {
  const project = projectCopy(t, "parrot");
  const { status, stdout, stderr } = await coldframe([
    "build",
    project,
    "--target",
    "server",
    "--arch",
    HOST,
  ]);
  assert.deepEqual([status, stderr], [0, ""]);
  assert.match(stdout, new RegExp(`^artifact +${project}/dist/server\nunzipped `));
  assert.match(stdout, new RegExp(`^start +node ${project}/dist/server/index\\.mjs$`, "m"));
  assert.ok(!existsSync(join(project, "dist/server.zip")));
});

test("a target that does not exist is refused with those that do", async (t) => {
  const { status, stderr } = await coldframe(["build", projectCopy(t, "parrot"), "--target", "fax"]);
  assert.equal(status, 1);
  assert.match(stderr, /'fax' is invalid\. Allowed choices are lambda, server/);
});
