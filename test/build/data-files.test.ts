// What of data_dir is taken, and which links are not followed.

import assert from "node:assert/strict";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readConfig } from "../../adapter/build/config.ts";
import { listData } from "../../adapter/build/data-files.ts";
import { type Files, makeFolder, makeProject, refusal, writeFiles } from "./_project.ts";

const list = (project: string, outDir = join(project, "dist")) =>
  listData(readConfig(project), outDir).map(({ to }) => to);

test("every file, under data/ whatever the folder is called", () => {
  const files: Files = {
    "config.yaml": "data_dir: assets/net\n",
    "assets/net/b/net.onnx": "1",
    "assets/net/a.json": "{}",
    "assets/net/.DS_Store": "",
  };
  assert.deepEqual(list(makeProject(files)), ["data/a.json", "data/b/net.onnx"]);
});

test("none is fine by default, and a mistake when it was named", async () => {
  assert.deepEqual(list(makeProject()), []);
  const error = await refusal(() => list(makeProject({ "config.yaml": "data_dir: weights\n" })));
  assert.equal(error.code, "CONFIG_INVALID");
  assert.equal(error.message, "data_dir: weights: found no such folder.");
});

test("a link inside the project is followed", () => {
  const project = makeProject({ "shared/net.onnx": "1", "data/a.json": "{}" });
  symlinkSync("../shared", join(project, "data/nets"));
  symlinkSync("../shared/net.onnx", join(project, "data/net.onnx"));
  assert.deepEqual(list(project), ["data/a.json", "data/net.onnx", "data/nets/net.onnx"]);
});

test("a link out of the project is refused, as file, folder, link of a link and data_dir itself", async () => {
  const outside = writeFiles(makeFolder(), { "secret.txt": "" });
  for (const [target, name] of [
    [join(outside, "secret.txt"), "data/file"],
    [outside, "data/folder"],
  ] as const) {
    const project = makeProject({ "data/a.json": "{}" });
    symlinkSync(target, join(project, name));
    const error = await refusal(() => list(project));
    assert.equal(error.message, `data_dir: ${name} links to ${target}, outside the project.`);
  }
  const chain = makeProject({ "data/a.json": "{}" });
  symlinkSync(outside, join(chain, "way"));
  symlinkSync("../way/secret.txt", join(chain, "data/file"));
  assert.match((await refusal(() => list(chain))).message, /outside the project\.$/);
  const whole = makeProject();
  symlinkSync(outside, join(whole, "data"));
  assert.match(
    (await refusal(() => list(whole))).message,
    /^data_dir: data links to .*, outside the project\.$/,
  );
});

test("a circle, a dangling link and a folder that holds the output are refused", async () => {
  const circle = makeProject({ "data/a.json": "{}" });
  symlinkSync(".", join(circle, "data/again"));
  assert.match((await refusal(() => list(circle))).message, /links to a folder that contains it\.$/);
  const dangling = makeProject({ "data/a.json": "{}" });
  symlinkSync("nowhere", join(dangling, "data/b.json"));
  assert.match((await refusal(() => list(dangling))).message, /data\/b\.json links to nothing\.$/);
  const output = makeProject({ "config.yaml": "data_dir: all\n" });
  mkdirSync(join(output, "all"));
  const error = await refusal(() => list(output, join(output, "all/dist")));
  assert.equal(error.message, "data_dir: all contains the build's output, all/dist.");
});
