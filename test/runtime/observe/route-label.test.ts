// The names of routes in metrics and traces: every route there is has one, and nothing that a caller writes becomes one.

import assert from "node:assert/strict";
import { test } from "node:test";
import { VENDOR_MEMBERS } from "../../../adapter/runtime/model-class.ts";
import { routeLabel } from "../../../adapter/runtime/observe/route-label.ts";
import { createAnswers, type Environment } from "../../../adapter/runtime/routes.ts";
import { vendorPath } from "../../../adapter/runtime/vendor/_members.ts";
import { runScript } from "../_child.ts";

test("every route of the table, and of the vendors', has a name", () => {
  const { gets, posts } = createAnswers({ artifact: { folder: "/nowhere" } } as Environment);
  const paths = [...Object.keys(gets), ...Object.keys(posts)].map((path) =>
    path.replace("*", "/v1/models/scribe"),
  );
  for (const path of [...paths, ...VENDOR_MEMBERS.map(vendorPath), "/v1/models", "/metrics"]) {
    assert.equal(routeLabel(path), path.replace("scribe", "{name}"));
  }
});

test("those of a model have one name, whatever the model is called", () => {
  for (const [path, label] of [
    ["/v1/models/any:predict", "/v1/models/{name}:predict"],
    ["/v2/models/any/infer", "/v2/models/{name}/infer"],
    ["/v2/models/any/versions/3/infer", "/v2/models/{name}/infer"],
    ["/v2/models/any/versions/3/generate_stream", "/v2/models/{name}/generate_stream"],
  ]) {
    assert.equal(routeLabel(path as string), label);
  }
});

test("nothing else has a name", () => {
  for (const path of [
    "/predict/",
    "/v1/models/a/b",
    "/v3/models/a",
    "/Predict",
    "//predict",
    "",
    "/predict?a=1",
  ]) {
    assert.equal(routeLabel(path), "other", path);
  }
});

test("the path that a platform's variable names is a route", async () => {
  const { said } = await runScript(
    `const { routeLabel } = await import(${JSON.stringify(import.meta.resolve("../../../adapter/runtime/observe/route-label.ts"))});
     say(["/vertex/predict", "/vertex"].map(routeLabel));`,
    { AIP_PREDICT_ROUTE: "/vertex/predict" },
  );
  assert.deepEqual(said, [["/vertex/predict", "other"]]);
});
