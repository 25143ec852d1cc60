// What every file of adapter/runtime/events promises, tried on the events of test/fixtures/events. A new source needs
// its fixture there, an HTTP source a line in _http-request.ts besides, and nothing here.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { test } from "node:test";
import type { EventSource } from "../../../adapter/runtime/contracts.ts";
import { makeOrigin } from "../_call.ts";
import { toInvocation } from "../../../adapter/runtime/invocation.ts";
import * as late from "../../../adapter/runtime/late.ts";
import { EVENTS, type HttpRequest, LOSSY, REQUEST } from "./_http-request.ts";

const SOURCES = new URL("../../../adapter/runtime/events/", import.meta.url);
const FIXTURES = new URL("../../fixtures/events/", import.meta.url);

const namesIn = (folder: URL, extension: string) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(extension) && !name.startsWith("_"))
    .map((name) => basename(name, extension));

const read = (fixture: string): unknown =>
  JSON.parse(readFileSync(new URL(`${fixture}.json`, FIXTURES), "utf8"));

const fixtures = namesIn(FIXTURES, ".json");

for (const name of namesIn(SOURCES, ".ts")) {
  const source = ((await import(new URL(`${name}.ts`, SOURCES).href)) as { default: EventSource }).default;
  const isOwn = (fixture: string) => fixture.split(".", 1)[0] === name;
  const own = fixtures.filter(isOwn);

  test(`${name}: has its file's name and a fixture of its own`, () => {
    assert.equal(source.name, name);
    assert.ok(own.includes(name), `write test/fixtures/events/${name}.json`);
  });

  for (const fixture of fixtures) {
    test(`${name}: ${isOwn(fixture) ? "takes" : "refuses"} ${fixture}`, () => {
      assert.equal(source.matches(read(fixture)), isOwn(fixture));
    });
  }

  test(`${name}: asking never throws`, () => {
    const odd = [
      undefined,
      null,
      0,
      "text",
      [],
      [null],
      {},
      { requestContext: null },
      { requestContext: "text" },
      { requestContext: { http: null } },
      { rawPath: 7, requestContext: { http: { method: "GET" } } },
      { Records: null },
      { Records: [] },
      { Records: [null] },
      { detail: null, source: null },
      Object.create(null),
    ];
    for (const event of odd) assert.equal(typeof source.matches(event), "boolean");
  });

  if (source.kind === "http") httpContract(source, own);
  else recordContract(source, own);
}

test("no event is taken by two sources", async () => {
  const sources = await Promise.all(
    namesIn(SOURCES, ".ts").map(async (name) => {
      const module = (await import(new URL(`${name}.ts`, SOURCES).href)) as { default: EventSource };
      return module.default;
    }),
  );
  for (const fixture of fixtures) {
    const takers = sources.filter((source) => source.matches(read(fixture))).map(({ name }) => name);
    assert.ok(takers.length <= 1, `${fixture}: ${takers.join(", ")}`);
  }
});

