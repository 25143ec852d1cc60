import assert from "node:assert/strict";
import { test } from "node:test";
import Model from "../model/model.ts";

test("tells glad from sad", async () => {
  const model = new Model();
  await model.load();
  assert.equal(model.predict({ text: "What a lovely, happy day" }).label, "glad");
  assert.equal(model.predict({ text: "What an awful, sad day" }).label, "sad");
});

test("refuses an empty text", () => {
  assert.equal(Model.input.safeParse({ text: "" }).success, false);
});
