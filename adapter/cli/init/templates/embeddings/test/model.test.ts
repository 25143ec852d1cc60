import assert from "node:assert/strict";
import { test } from "node:test";
import { embed } from "../model/embed.ts";
import Model from "../model/model.ts";

const product = (a: Float32Array, b: Float32Array) =>
  a.reduce((sum, value, i) => sum + value * (b[i] as number), 0);

test("texts of like words are near to each other", () => {
  const [first, like, other] = ["a small model", "the smaller models", "rain in November"].map(embed);
  assert.ok(product(first!, like!) > 2 * Math.abs(product(first!, other!)));
  assert.ok(Math.abs(product(first!, first!) - 1) < 1e-6);
});

test("a batch gives what each caller would get alone", () => {
  const model = new Model();
  const inputs = [{ texts: "one" }, { texts: ["two", "three"] }];
  assert.deepEqual(
    model.predictBatch(inputs),
    inputs.map((input) => model.predict(input)),
  );
});
