import assert from "node:assert/strict";
import { test } from "node:test";
import type { EventBridgeEvent } from "aws-lambda";
import eventbridge from "../../../adapter/runtime/events/eventbridge.ts";
import type { Invocation } from "../../../adapter/runtime/model.ts";
import { logged } from "../_log.ts";
import { fixture, startRecords } from "./_records.ts";

const echo = class {
  predict(input: unknown, { event }: Invocation) {
    if (input === "poison") throw new Error("no");
    return { input, type: (event as EventBridgeEvent<string, unknown>)["detail-type"] };
  }
};

test("the detail is the input, the whole event the event, and one value the result", async () => {
  const fn = startRecords(echo, eventbridge);
  assert.deepEqual(await fn.invoke(fixture("eventbridge.custom")), {
    input: { text: "hello" },
    type: "order placed",
  });
});

test("the Scheduler's own event has a text as its detail, which is JSON", async () => {
  const fn = startRecords(echo, eventbridge);
  assert.deepEqual(await fn.invoke(fixture("eventbridge.scheduler")), { input: {}, type: "Scheduled Event" });
});

test("a failure fails the event, which Lambda sends again", async () => {
  const event = { ...fixture<object>("eventbridge"), detail: "poison" };
  await logged(() =>
    assert.rejects(startRecords(echo, eventbridge).invoke(event), { name: "PREDICT_FAILED" }),
  );
});
