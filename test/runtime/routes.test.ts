import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { sleep } from "./_call.ts";
import { bodyOf, httpEvent, context, type HttpResult, startFunction } from "./_function.ts";
import { logged } from "./_log.ts";

const folder = mkdtempSync(join(tmpdir(), "artifact-"));
after(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, "openapi.json"), '{"openapi":"3.1.0"}');

class Echo {
  predict(input: unknown) {
    return input;
  }
}

function site(Model: unknown = Echo) {
  const its = startFunction(Model, { folder });
  return {
    ...its,
    call: async (method: string, rawPath: string, body?: string, timeoutMs?: number) =>
      (await its.buffered(
        httpEvent({ method, rawPath, ...(body === undefined ? undefined : { body }) }),
        context(timeoutMs),
      )) as HttpResult,
  };
}

const codeOf = (result: HttpResult) => (bodyOf(result) as { error?: { code: string } }).error?.code;

const PREDICT_PATHS = ["/predict", "/invocations", "/v1/models/any:predict", "/v1/models/a%2Fb:predict"];
const GET_PATHS = [
  "/",
  "/health/live",
  "/health/ready",
  "/ping",
  "/openapi.json",
  "/v1/models/any",
  "/v1/models/any/loaded",
];

for (const path of PREDICT_PATHS) {
  test(`POST ${path} asks the model`, async () => {
    const { call, ready } = site();
    await ready;
    assert.deepEqual(bodyOf(await call("POST", path, '{"a":1}')), { a: 1 });
    for (const method of ["GET", "HEAD", "PUT", "OPTIONS"]) {
      const refused = await call(method, path);
      assert.equal(refused.statusCode, 405, method);
      assert.equal(refused.headers["allow"], "POST");
      if (method !== "HEAD") assert.equal(codeOf(refused), "METHOD_NOT_ALLOWED");
    }
  });
}

for (const path of GET_PATHS) {
  test(`GET ${path}, and HEAD without a body`, async () => {
    const { call, ready } = site();
    await ready;
    const got = await call("GET", path);
    assert.equal(got.statusCode, 200);
    assert.equal(got.headers["content-type"], "application/json");
    assert.notEqual(got.body, undefined);
    const head = await call("HEAD", path);
    assert.equal(head.statusCode, 200);
    assert.deepEqual(head.headers, got.headers);
    assert.equal(head.body, undefined);
    const refused = await call("POST", path, "{}");
    assert.equal(refused.statusCode, 405);
    assert.equal(refused.headers["allow"], "GET, HEAD");
  });
}

for (const path of [
  "/nope",
  "//predict",
  "/predict/",
  "/%70redict",
  "/v1/models/a/b:predict",
  "/v1/models/:predict",
  "/v1/models/",
  "/v1/models/any/unknown",
  "/v1/models/any:unknown",
  "/predict/../health/live",
  "/:loaded",
  "",
]) {
  test(`"${path}" is not here, and the answer says what is`, async () => {
    const result = await site().call("GET", path);
    assert.equal(result.statusCode, 404);
    assert.equal(codeOf(result), "ROUTE_NOT_FOUND");
    assert.match(result.body ?? "", /POST \/predict/);
  });
}

test("a method that is a word of JavaScript is no method", async () => {
  for (const method of ["constructor", "__proto__", "toString", "get"]) {
    assert.equal((await site().call(method, "/predict")).statusCode, 405, method);
  }
});

test("every answer carries the request id", async () => {
  const { call } = site();
  for (const [method, path] of [
    ["POST", "/predict"],
    ["GET", "/"],
    ["GET", "/nope"],
    ["PUT", "/predict"],
  ] as const) {
    const { headers } = await call(method, path, method === "POST" ? "1" : undefined);
    assert.equal(headers["x-request-id"], "request-1", `${method} ${path}`);
  }
});

test("a document that the build did not write is 404 and not a crash", async () => {
  for (const path of ["/schema", "/v1/models/any/schema"]) {
    const result = await site().call("GET", path);
    assert.equal(result.statusCode, 404);
    assert.match(result.body ?? "", /schema\.json/);
  }
  writeFileSync(join(folder, "schema.json"), '{"input_schema":{}}');
  assert.deepEqual(bodyOf(await site().call("GET", "/schema")), { input_schema: {} });
  assert.equal((await site().call("GET", "/v1/models/any/schema")).statusCode, 200);
});

test("while the model loads: alive, not ready, and nobody waits for that", async () => {
  let finish = () => {};
  const { call, ready } = site(
    class extends Echo {
      load() {
        return new Promise<void>((resolve) => {
          finish = resolve;
        });
      }
    },
  );
  await sleep(2);
  const statusOf = async (path: string) => (await call("GET", path)).statusCode;
  assert.equal(await statusOf("/"), 200);
  assert.equal(await statusOf("/health/live"), 200);
  assert.equal(await statusOf("/ping"), 204);
  for (const path of ["/health/ready", "/v1/models/any", "/v1/models/any/loaded"]) {
    const result = await call("GET", path);
    assert.equal(result.statusCode, 503);
    assert.equal(codeOf(result), "MODEL_NOT_READY");
    assert.equal(result.headers["retry-after"], "1");
  }
  finish();
  await ready;
  assert.equal(await statusOf("/ping"), 200);
});

for (const [what, isHealthy, status] of [
  ["true", () => true, 200],
  ["a number", () => 34, 200],
  ["a promise of true", async () => true, 200],
  ["false", () => false, 503],
  ["nothing", () => {}, 503],
  ["an empty string", async () => "", 503],
  ["an error", () => assert.fail("no"), 503],
  ["a rejection", async () => assert.fail("no"), 503],
] as const) {
  test(`isHealthy that gives ${what}: ${status}, and loaded all the same`, async () => {
    const { call, ready } = site(
      class extends Echo {
        isHealthy() {
          return isHealthy();
        }
      },
    );
    await ready;
    const { lines } = await logged(async () => {
      for (const path of ["/health/ready", "/ping", "/v1/models/any"]) {
        const result = await call("GET", path);
        assert.equal(result.statusCode, status, path);
        if (status === 503) assert.equal(codeOf(result), "MODEL_UNHEALTHY");
      }
    });
    assert.equal(lines.length, status === 503 ? 3 : 0);
    assert.equal((await call("GET", "/v1/models/any/loaded")).statusCode, 200);
    assert.equal((await call("GET", "/health/live")).statusCode, 200);
    assert.equal((await call("POST", "/predict", "1")).statusCode, 200, "an unhealthy model still answers");
  });
}

test("isHealthy that hangs is 503 within the invocation's time", async () => {
  const { call, ready } = site(
    class extends Echo {
      isHealthy() {
        return new Promise(() => {});
      }
    },
  );
  await ready;
  const { result } = await logged(() => call("GET", "/health/ready", undefined, 40));
  assert.equal(result.statusCode, 503);
});

test("isHealthy sees its model", async () => {
  const { call, ready } = site(
    class extends Echo {
      #loaded = false;
      load() {
        this.#loaded = true;
      }
      isHealthy() {
        return this.#loaded;
      }
    },
  );
  await ready;
  assert.equal((await call("GET", "/health/ready")).statusCode, 200);
});
