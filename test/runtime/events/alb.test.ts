import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import alb from "../../../adapter/runtime/events/alb.ts";
import type { Reply } from "../../../adapter/runtime/call.ts";
import { makeOrigin } from "../_call.ts";

const read = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(new URL(`../../fixtures/events/${name}.json`, import.meta.url), "utf8"));

const callOf = (event: Record<string, unknown>) => alb.toCall(event as never, makeOrigin());

const resultOf = (fixture: string, reply: Partial<Reply>) =>
  JSON.parse(
    JSON.stringify(
      alb.toResult({ status: 200, headers: {}, body: undefined, ...reply }, read(fixture) as never),
    ),
  ) as Record<string, unknown>;

test("a query is undecoded already, and stays so", () => {
  assert.equal(callOf(read("alb")).query, "text=caf%C3%A9+au+lait&show=%3FshowAll%3Dtrue");
  assert.equal(callOf(read("alb.multi-value")).query, "trace=1&trace=2&show=%3FshowAll%3Dtrue");
});

test("a health check, which names no host and accepts nothing, is a call", () => {
  const call = callOf(read("alb.health-check"));
  assert.deepEqual([call.method, call.path, call.query, call.body()], ["GET", "/", "", ""]);
  assert.deepEqual(call.headers, { "user-agent": "ELB-HealthChecker/2.0" });
});

test("lists of values are one header", () => {
  const { headers } = callOf(read("alb.multi-value"));
  assert.equal(headers["cookie"], "session=a1b2; theme=dark");
  assert.equal(headers["x-tag"], "a, b");
});

test("an answer has the form of its event", () => {
  const reply = { headers: { "content-type": "text/plain" }, cookies: ["a=1", "b=2", "c=3"], body: "x" };
  assert.deepEqual(resultOf("alb.multi-value", reply), {
    statusCode: 200,
    statusDescription: "200 OK",
    multiValueHeaders: { "content-type": ["text/plain"], "set-cookie": ["a=1", "b=2", "c=3"] },
    body: "x",
    isBase64Encoded: false,
  });
  assert.deepEqual(resultOf("alb", reply), {
    statusCode: 200,
    statusDescription: "200 OK",
    headers: { "content-type": "text/plain", "set-cookie": "a=1", "Set-cookie": "b=2", "sEt-cookie": "c=3" },
    body: "x",
    isBase64Encoded: false,
  });
});

test("more cookies than a browser keeps are each a header of its own", () => {
  const cookies = Array.from({ length: 50 }, (_, i) => `c${i}=${i}`);
  const { headers } = resultOf("alb", { cookies }) as { headers: Record<string, string> };
  assert.deepEqual(Object.values(headers), cookies);
  for (const name of Object.keys(headers)) assert.equal(name.toLowerCase(), "set-cookie");
});

test("a status has its description, one that nobody described as well", () => {
  for (const [status, description] of [
    [204, "204 No Content"],
    [413, "413 Payload Too Large"],
    [499, "499 Unknown"],
  ] as const) {
    assert.equal(resultOf("alb", { status })["statusDescription"], description);
  }
});

test("a result over 1 MB as JSON is refused, with the way round", () => {
  const size = (body: string | Uint8Array) => JSON.stringify(resultOf("alb", { body })).length;
  const room = 1024 * 1024 - size("");
  assert.equal(size("x".repeat(room)), 1024 * 1024);
  for (const body of ["x".repeat(room + 1), '"'.repeat(room / 2 + 1), new Uint8Array(0.76 * 1024 * 1024)]) {
    assert.throws(() => resultOf("alb", { body }), {
      code: "OUTPUT_TOO_LARGE",
      message: /1 MB/,
      fix: /function URL.*`index\.stream`/,
    });
  }
});
