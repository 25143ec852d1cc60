import assert from "node:assert/strict";
import { test } from "node:test";
import destination from "../../../adapter/runtime/events/destination.ts";
import type { Invocation } from "../../../adapter/runtime/model.ts";
import { fixture, startRecords } from "./_records.ts";

const echo = class {
  predict(input: unknown, { event }: Invocation) {
    return { input, request: (event as { requestPayload: unknown }).requestPayload };
  }
};

test("what the function before returned is the input, and the whole document the event", async () => {
  const fn = startRecords(echo, destination);
  assert.deepEqual(await fn.invoke(fixture("destination")), { input: { text: "hello" }, request: { id: 7 } });
});

test("a failure is no input: the error says which function failed", async () => {
  await assert.rejects(startRecords(echo, destination).invoke(fixture("destination.failure")), {
    name: "INPUT_INVALID",
    message: /function:before.*RetriesExhausted/,
  });
});

test("a model's own input with such words is not taken", () => {
  for (const input of [
    { requestContext: { functionArn: "x" } },
    { requestPayload: 1 },
    { requestContext: {}, requestPayload: {} },
  ]) {
    assert.equal(destination.matches(input), false);
  }
});
