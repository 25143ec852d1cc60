import assert from "node:assert/strict";
import { test } from "node:test";
import { checkInstance } from "../../adapter/runtime/model-class.ts";
import type { Model } from "../../adapter/runtime/model.ts";

class Good {
  predict() {}
}

const check = (instance: unknown) => checkInstance(instance as Model, "model/model.ts");

test("predict may be an inherited method, or a field of either class", () => {
  class Field {
    predict = async () => 1;
  }
  for (const Class of [Good, class extends Good {}, Field, class extends Field {}]) check(new Class());
});

test("a model without predict, or whose predict is no method, is refused", () => {
  for (const instance of [{ load() {} }, { predict: "soon" }, { predict: undefined }]) {
    assert.throws(() => check(instance), { code: "MODEL_NO_PREDICT", message: /model\/model\.ts/ });
  }
});

test("a model may answer the clients of OpenAI and Anthropic alone", () => {
  for (const name of ["chatCompletions", "completions", "embeddings", "responses", "messages"]) {
    check({ [name]() {} });
  }
});

test("a predict that yields has no postprocess, however it was written", () => {
  class Yielding {
    async *predict() {}
    postprocess() {}
  }
  class Bound {
    predict = function* () {}.bind(this);
    postprocess() {}
  }
  for (const Class of [Yielding, Bound]) {
    assert.throws(() => check(new Class()), { code: "MODEL_INVALID", message: /postprocess/ });
  }
  check({ predict() {}, postprocess() {} });
});