function httpContract(source: Extract<EventSource, { kind: "http" }>, own: readonly string[]): void {
  const { name } = source;
  const origin = makeOrigin();
  const callOf = (event: unknown) => source.toCall(event as never, origin);

  for (const fixture of own) {
    test(`${name}: ${fixture} is a plain call`, () => {
      const call = callOf(read(fixture));
      assert.match(call.method, /^[A-Z]+$/);
      assert.match(call.path, /^\//);
      assert.ok(!call.path.includes("?"));
      assert.ok(!call.query.startsWith("?"));
      for (const [header, value] of Object.entries(call.headers)) {
        assert.equal(header, header.toLowerCase());
        assert.equal(typeof value, "string");
      }
      assert.ok(typeof call.body() === "string" || call.body() instanceof Uint8Array);
      assert.equal(call.origin, origin);
    });

    test(`${name}: ${fixture} without a body, with an empty one, with null, and in base64`, () => {
      const event = read(fixture) as Record<string, unknown>;
      const base64 = "is_base64_encoded" in event ? "is_base64_encoded" : "isBase64Encoded";
      const { body: _body, ...without } = event;
      for (const variant of [without, { ...event, body: "" }, { ...event, body: null }]) {
        assert.equal(callOf(variant).body().length, 0);
      }
      const bytes = Buffer.from([0, 255, 128, 10]);
      const carried = callOf({ ...event, body: bytes.toString("base64"), [base64]: true }).body();
      assert.deepEqual(Uint8Array.from(carried as Uint8Array), Uint8Array.from(bytes));
      const text = callOf({ ...event, body: '{"a":"é"}', [base64]: false }).body();
      assert.equal(Buffer.from(text as string).toString(), '{"a":"é"}');
    });

    test(`${name}: ${fixture} is left as it is`, () => {
      const event = read(fixture);
      callOf(event).body();
      assert.deepEqual(event, read(fixture));
    });
  }

  for (const [variant, toEvent] of Object.entries(EVENTS)) {
    if (variant.split(".", 1)[0] !== name) continue;
    const sent = (request: Partial<HttpRequest>) => {
      const event = toEvent({ ...REQUEST, ...request });
      assert.equal(source.matches(event), true, variant);
      return callOf(event);
    };

    test(`${variant}: a path arrives as it was sent`, () => {
      for (const path of [
        "/",
        "/predict",
        "/predict/",
        "//evil.example/x",
        "/a%2Fb%3A:predict",
        "/a+b//c/",
      ]) {
        assert.equal(sent({ path }).path, path);
      }
    });

    test(`${variant}: a query arrives as it was meant`, () => {
      const parameters = (query: string) => [...new URLSearchParams(query)];
      const once: [string, string][] = [
        ["q", "a b+c&d=e?f#g/ü\u{1f600}%2B%"],
        ["na me", ""],
        ["__proto__", "x"],
      ];
      assert.deepEqual(parameters(sent({ query: once }).query), once);
      assert.equal(sent({ query: [] }).query, "");
      const twice: [string, string][] = [
        ["a", "1"],
        ["a", "2"],
      ];
      assert.deepEqual(
        parameters(sent({ query: twice }).query),
        LOSSY.includes(variant) ? [["a", "2"]] : twice,
      );
    });

    test(`${variant}: names of headers are lower case, repeated ones and cookies are one line each`, () => {
      const headers: [string, string][] = [
        ["X-Tag", "a"],
        ["X-Tag", "b"],
        ["Accept", "text/event-stream"],
      ];
      const call = sent({ headers, cookies: ["a=1", "b=2"] });
      assert.equal(call.headers["accept"], "text/event-stream");
      assert.equal(call.headers["cookie"], "a=1; b=2");
      if (!LOSSY.includes(variant)) assert.match(call.headers["x-tag"] ?? "", /^a, ?b$/);
      assert.equal(sent({}).headers["cookie"], undefined);
    });

    test(`${variant}: a body arrives as it was sent`, () => {
      const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
      for (const body of [bytes, "", '{"a":"é\ud83d\ude00"}']) {
        assert.deepEqual(Buffer.from(sent({ body }).body() as string), Buffer.from(body as string));
      }
      assert.equal(sent({ method: "GET", body: undefined }).body().length, 0);
    });

    test(`${variant}: a hostile host is not where the model's request points to`, () => {
      for (const host of ["evil.example/x?", "a@b", "a b", "[::1", "", "x".repeat(5000)]) {
        const call = sent({ headers: [["Host", host]], path: "//evil.example/x" });
        const url = new URL(toInvocation(call.origin, { call, late: () => late }).request?.url ?? "");
        assert.notEqual(url.host, "evil.example");
        assert.equal(url.pathname, "//evil.example/x");
      }
    });
  }

  test(`${name}: odd headers arrive as they are`, () => {
    const event = read(name) as { headers: Record<string, unknown> };
    assert.ok(EVENTS[name], `write its line in _http-request.ts`);
    const odd = JSON.parse('{"x-empty":"","x-utf8":"日本","__proto__":"x","constructor":"y","x-long":""}');
    odd["x-long"] = "x".repeat(100_000);
    const { headers } = callOf({ ...event, headers: { ...event.headers, ...odd } });
    for (const [header, value] of Object.entries(odd)) assert.equal(headers[header], value, header);
    assert.equal(Object.getPrototypeOf(headers), Object.prototype);
  });

  test(`${name}: a result is an envelope, whatever the body looks like`, () => {
    for (const fixture of own) {
      const event = read(fixture) as never;
      const reply = { status: 201, headers: { "x-a": "1" }, body: '{"statusCode":404}' };
      const result = JSON.parse(JSON.stringify(source.toResult(reply, event))) as Record<string, unknown>;
      assert.equal(result["statusCode"], 201);
      assert.equal(result["body"], reply.body);
      assert.equal(result["isBase64Encoded"], false);
      assert.match(
        JSON.stringify(source.toPrelude?.(reply, event) ?? { statusCode: 201 }),
        /"statusCode":201/,
      );
    }
  });

  test(`${name}: a result carries text as text, bytes as base64, nothing as nothing, and every cookie`, () => {
    for (const fixture of own) {
      const event = read(fixture) as never;
      const result = (body: string | Uint8Array | undefined, cookies: string[] = []) => {
        const reply = { status: 200, headers: { "content-type": "text/plain" }, cookies, body };
        return JSON.parse(JSON.stringify(source.toResult(reply, event))) as Record<string, unknown>;
      };
      const bytes = Uint8Array.of(9, 0, 255, 128, 9).subarray(1, 4);
      assert.deepEqual([result("é")["body"], result("é")["isBase64Encoded"]], ["é", false]);
      assert.deepEqual([result(bytes)["body"], result(bytes)["isBase64Encoded"]], ["AP+A", true]);
      assert.equal("body" in result(undefined), false);
      const cookies = ["a=1; Expires=Wed, 21 Oct 2099 07:28:00 GMT", "b=2", "c=3"];
      const text = JSON.stringify(result("", cookies));
      for (const cookie of cookies) assert.ok(text.includes(JSON.stringify(cookie)), text);
      assert.doesNotMatch(JSON.stringify(result("")), /cookie/i);
    }
  });
}

function recordContract(source: Extract<EventSource, { kind: "records" }>, own: readonly string[]): void {
  const { name } = source;
  for (const fixture of own) {
    test(`${name}: ${fixture} has records, each with its input and its own event`, () => {
      const event = read(fixture) as never;
      // Refused whole, or for nobody.
      if (fixture.endsWith(".failure"))
        return assert.throws(() => source.toRecords(event), { code: "INPUT_INVALID" });
      const records = source.toRecords(event);
      assert.equal(records.length > 0, !fixture.endsWith(".test-event"));
      for (const { input, event: own } of records) assert.ok(input !== undefined && own !== undefined);
    });

    if (fixture.endsWith(".failure")) continue;
    test(`${name}: the result of ${fixture} is JSON`, () => {
      const event = read(fixture) as never;
      const outcomes = source.toRecords(event).map(() => ({ value: { n: 1 } }));
      const result = source.toResult(outcomes, event);
      assert.deepEqual(JSON.parse(JSON.stringify(result ?? null)), result ?? null);
    });
  }
}
