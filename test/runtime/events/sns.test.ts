import assert from "node:assert/strict";
import { test } from "node:test";
import type { SNSEvent } from "aws-lambda";
import sns from "../../../adapter/runtime/events/sns.ts";
import type { Invocation } from "../../../adapter/runtime/model.ts";
import { logged } from "../_log.ts";
import { fixture, startRecords } from "./_records.ts";

const notify = (...messages: string[]): SNSEvent => {
  const [record] = fixture<SNSEvent>("sns.text").Records;
  return {
    Records: messages.map((Message) => ({ ...record, Sns: { ...record?.Sns, Message } })),
  } as SNSEvent;
};

const echo = class {
  predict(input: unknown, { event }: Invocation) {
    if (input === "poison") throw new Error("no");
    return { input, subject: (event as SNSEvent["Records"][0]).Sns.Subject };
  }
};

test("a message is the input, JSON or text, and the whole notification the event", async () => {
  const fn = startRecords(echo, sns);
  assert.deepEqual(await fn.invoke(notify("Hello from SNS!")), [
    { input: "Hello from SNS!", subject: "greeting" },
  ]);
  assert.deepEqual(await fn.invoke(notify('{"a":1}')), [{ input: { a: 1 }, subject: "greeting" }]);
});

test("one failed message fails the event, which Lambda sends again", async () => {
  await logged(() =>
    assert.rejects(startRecords(echo, sns).invoke(notify("fine", "poison")), { name: "PREDICT_FAILED" }),
  );
});

test("that S3 tries a topic is no message for the model", async () => {
  const trial = JSON.stringify(fixture("s3.test-event"));
  assert.deepEqual(await startRecords(echo, sns).invoke(notify(trial)), []);
});

test("a result that no destination would get is an error with the way out", async () => {
  const fn = startRecords(
    class {
      predict() {
        return "x".repeat(1024 * 1024);
      }
    },
    sns,
  );
  await assert.rejects(fn.invoke(notify("a")), {
    name: "OUTPUT_TOO_LARGE",
    message: /1048576/,
    fix: /Store it/,
  });
});
