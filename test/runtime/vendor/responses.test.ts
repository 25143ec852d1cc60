// OpenAI's own SDK calls responses: text, output items and events, streamed and not. Its accumulation of events refuses
// whatever is out of order.

import assert from "node:assert/strict";
import { test } from "node:test";
import { APIError, InternalServerError } from "openai";
import { response } from "../../fixtures/projects/chorus/model/openai.ts";
import { drain, onEveryFront, raw, rejection } from "./_front.ts";

onEveryFront((front) => {
  for (const model of ["text", "words"]) {
    test(`${model}: whole and streamed`, async () => {
      const whole = await front.openai.responses.create({ model, input: "Sing.", instructions: "Loudly." });
      assert.equal(whole.output_text, "Hello, world");
      assert.equal(whole.status, "completed");
      assert.equal(whole.instructions, "Loudly.");
      assert.equal(whole.model, model);
      const stream = front.openai.responses.stream({ model, input: "Sing." });
      const { events, error } = await drain(stream);
      assert.equal(error, undefined);
      assert.equal(
        events.map((event) => (event.type === "response.output_text.delta" ? event.delta : "")).join(""),
        "Hello, world",
      );
      assert.equal((await stream.finalResponse()).output_text, "Hello, world");
    });
  }

  test("the events of a text, in their order, numbered", async () => {
    const { text } = await raw(front.url, "/v1/responses", { model: "text", input: "Sing.", stream: true });
    const frames = text
      .trimEnd()
      .split("\n\n")
      .map((frame) => frame.split("\n"));
    const events = frames.map(([, data = ""]) => JSON.parse(data.replace(/^data: /, "")));
    assert.deepEqual(
      events.map(({ type }) => type),
      [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
      ],
    );
    assert.deepEqual(
      frames.map(([name]) => name),
      events.map(({ type }) => `event: ${type}`),
    );
    assert.deepEqual(
      events.map(({ sequence_number }) => sequence_number),
      events.map((_event, i) => i),
    );
  });

  test("a whole response passes through untouched", async () => {
    const { output_text, ...answer } = await front.openai.responses.create({
      model: "whole",
      input: "Sing.",
    });
    assert.deepEqual({ ...answer }, response);
    assert.equal(output_text, "Hello");
  });

  test("a whole response streams for who asks for a stream", async () => {
    const stream = front.openai.responses.stream({ model: "whole", input: "Sing." });
    const types = (await drain(stream)).events.map(({ type }) => type);
    assert.ok(types.includes("response.function_call_arguments.done"));
    const answer = await stream.finalResponse();
    assert.equal(answer.output_text, "Hello");
    assert.deepEqual(
      answer.output.map(({ type }) => type),
      ["reasoning", "message", "function_call"],
    );
    assert.deepEqual(answer.usage, response.usage);
  });

  test("a call beside text, and usage", async () => {
    const request = { model: "calls", input: "Sing." };
    const answers = [
      await front.openai.responses.create(request),
      await front.openai.responses.stream(request).finalResponse(),
    ];
    for (const { output, output_text, usage } of answers) {
      assert.equal(output_text, "Let me see. ");
      const call = output[1];
      assert.ok(call?.type === "function_call");
      assert.deepEqual([call.name, call.arguments, call.call_id], ["weather", '{"city":"Oslo"}', "call_1"]);
      assert.equal(usage?.total_tokens, 7);
    }
  });

  test("an answer that was cut short says so", async () => {
    const request = { model: "cut", input: "Sing." };
    for (const { status, incomplete_details } of [
      await front.openai.responses.create(request),
      await front.openai.responses.stream(request).finalResponse(),
    ]) {
      assert.equal(status, "incomplete");
      assert.equal(incomplete_details?.reason, "max_output_tokens");
    }
  });

  test("events of the model's own pass through, and the last of them is the whole answer", async () => {
    const request = { model: "own", input: "Sing." };
    const { events } = await drain(await front.openai.responses.create({ ...request, stream: true }));
    assert.equal(events.length, 8);
    const last = events[7];
    assert.ok(last?.type === "response.completed");
    assert.equal(last.response.id, "resp_own");
    const whole = await front.openai.responses.create(request);
    assert.equal(whole.id, "resp_own");
    assert.equal(whole.output_text, "Hello");
  });

  test("events of the model's own without a last one are an error, whole or streamed", async () => {
    const request = { model: "truncated", input: "Sing." };
    const whole = await rejection(front.openai.responses.create(request));
    assert.ok(whole instanceof InternalServerError);
    assert.equal(whole.code, "OUTPUT_INVALID");
    const { error } = await drain(front.openai.responses.stream(request));
    assert.ok(error instanceof APIError);
    assert.equal(error.code, "OUTPUT_INVALID");
  });
});
