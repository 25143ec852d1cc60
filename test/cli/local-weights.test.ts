// `local:` of a source: dev and invoke fetch from a folder of the project, through an S3 of their own, as the function
// will from the real one.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type LocalWeights, startLocalWeights } from "../../adapter/cli/local-weights.ts";
import { makeProject, withPackages } from "../build/_project.ts";
import { makeModel, matMul } from "../onnx/_model.ts";
import { coldframe } from "./_command.ts";

const MODEL = `
import { readFileSync } from "node:fs";
export default class Model {
  #text; #dataDir;
  constructor({ dataDir }) { this.#dataDir = dataDir; }
  load() { this.#text = readFileSync(this.#dataDir + "/texts/a.txt", "utf8"); }
  predict() { return this.#text; }
}`;

const CONFIG =
  "model_name: test\nweights:\n  - { source: s3://nobody/texts/, mount_location: texts, local: weights }\n";

test("invoke fetches from the folder; again it fetches nothing; --cold fetches anew; an edited file is seen", async () => {
  const project = makeProject({
    "config.yaml": CONFIG,
    "model/model.ts": MODEL,
    "weights/a.txt": "one",
    "weights/b.bin": randomBytes(3_000_000),
  });
  const invoke = async (...more: string[]) => {
    const { status, stdout, stderr } = await coldframe(["invoke", project, "-d", "{}", "--logs", ...more]);
    assert.equal(status, 0, stderr);
    const [, weights = ""] = /weights=(\{.*?\})/.exec(stderr) ?? [];
    return { stdout, facts: JSON.parse(weights) };
  };
  const first = await invoke();
  assert.equal(first.stdout, '"one"');
  assert.partialDeepStrictEqual(first.facts, { files: 2, bytes: 3_000_003, warm: false });
  assert.equal((await invoke()).facts.warm, true);
  assert.equal((await invoke("--cold")).facts.fetched_bytes, 3_000_003);
  writeFileSync(join(project, "weights/a.txt"), "two");
  const edited = await invoke();
  assert.equal(edited.stdout, '"two"');
  // The other file did not change, and is not fetched again.
  assert.equal(edited.facts.fetched_bytes, 3);
  assert.ok(!existsSync(join(project, "weights.lock.json")));
});

test("a new version of a project is served by the same S3 while its folders are the same, and by another otherwise", async () => {
  const config = CONFIG.replace("local: weights", "local: other");
  const files = { "model/model.ts": MODEL, "weights/a.txt": "one", "other/a.txt": "two" };
  const project = makeProject({ "config.yaml": CONFIG, ...files });
  const urlOf = ({ environment }: LocalWeights) => environment["AWS_ENDPOINT_URL_S3"] ?? "";
  const answers = (url: string) =>
    fetch(url).then(
      () => true,
      () => false,
    );
  const first = await startLocalWeights(project);
  writeFileSync(join(project, "weights/a.txt"), "edited");
  const second = await startLocalWeights(project, false, first);
  assert.equal(urlOf(second), urlOf(first));
  assert.ok(await answers(urlOf(second)));
  writeFileSync(join(project, "config.yaml"), config);
  const third = await startLocalWeights(project, false, second);
  assert.notEqual(urlOf(third), urlOf(first));
  assert.deepEqual([await answers(urlOf(first)), await answers(urlOf(third))], [false, true]);
  writeFileSync(join(project, "config.yaml"), "model_name: test\n");
  assert.deepEqual((await startLocalWeights(project, false, third)).environment, {});
  assert.equal(await answers(urlOf(third)), false);
});

test("one source with a folder and one without is refused: they would need two S3s", async () => {
  const project = makeProject({
    "config.yaml": `${CONFIG}  - { source: s3://somebody/else.bin }\n`,
    "model/model.ts": MODEL,
    "weights/a.txt": "one",
  });
  const { status, stderr } = await coldframe(["invoke", project, "-d", "{}"]);
  assert.equal(status, 1);
  assert.match(
    stderr,
    /CONFIG_INVALID.*config\.yaml:4.*s3:\/\/somebody\/else\.bin.*\nGive all of them `local`/,
  );
});

test("build --optimize-onnx puts optimised models into the artifact, and those of weights where they can be pushed from", async () => {
  const project = withPackages(
    makeProject({
      "config.yaml": `${CONFIG}serverless: { weights: { lock: false } }\n`,
      "data/small.txt": "left alone",
      "weights/a.txt": "one",
    }),
  );
  // 4 MiB of weights.
  makeModel(matMul(1024), "model.onnx", join(project, "data"));
  makeModel(matMul(1024), "large.onnx", join(project, "weights"));
  const { status, stdout, stderr } = await coldframe(["build", project, "--optimize-onnx", "--json"]);
  assert.equal(status, 0, stderr);
  const { directory, optimized } = JSON.parse(stdout);
  assert.ok(existsSync(join(directory, "data/model.onnx.data")));
  assert.ok(existsSync(join(directory, "data/small.txt")));
  assert.ok(existsSync(join(project, "dist/weights/weights/large.onnx.data")));
  assert.match(optimized.join("\n"), /model\.onnx: weights in a file of their own/);
  assert.match(optimized.join("\n"), /push-weights \S+dist\/weights\/weights s3:\/\/nobody\/texts\//);
});
