// OpenAI's own SDK calls chatCompletions: text, chunks, tool calls and usage, streamed and not.

import assert from "node:assert/strict";
import { test } from "node:test";
import { completion } from "../../fixtures/projects/chorus/model/openai.ts";
import { drain, onEveryFront, part, raw } from "./_front.ts";

const USAGE = { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 };

onEveryFront((front) => {
  for (const model of ["text", "words"]) {
    test(`${model}: a whole answer`, async () => {
      const answer = await front.openai.chat.completions.create(part(model));
      assert.deepEqual(
        { ...answer, id: "", created: 0 },
        {
          id: "",
          object: "chat.completion",
          created: 0,
          model,
          choices: [
            {
              index: 0,
              message: { role: "assistant", content: "Hello, world", refusal: null },
              logprobs: null,
              finish_reason: "stop",
            },
          ],
        },
      );
      assert.equal(answer.id, `chatcmpl-${answer._request_id}`);
      assert.ok(Math.abs(answer.created - Date.now() / 1000) < 60);
    });

    test(`${model}: a stream`, async () => {
      const stream = front.openai.chat.completions.stream(part(model));
      const { events } = await drain(stream);
      assert.equal(events[0]?.choices[0]?.delta.role, "assistant");
      assert.equal(events.map(({ choices }) => choices[0]?.delta.content ?? "").join(""), "Hello, world");
      const { choices } = await stream.finalChatCompletion();
      assert.equal(choices[0]?.message.content, "Hello, world");
      assert.equal(choices[0]?.finish_reason, "stop");
    });
  }

  test("each word leaves as a chunk of its own, and [DONE] is last", async () => {
    const { text, headers } = await raw(front.url, "/v1/chat/completions", {
      ...part("words"),
      stream: true,
    });
    assert.equal(headers.get("content-type"), "text/event-stream; charset=utf-8");
    const frames = text.split("\n\n");
    assert.deepEqual(frames.slice(-2), ["data: [DONE]", ""]);
    const deltas = frames
      .slice(0, -2)
      .map((frame) => JSON.parse(frame.replace(/^data: /, "")).choices[0].delta);
    assert.deepEqual(deltas, [
      { role: "assistant", content: "Hel" },
      { content: "lo, " },
      { content: "wor" },
      { content: "ld" },
      {},
    ]);
  });

  test("a character that was cut in two is whole again", async () => {
    assert.equal(await contentOf("halves"), "a 😀 z");
    const stream = front.openai.chat.completions.stream(part("halves"));
    assert.equal(await stream.finalContent(), "a 😀 z");
  });

  test("a model that says nothing answers all the same", async () => {
    assert.equal(await contentOf("silent"), "");
    assert.equal(await front.openai.chat.completions.stream(part("silent")).finalContent(), "");
  });

  test("the model gets the request as it was sent", async () => {
    const request = { ...part("echo"), temperature: 0.5, tools: [], metadata: { a: "b" } };
    assert.deepEqual(
      JSON.parse((await front.openai.chat.completions.create(request)).choices[0]?.message.content ?? ""),
      request,
    );
  });

  test("a whole completion passes through untouched", async () => {
    assert.deepEqual(await front.openai.chat.completions.create(part("whole")), completion);
  });

  test("a whole completion streams for who asks for a stream", async () => {
    const request = { ...part("whole"), stream_options: { include_usage: true } };
    const answer = await front.openai.chat.completions.stream(request).finalChatCompletion();
    assert.deepEqual(answer.choices[0]?.message.tool_calls, completion.choices[0]?.message.tool_calls);
    assert.deepEqual(answer.usage, completion.usage);
    assert.equal(answer.service_tier, "default");
  });

  test("chunks pass through untouched, tool calls and usage and all", async () => {
    const { events } = await drain(
      await front.openai.chat.completions.create({ ...part("tools"), stream: true }),
    );
    assert.equal(events.length, 7);
    assert.deepEqual(events[1], {
      id: "chatcmpl-own",
      object: "chat.completion.chunk",
      created: 12,
      model: "own",
      system_fingerprint: "fp_1",
      choices: [
        {
          index: 0,
          delta: {
            tool_calls: [
              { index: 0, function: { name: "weather", arguments: "" }, id: "call_1", type: "function" },
            ],
          },
          logprobs: null,
          finish_reason: null,
        },
      ],
    });
    assert.deepEqual(events[6]?.usage, USAGE);
  });

  const CALLS = [
    { id: "call_1", type: "function", function: { name: "weather", arguments: '{"city":"Oslo"}' } },
    { id: "call_2", type: "function", function: { name: "time", arguments: "{}" } },
  ];

  test("chunks are merged for who asks for one answer", async () => {
    const answer = await front.openai.chat.completions.create(part("tools"));
    assert.deepEqual(
      { ...answer },
      {
        id: "chatcmpl-own",
        object: "chat.completion",
        created: 12,
        model: "own",
        system_fingerprint: "fp_1",
        choices: [
          {
            index: 0,
            message: { role: "assistant", content: null, refusal: null, tool_calls: CALLS },
            logprobs: null,
            finish_reason: "tool_calls",
          },
        ],
        usage: USAGE,
      },
    );
  });

  test("merged here or by the SDK, it is the same answer", async () => {
    const merged = await front.openai.chat.completions.stream(part("tools")).finalChatCompletion();
    assert.deepEqual(merged.choices[0]?.message.tool_calls, CALLS);
    assert.equal(merged.choices[0]?.finish_reason, "tool_calls");
  });

  test("tool calls without the rest of a chunk", async () => {
    const request = part("calls");
    const [whole, streamed] = await Promise.all([
      front.openai.chat.completions.create(request),
      front.openai.chat.completions.stream(request).finalChatCompletion(),
    ]);
    for (const { choices } of [whole, streamed]) {
      assert.deepEqual(choices[0]?.message.tool_calls, CALLS.slice(0, 1));
      assert.equal(choices[0]?.finish_reason, "tool_calls");
    }
  });

  test("usage is told when it was asked for, and the reason of the end always", async () => {
    const request = { ...part("counted"), stream: true as const };
    const quiet = await drain(await front.openai.chat.completions.create(request));
    assert.ok(quiet.events.every(({ usage }) => !usage));
    assert.equal(quiet.events.at(-1)?.choices[0]?.finish_reason, "length");
    const asked = await drain(
      await front.openai.chat.completions.create({ ...request, stream_options: { include_usage: true } }),
    );
    assert.deepEqual(asked.events.at(-1)?.usage, USAGE);
    assert.deepEqual(asked.events.at(-1)?.choices, []);
    const whole = await front.openai.chat.completions.create(part("counted"));
    assert.deepEqual(whole.usage, USAGE);
    assert.equal(whole.choices[0]?.finish_reason, "length");
  });

  test("two choices, and what a chunk leaves out", async () => {
    const whole = await front.openai.chat.completions.create(part("two"));
    assert.deepEqual(
      whole.choices.map(({ message }) => message.content),
      ["choice 0", "choice 1"],
    );
    const streamed = await front.openai.chat.completions.stream(part("two")).finalChatCompletion();
    assert.deepEqual(
      streamed.choices.map(({ message }) => message.content),
      ["choice 0", "choice 1"],
    );
    assert.deepEqual(
      streamed.choices.map(({ finish_reason }) => finish_reason),
      ["stop", "stop"],
    );
  });

  async function contentOf(model: string) {
    return (await front.openai.chat.completions.create(part(model))).choices[0]?.message.content;
  }
});
