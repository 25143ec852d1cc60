import assert from "node:assert/strict";
import { test } from "node:test";
import { CODES, ColdframeError, errorBody, toColdframeError } from "../../adapter/runtime/errors.ts";

test("an error is named by its code: the name is what Lambda reports as its type", () => {
  const cause = new Error("why");
  const error = new ColdframeError("INPUT_INVALID", "no.", { fix: "Do that.", cause });
  assert.equal(error.name, "INPUT_INVALID");
  assert.equal(error.status, 400);
  assert.equal(error.sentence, "no. Do that.");
  assert.equal(error.cause, cause);
  assert.ok(!("cause" in new ColdframeError("INPUT_INVALID", "no.")));
});

test("every code that answers somebody has an error status", () => {
  for (const [code, status] of Object.entries(CODES.invocation)) {
    assert.ok(status >= 400 && status < 600, code);
    assert.equal(new ColdframeError(code as never, "").status, status);
  }
  assert.equal(CODES.invocation.MODEL_LOAD_FAILED, 503);
});

test("a code belongs to one phase", () => {
  const codes = [...CODES.build, ...CODES.init, ...Object.keys(CODES.invocation)];
  assert.equal(new Set(codes).size, codes.length);
});

test("the body tells code, sentence, request id and issues, and nothing of the cause", () => {
  const issues = [{ path: "a", message: "b" }];
  const error = new ColdframeError("INPUT_INVALID", "no.", {
    fix: "Do that.",
    issues,
    cause: new Error("secret"),
  });
  assert.deepEqual(JSON.parse(JSON.stringify(errorBody(error, "r"))), {
    error: { code: "INPUT_INVALID", message: "no. Do that.", request_id: "r", issues },
  });
  const plain = errorBody(new ColdframeError("CANCELLED", "gone."), "r");
  assert.deepEqual(Object.keys(JSON.parse(JSON.stringify(plain)).error), ["code", "message", "request_id"]);
});

test("what a model throws is masked once, and its cause is never lost", () => {
  for (const thrown of [new Error("x"), "x", 0, null, undefined]) {
    const error = toColdframeError(thrown, "postprocess");
    assert.equal(error.code, "PREDICT_FAILED");
    assert.match(error.message, /postprocess/);
    assert.notEqual(error.cause, undefined);
    assert.equal(toColdframeError(error), error);
  }
});
