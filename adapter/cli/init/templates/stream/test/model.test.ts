import assert from "node:assert/strict";
import { test } from "node:test";
import Model from "../model/model.ts";

async function answer(prompt: string, signal = new AbortController().signal): Promise<string[]> {
  const model = new Model();
  await model.load();
  const words: string[] = [];
  for await (const word of model.predict(Model.input.parse({ prompt, max_words: 4 }), { signal }))
    words.push(word);
  return words;
}

test("goes on with the last word, as many words as were asked for", async () => {
  assert.deepEqual(await answer("Once"), [" upon", " a", " cold", " frame"]);
});

test("stops when the caller has left", async () => {
  await assert.rejects(answer("once", AbortSignal.abort()), { name: "AbortError" });
});
