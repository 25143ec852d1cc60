import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import functionUrl from "../../../adapter/runtime/events/function-url.ts";
import { makeOrigin } from "../_call.ts";

const read = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(new URL(`../../fixtures/events/${name}.json`, import.meta.url), "utf8"));

/** As it leaves: the runtime client writes results and preludes as JSON. */
const asSent = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

const callOf = (event: Record<string, unknown>) => functionUrl.toCall(event as never, makeOrigin());

const withPath = (rawPath: string, stage?: string) => {
  const event = read("function-url");
  return callOf({ ...event, rawPath, requestContext: { ...(event["requestContext"] as object), stage } });
};

test("path and query as they were sent, cookies in a header", () => {
  const call = callOf(read("function-url"));
  assert.equal(call.method, "POST");
  assert.equal(call.path, "/predict");
  assert.equal(call.query, "trace=1&trace=2&text=caf%C3%A9+au+lait");
  assert.equal(call.headers["cookie"], "session=a1b2; theme=dark");
  assert.equal(call.headers["content-type"], "application/json");
  assert.equal(call.body(), '{"text":"hello"}');
});

test("a GET has no body and no cookies", () => {
  const call = callOf(read("function-url.get"));
  assert.equal(call.body(), "");
  assert.equal(call.headers["cookie"], undefined);
});

test("the event itself is left as it is", () => {
  const event = read("function-url");
  const before = structuredClone(event);
  callOf(event).body();
  assert.deepEqual(event, before);
});

test("a named stage is taken from the path, once", () => {
  assert.equal(callOf(read("function-url.http-api-named-stage")).path, "/v1/models/scribe:predict");
  for (const [rawPath, stage, path] of [
    ["/prod/predict", "prod", "/predict"],
    ["/prod/prod/predict", "prod", "/prod/predict"],
    ["/prod", "prod", "/"],
    ["/prod/", "prod", "/"],
    ["/production/predict", "prod", "/production/predict"],
    ["/predict", "prod", "/predict"],
    ["/$default/predict", "$default", "/$default/predict"],
    ["/a%2Fb//c", "$default", "/a%2Fb//c"],
    ["/predict", undefined, "/predict"],
  ] as const) {
    assert.equal(withPath(rawPath, stage).path, path, `${rawPath} in ${stage}`);
  }
});

test("a result: text as text, bytes as base64, nothing as nothing", () => {
  const headers = { "content-type": "text/plain" };
  assert.deepEqual(asSent(functionUrl.toResult({ status: 200, headers, body: "é" })), {
    statusCode: 200,
    headers,
    body: "é",
    isBase64Encoded: false,
  });
  const whole = Uint8Array.from([9, 0, 255, 128, 9]);
  assert.deepEqual(asSent(functionUrl.toResult({ status: 200, headers, body: whole.subarray(1, 4) })), {
    statusCode: 200,
    headers,
    body: "AP+A",
    isBase64Encoded: true,
  });
  assert.deepEqual(asSent(functionUrl.toResult({ status: 204, headers: {}, body: undefined })), {
    statusCode: 204,
    headers: {},
    isBase64Encoded: false,
  });
});

test("cookies are a list, in results and preludes, and absent when there are none", () => {
  const reply = {
    status: 200,
    headers: {},
    cookies: ["a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT", "b=2"],
    body: "",
  };
  assert.deepEqual(asSent(functionUrl.toPrelude(reply)), {
    statusCode: 200,
    headers: {},
    cookies: reply.cookies,
  });
  assert.deepEqual(functionUrl.toResult(reply).cookies, reply.cookies);
  for (const cookies of [undefined, []]) {
    const prelude = functionUrl.toPrelude({
      status: 200,
      headers: {},
      body: "",
      ...(cookies && { cookies }),
    });
    assert.deepEqual(asSent(prelude), { statusCode: 200, headers: {} });
  }
});

test("payload 1.0, and what only has a path, is not taken", () => {
  const event = read("function-url");
  for (const other of [
    { ...event, requestContext: { stage: "prod", httpMethod: "POST" } },
    { ...event, rawPath: undefined },
    { ...event, requestContext: undefined },
  ]) {
    assert.equal(functionUrl.matches(other), false);
  }
});
