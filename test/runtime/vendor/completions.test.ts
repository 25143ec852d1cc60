// OpenAI's own SDK calls completions: text, chunks and usage, streamed and not.

import assert from "node:assert/strict";
import { test } from "node:test";
import { drain, onEveryFront } from "./_front.ts";

onEveryFront((front) => {
  test("text, whole and streamed", async () => {
    for (const model of ["text", "words"]) {
      const whole = await front.openai.completions.create({ model, prompt: "Sing." });
      assert.deepEqual(whole.choices, [
        { index: 0, text: "Hello, world", logprobs: null, finish_reason: "stop" },
      ]);
      assert.equal(whole.object, "text_completion");
      const { events, error } = await drain(
        await front.openai.completions.create({ model, prompt: "Sing.", stream: true }),
      );
      assert.equal(error, undefined);
      assert.equal(events.map(({ choices }) => choices[0]?.text).join(""), "Hello, world");
      assert.equal(events.at(-1)?.choices[0]?.finish_reason, "stop");
    }
  });

  test("usage, and why it ended", async () => {
    const request = { model: "counted", prompt: "Sing." };
    const whole = await front.openai.completions.create(request);
    assert.equal(whole.usage?.total_tokens, 7);
    assert.equal(whole.choices[0]?.finish_reason, "length");
    const { events } = await drain(
      await front.openai.completions.create({
        ...request,
        stream: true,
        stream_options: { include_usage: true },
      }),
    );
    assert.equal(events.at(-1)?.usage?.total_tokens, 7);
  });

  test("chunks of the model's own, merged with their logprobs", async () => {
    const { choices } = await front.openai.completions.create({ model: "own", prompt: "Sing." });
    assert.deepEqual(choices, [
      {
        index: 0,
        text: "Hello",
        logprobs: { tokens: ["Hel", "lo"], token_logprobs: [-1, -2] },
        finish_reason: "stop",
      },
    ]);
  });
});
