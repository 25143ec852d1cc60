// Anthropic's own SDK calls messages: text, content blocks and events, streamed and not.

import assert from "node:assert/strict";
import { test } from "node:test";
import { APIError, InternalServerError } from "@anthropic-ai/sdk";
import { message } from "../../fixtures/projects/chorus/model/anthropic.ts";
import { drain, onEveryFront, partOf, raw, rejection } from "./_front.ts";

const CALL = { type: "tool_use", id: "toolu_1", name: "weather", input: { city: "Oslo" } };

onEveryFront((front) => {
  for (const model of ["text", "words"]) {
    test(`${model}: whole and streamed`, async () => {
      const whole = await front.anthropic.messages.create(partOf(model));
      const { id, _request_id, ...rest } = whole;
      assert.deepEqual(rest, {
        type: "message",
        role: "assistant",
        content: [{ type: "text", text: "Hello, world" }],
        model,
        stop_reason: "end_turn",
        stop_sequence: null,
        usage: { input_tokens: 0, output_tokens: 0 },
      });
      assert.equal(id, `msg_${_request_id}`);
      assert.equal(await front.anthropic.messages.stream(partOf(model)).finalText(), "Hello, world");
    });
  }

  test("the events of a text, by name and in their order, and no [DONE]", async () => {
    const { text } = await raw(front.url, "/v1/messages", { ...partOf("words"), stream: true });
    const names = text
      .trimEnd()
      .split("\n\n")
      .map((frame) => frame.split("\n"));
    assert.deepEqual(
      names.map(([name]) => name),
      [
        "event: message_start",
        "event: content_block_start",
        ...Array(4).fill("event: content_block_delta"),
        "event: content_block_stop",
        "event: message_delta",
        "event: message_stop",
      ].flat(),
    );
    assert.ok(!text.includes("[DONE]"));
  });

  test("a model that says nothing answers all the same", async () => {
    assert.deepEqual((await front.anthropic.messages.create(partOf("silent"))).content, []);
    const streamed = await front.anthropic.messages.stream(partOf("silent")).finalMessage();
    assert.equal(streamed.stop_reason, "end_turn");
  });

  test("a whole message passes through untouched", async () => {
    assert.deepEqual({ ...(await front.anthropic.messages.create(partOf("whole"))) }, message);
  });

  test("a whole message streams for who asks for a stream", async () => {
    const {
      parsed_output: _parsed,
      stop_details: _details,
      ...answer
    } = await front.anthropic.messages.stream(partOf("whole")).finalMessage();
    assert.deepEqual({ ...answer }, message);
  });

  test("events of the model's own pass through, and are merged for who asks for one answer", async () => {
    const { events } = await drain(await front.anthropic.messages.create({ ...partOf("own"), stream: true }));
    // The SDK keeps pings to itself.
    assert.equal(events.length, 10);
    for (const answer of [
      await front.anthropic.messages.create(partOf("own")),
      await front.anthropic.messages.stream(partOf("own")).finalMessage(),
    ]) {
      assert.deepEqual(answer.content, [{ type: "text", text: "Hello" }, CALL]);
      assert.equal(answer.stop_reason, "tool_use");
      assert.deepEqual(answer.usage, { input_tokens: 3, output_tokens: 4 });
    }
  });

  test("a call beside text", async () => {
    for (const { content, stop_reason } of [
      await front.anthropic.messages.create(partOf("calls")),
      await front.anthropic.messages.stream(partOf("calls")).finalMessage(),
    ]) {
      assert.deepEqual(content, [{ type: "text", text: "Let me see. " }, CALL]);
      assert.equal(stop_reason, "tool_use");
    }
  });

  test("usage and the reason of the end", async () => {
    for (const { usage, stop_reason } of [
      await front.anthropic.messages.create(partOf("counted")),
      await front.anthropic.messages.stream(partOf("counted")).finalMessage(),
    ]) {
      assert.deepEqual(usage, { input_tokens: 3, output_tokens: 4 });
      assert.equal(stop_reason, "max_tokens");
    }
  });

  test("events of the model's own without a last one are an error, whole or streamed", async () => {
    const whole = await rejection(front.anthropic.messages.create(partOf("truncated")));
    assert.ok(whole instanceof InternalServerError);
    const error = await rejection(front.anthropic.messages.stream(partOf("truncated")).finalMessage());
    assert.ok(error instanceof APIError);
    assert.match(error.message, /no message_stop/);
  });
});
