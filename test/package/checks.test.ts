// What the linters of packages say of the tarball: publint of package.json, Are The Types Wrong of how each kind of
// module resolution finds code and types.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { pack, type Packed, REPOSITORY, run } from "./_package.ts";

let packed: Packed;

before(async () => {
  packed = await pack();
});

test("publint has no error and no warning", async () => {
  const tarball = new Uint8Array(readFileSync(packed.tarball)).buffer;
  const { messages, pkg } = await publint({ pack: { tarball }, level: "warning", strict: true });
  assert.deepEqual(
    messages.map((message) => formatMessage(message, pkg, { color: false })),
    [],
  );
  assert.equal(pkg["name"], "coldframe");
});

test("the types are right for nodenext and bundler", async () => {
  const cli = join(REPOSITORY, "node_modules/.bin/attw");
  const { status, stdout, stderr } = await run(
    cli,
    [packed.tarball, "--profile", "esm-only", "--format", "json"],
    {
      cwd: REPOSITORY,
    },
  );
  const { entrypoints, types } = JSON.parse(stdout).analysis;
  assert.deepEqual(Object.keys(entrypoints), [".", "./onnx", "./cdk", "./client", "./package.json"]);
  assert.equal(types.kind, "included");
  for (const { resolutions } of Object.values<Entrypoint>(entrypoints)) {
    assert.deepEqual(resolutions["node16-esm"]?.visibleProblems ?? [], []);
    assert.deepEqual(resolutions["bundler"]?.visibleProblems ?? [], []);
  }
  assert.equal(status, 0, stderr + stdout);
});

interface Entrypoint {
  readonly resolutions: Readonly<Record<string, { visibleProblems?: readonly number[] }>>;
}
