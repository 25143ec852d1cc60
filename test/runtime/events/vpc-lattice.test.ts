import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import vpcLattice from "../../../adapter/runtime/events/vpc-lattice.ts";
import { makeOrigin } from "../_call.ts";

const read = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(new URL(`../../fixtures/events/${name}.json`, import.meta.url), "utf8"));

const callOf = (event: Record<string, unknown>) => vpcLattice.toCall(event as never, makeOrigin());

const withQuery = (queryStringParameters: unknown, path = "/predict") =>
  callOf({ ...read("vpc-lattice"), path, queryStringParameters }).query;

test("V2: lists of values", () => {
  const call = callOf(read("vpc-lattice"));
  assert.deepEqual([call.method, call.path], ["POST", "/predict"]);
  assert.equal(call.query, "trace=1&trace=2&text=caf%C3%A9");
  assert.equal(call.headers["x-tag"], "a, b");
  assert.equal(call.headers["cookie"], "session=a1b2; theme=dark");
  assert.equal(call.body(), '{"text":"hello"}');
});

test("V1: other names, and a body in base64", () => {
  const call = callOf(read("vpc-lattice.v1"));
  assert.deepEqual([call.method, call.path, call.query], ["POST", "/predict", "trace=2"]);
  assert.equal(call.headers["content-type"], "application/octet-stream");
  assert.deepEqual(Buffer.from(call.body()), Buffer.from([0, 255, 128, 65]));
});

test("V2 with plain values, as Powertools records it", () => {
  const event = { ...read("vpc-lattice"), headers: { accept: "*/*" }, queryStringParameters: { id: "1" } };
  assert.deepEqual([callOf(event).headers, callOf(event).query], [{ accept: "*/*" }, "id=1"]);
});

test("a query in the path is the one that was sent", () => {
  const event = { ...read("vpc-lattice"), path: "/predict?a=%41+b&a=2?x" };
  assert.deepEqual([callOf(event).path, callOf(event).query], ["/predict", "a=%41+b&a=2?x"]);
});

test("parameters are escaped where they are not yet", () => {
  assert.equal(withQuery({ a: ["%C3%A9+x"] }), "a=%C3%A9+x");
  assert.equal(withQuery({ a: ["é x&y=z#"] }), "a=%C3%A9%20x%26y%3Dz%23");
  assert.equal(withQuery({ a: ["50% & more"] }), "a=50%25%20%26%20more");
  assert.equal(withQuery({ a: ["cut \ud83d"], b: null }), "a=cut%20%EF%BF%BD");
  assert.equal(withQuery({ a: ["\u{1f600}"] }), "a=%F0%9F%98%80");
  assert.equal(withQuery(undefined), "");
});

test("what only resembles an event of V1 is not taken", () => {
  const event = read("vpc-lattice.v1");
  for (const key of ["raw_path", "method", "headers"]) {
    const { [key]: _gone, ...rest } = event;
    assert.equal(vpcLattice.matches(rest), false, key);
  }
});
