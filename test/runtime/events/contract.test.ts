// What every file of adapter/runtime/events promises, tried on the events of test/fixtures/events. A new source needs
// its fixture there, and nothing here.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { test } from "node:test";
import type { EventSource } from "../../../adapter/runtime/contracts.ts";
import { makeOrigin } from "../_call.ts";

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
      const { body: _body, ...without } = event;
      for (const variant of [without, { ...event, body: "" }, { ...event, body: null }]) {
        assert.equal(callOf(variant).body().length, 0);
      }
      const bytes = Buffer.from([0, 255, 128, 10]);
      const carried = callOf({ ...event, body: bytes.toString("base64"), isBase64Encoded: true }).body();
      assert.deepEqual(Uint8Array.from(carried as Uint8Array), Uint8Array.from(bytes));
      const text = callOf({ ...event, body: '{"a":"é"}', isBase64Encoded: false }).body();
      assert.equal(Buffer.from(text as string).toString(), '{"a":"é"}');
    });
  }

  test(`${name}: odd headers arrive as they are`, () => {
    const event = read(name) as { headers: Record<string, unknown> };
    const odd = JSON.parse('{"x-empty":"","x-utf8":"日本","__proto__":"x","constructor":"y","x-long":""}');
    odd["x-long"] = "x".repeat(100_000);
    const { headers } = callOf({ ...event, headers: { ...event.headers, ...odd } });
    for (const [header, value] of Object.entries(odd)) assert.equal(headers[header], value, header);
    assert.equal(Object.getPrototypeOf(headers), Object.prototype);
  });

  test(`${name}: a result is an envelope, whatever the body looks like`, () => {
    const result = source.toResult({ status: 201, headers: { "x-a": "1" }, body: '{"statusCode":404}' });
    assert.match(JSON.stringify(result), /"statusCode":201/);
  });
}

function recordContract(source: Extract<EventSource, { kind: "records" }>, own: readonly string[]): void {
  const { name } = source;
  for (const fixture of own) {
    test(`${name}: ${fixture} has records, each with its input and its own event`, () => {
      const records = source.toRecords(read(fixture) as never);
      assert.ok(records.length > 0);
      for (const record of records) assert.deepEqual(Object.keys(record).toSorted(), ["event", "input"]);
    });

    test(`${name}: the result of ${fixture} is JSON`, () => {
      const event = read(fixture) as never;
      const outcomes = source.toRecords(event).map(() => ({ value: { n: 1 } }));
      const result = source.toResult(outcomes, event);
      assert.deepEqual(JSON.parse(JSON.stringify(result ?? null)), result ?? null);
    });
  }
}
