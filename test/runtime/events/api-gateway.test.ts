import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import apiGateway from "../../../adapter/runtime/events/api-gateway.ts";
import { makeOrigin } from "../_call.ts";

const read = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(new URL(`../../fixtures/events/${name}.json`, import.meta.url), "utf8"));

/** As it leaves: the runtime client writes results and preludes as JSON. */
const asSent = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

const callOf = (event: Record<string, unknown>) => apiGateway.toCall(event as never, makeOrigin());

const pathOf = (event: Record<string, unknown>) => callOf({ ...read("api-gateway"), ...event }).path;

test("a decoded query is escaped again: a plus sign, a space and an ampersand are told apart", () => {
  const { query } = callOf(read("api-gateway"));
  assert.equal(
    query,
    "trace=1&trace=2&email=test%2Balias%40gmail.com&plus=test%20alias%40gmail.com&text=caf%C3%A9%20%26%20cr%C3%A8me",
  );
});

test("what AWS cut in the middle of a character does not fail the call", () => {
  const { query } = callOf({ ...read("api-gateway"), multiValueQueryStringParameters: { q: ["a\ud83d"] } });
  assert.match(query, /q=a%EF%BF%BD/);
});

test("of a header that is there twice, every value; names in any case are one header", () => {
  const { headers } = callOf(read("api-gateway"));
  assert.equal(headers["x-tag"], "a, b");
  assert.equal(headers["cookie"], "session=a1b2; theme=dark");
  assert.equal(headers["content-type"], "application/json");
  const both = { "X-Tag": ["a"], "x-tag": ["b", "c"] };
  assert.equal(callOf({ ...read("api-gateway"), multiValueHeaders: both }).headers["x-tag"], "a, b, c");
});

test("the console's test, whose maps are null, is a call", () => {
  const call = callOf(read("api-gateway.console-test"));
  assert.deepEqual([call.method, call.path, call.query, call.headers], ["GET", "/health/ready", "", {}]);
});

test("a base path, or a stage that a custom domain maps as a path, is not part of the path", () => {
  assert.equal(callOf(read("api-gateway.custom-domain")).path, "/v1/models/a%2Fb:predict/");
  const proxy = { resource: "/{proxy+}", pathParameters: { proxy: "predict" } };
  for (const [path, expected] of [
    ["/predict", "/predict"],
    ["/prod/predict", "/predict"],
    ["/models/prod/predict", "/predict"],
    ["/predict/predict", "/predict"],
    ["/predict/", "/predict/"],
    ["/prod/predict/", "/predict/"],
  ]) {
    assert.equal(pathOf({ ...proxy, path }), expected, path);
  }
});

test("the path of a resource stays, with its parameters", () => {
  const resource = "/v1/models/{name}/{action+}";
  const pathParameters = { name: "a%20b", action: "x/y" };
  assert.equal(
    pathOf({ resource, pathParameters, path: "/base/v1/models/a%20b/x/y" }),
    "/v1/models/a%20b/x/y",
  );
  assert.equal(pathOf({ resource: "/predict", pathParameters: null, path: "/base/predict" }), "/predict");
  for (const path of ["/", "/base", "/base/"]) {
    assert.equal(pathOf({ resource: "/", pathParameters: null, path }), "/");
  }
});

test("a resource that does not explain the path changes nothing", () => {
  for (const resource of ["$default", undefined, "/other/{proxy+}"]) {
    assert.equal(pathOf({ resource, path: "/prod/predict" }), "/prod/predict");
  }
  const decoded = { resource: "/{proxy+}", pathParameters: { proxy: "a/b" }, path: "/a%2Fb" };
  assert.equal(pathOf(decoded), "/a%2Fb");
});

test("a path of slashes takes no time", () => {
  const path = `${"/".repeat(1_000_000)}x`;
  assert.equal(pathOf({ path, resource: "/{proxy+}", pathParameters: { proxy: "y" } }), path);
});

test("a result has the keys that API Gateway knows, and cookies where it looks for them", () => {
  const headers = { "content-type": "text/plain" };
  const result = asSent(apiGateway.toResult({ status: 201, headers, cookies: ["a=1", "b=2"], body: "x" }));
  assert.deepEqual(result, {
    statusCode: 201,
    headers,
    multiValueHeaders: { "set-cookie": ["a=1", "b=2"] },
    body: "x",
    isBase64Encoded: false,
  });
  assert.deepEqual(
    asSent(apiGateway.toPrelude({ status: 200, headers, cookies: ["a=1"], body: undefined })),
    {
      statusCode: 200,
      headers,
      multiValueHeaders: { "set-cookie": ["a=1"] },
    },
  );
});

test("a prelude fits in 16 KB with its delimiter, in bytes, or is an error", () => {
  const frame = JSON.stringify({ statusCode: 200, headers: { x: "" } }).length + 8;
  const prelude = (x: string) => apiGateway.toPrelude({ status: 200, headers: { x }, body: undefined });
  const room = 16_384 - frame;
  assert.ok(prelude("x".repeat(room)));
  assert.throws(() => prelude("x".repeat(room + 1)), { code: "OUTPUT_TOO_LARGE", message: /16 KB/ });
  assert.throws(() => prelude("é".repeat(room / 2 + 1)), { code: "OUTPUT_TOO_LARGE" });
});

test("events of a WebSocket, of an authorizer and of a load balancer are not taken", () => {
  const event = read("api-gateway");
  const { requestContext } = event as { requestContext: object };
  for (const other of [
    { ...event, requestContext: { ...requestContext, connectionId: "TWegAcC4EowCHnA=" } },
    { ...event, methodArn: "arn:aws:execute-api:eu-central-1:111122223333:a1b2c3d4e5/prod/POST/predict" },
    { ...event, requestContext: { elb: {} } },
    { ...event, requestContext: null },
    { ...event, path: undefined },
    { ...event, httpMethod: undefined },
  ]) {
    assert.equal(apiGateway.matches(other), false);
  }
});
