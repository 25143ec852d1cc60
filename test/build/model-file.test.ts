// A missing model is looked for nearby, and the refusal names what lies there.

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readConfig } from "../../adapter/build/config.ts";
import { findModel } from "../../adapter/build/model-file.ts";
import { type Files, makeProject, PLAIN_MODEL, refusal } from "./_project.ts";

function find(files: Files) {
  const project = makeProject(files);
  if (files["model/model.ts"] === undefined) rmSync(join(project, "model/model.ts"));
  return refusal(() => findModel(readConfig(project)));
}

test("an empty project is told what to write", async () => {
  const error = await find({});
  assert.equal(error.code, "MODEL_NOT_FOUND");
  assert.equal(error.message, "no model/model.ts in the project.");
  assert.equal(
    error.fix,
    "Write model/model.ts with `export default class Model { predict(input) { ... } }`.",
  );
});

test("a Python model is told what it is", async () => {
  const error = await find({ "model/model.py": "class Model:\n" });
  assert.equal(error.message, "no model/model.ts in the project, but model/model.py.");
  assert.match(error.fix ?? "", /^A Python model does not run here/);
});

test("a JavaScript model, or one in another folder, is named with the keys that find it", async () => {
  const javascript = await find({ "model/model.js": PLAIN_MODEL });
  assert.equal(javascript.message, "no model/model.ts in the project, but model/model.js.");
  assert.equal(
    javascript.fix,
    "Rename it, or set model_module_dir: model and model_class_filename: model.js in config.yaml.",
  );
  const source = await find({ "src/model.ts": PLAIN_MODEL });
  assert.equal(source.message, "no model/model.ts in the project, but src/model.ts.");
  assert.equal(
    source.fix,
    "Rename it, or set model_module_dir: src and model_class_filename: model.ts in config.yaml.",
  );
});

test("a name in other letters is not the file, on any disk", async () => {
  const error = await find({ "model/Model.ts": PLAIN_MODEL });
  assert.equal(error.message, "no model/model.ts in the project, but model/Model.ts.");
});
