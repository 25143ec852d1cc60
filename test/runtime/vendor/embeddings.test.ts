// OpenAI's own SDK calls embeddings. It asks for base64 unless its user names an encoding, and decodes it unseen.

import assert from "node:assert/strict";
import { test } from "node:test";
import { BadRequestError, InternalServerError } from "openai";
import { onEveryFront, raw, rejection } from "./_front.ts";

const FIRST = [0, 0.125, 0.25];
const SECOND = [0.125, 0.25, 0.375];

onEveryFront((front) => {
  for (const [model, input] of [
    ["arrays", ["a", "b"]],
    ["typed", ["a", "b"]],
    ["data", ["a", "b"]],
    ["yields", ["a", "b"]],
    ["one", "a"],
    ["encoded", "a"],
  ] as const) {
    test(`${model}: in both encodings`, async () => {
      const vectors = typeof input === "string" ? [FIRST] : [FIRST, SECOND];
      for (const encoding of [undefined, "float"] as const) {
        const answer = await front.openai.embeddings.create({
          model,
          input: typeof input === "string" ? input : [...input],
          ...(encoding ? { encoding_format: encoding } : {}),
        });
        assert.equal(answer.object, "list");
        assert.equal(answer.model, model);
        assert.deepEqual(
          answer.data,
          vectors.map((embedding, index) => ({ object: "embedding", index, embedding })),
        );
      }
    });
  }

  test("base64 is little-endian float32", async () => {
    const { text } = await raw(front.url, "/v1/embeddings", {
      model: "one",
      input: "a",
      encoding_format: "base64",
    });
    const bytes = Buffer.from(JSON.parse(text).data[0].embedding, "base64");
    assert.deepEqual(
      [bytes.readFloatLE(0), bytes.readFloatLE(4), bytes.readFloatLE(8), bytes.length],
      [...FIRST, 12],
    );
  });

  test("tokens are one input, lists of tokens are several, and dimensions are the model's", async () => {
    const one = await front.openai.embeddings.create({ model: "arrays", input: [1, 2, 3], dimensions: 2 });
    assert.deepEqual(
      one.data.map(({ embedding }) => [...embedding]),
      [[0, 0.125]],
    );
    const two = await front.openai.embeddings.create({ model: "arrays", input: [[1, 2], [3]] });
    assert.equal(two.data.length, 2);
  });

  test("usage is what the model tells", async () => {
    const { usage } = await front.openai.embeddings.create({ model: "data", input: "a" });
    assert.deepEqual(usage, { prompt_tokens: 5, total_tokens: 5 });
  });

  test("fewer vectors than inputs are no answer", async () => {
    const error = await rejection(front.openai.embeddings.create({ model: "few", input: ["a", "b"] }));
    assert.ok(error instanceof InternalServerError);
    assert.match(error.message, /1 vectors for 2 inputs/);
    const other = await rejection(front.openai.embeddings.create({ model: "number", input: "a" }));
    assert.ok(other instanceof InternalServerError);
    assert.match(other.message, /embeddings gave number, not a vector/);
  });

  test("a refusal of the model's", async () => {
    const error = await rejection(front.openai.embeddings.create({ model: "refuses", input: "a" }));
    assert.ok(error instanceof BadRequestError);
  });
});
