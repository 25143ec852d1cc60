import assert from "node:assert/strict";
import { test } from "node:test";
import direct from "../../../adapter/runtime/events/direct.ts";

test("any JSON is an input, and its own event", () => {
  for (const payload of [null, 0, "", "x", false, [], [{ Records: [] }], {}, { statusCode: 7 }]) {
    assert.equal(direct.matches(payload), true, JSON.stringify(payload));
    assert.deepEqual(direct.toRecords(payload), [{ input: payload, event: payload }]);
  }
});

test("an input that shares a word with an event is still an input", () => {
  for (const input of [
    { Records: [] },
    { Records: "vinyl" },
    { Records: [{ title: "a" }] },
    { Records: [null] },
    { requestContext: "a word" },
    { requestContext: null },
    { requestContext: { language: "de" } },
    { detail: "a word" },
    { source: "a book", detail: 1 },
    { rawPath: "/x" },
    { version: "2.0", headers: {} },
    { agent: "a name", info: { title: "x" }, fieldName: "x" },
    { Name: "ada", session: "s-1", version: 2, messageVersion: 1, username: "ada" },
    { Service: "a church" },
    { Event: "a wedding", DeploymentId: 7, serverId: "s-1" },
    [{ role: "user", content: "hello" }],
    [[0.5, 1]],
  ]) {
    assert.equal(direct.matches(input), true, JSON.stringify(input));
  }
});

test("the outcome is the result: a value as it is, a failure as an error of the function", () => {
  assert.equal(direct.toResult([{ value: null }], {}), null);
  assert.deepEqual(direct.toResult([{ value: { error: "mine" } }], {}), { error: "mine" });
  const error = new Error("no");
  assert.throws(() => direct.toResult([{ error }], {}), error);
});
