// Any request through every HTTP source, and any damage that leaves an event's types as AWS has them (a text for a text,
// `null` for a map or a list, nothing for anything): no crash, no hang, no 5xx, and what arrives is what was sent.

import fc from "fast-check";
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { HttpSource } from "../../../adapter/runtime/contracts.ts";
import alb from "../../../adapter/runtime/events/alb.ts";
import apiGateway from "../../../adapter/runtime/events/api-gateway.ts";
import functionUrl from "../../../adapter/runtime/events/function-url.ts";
import vpcLattice from "../../../adapter/runtime/events/vpc-lattice.ts";
import { http } from "../../../adapter/runtime/targets/_http.ts";
import { makeOrigin } from "../_call.ts";
import { context, FakeResponseStream, startFunction } from "../_function.ts";
import { EVENTS, type HttpRequest, LOSSY } from "./_http-request.ts";

const SOURCES: readonly HttpSource[] = [functionUrl, apiGateway, alb, vpcLattice];
const FIXTURES = join(import.meta.dirname, "..", "..", "fixtures", "events");
const SEED = { seed: 4, numRuns: 300 };

// The log of hundreds of calls is not what anybody wants to read here.
const write = process.stdout.write;
before(() => {
  process.stdout.write = ((chunk: unknown, ...rest: never[]) =>
    typeof chunk === "string" && chunk.startsWith('{"timestamp"')
      ? true
      : (write as (...all: unknown[]) => boolean).call(process.stdout, chunk, ...rest)) as typeof write;
});
after(() => {
  process.stdout.write = write;
});

const text = fc.string({ unit: "grapheme", maxLength: 12 });
const token = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,10}$/);
const value = fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/);
const mediaType = fc.constantFrom(
  "application/json",
  "text/plain; charset=utf-8",
  "text/plain; charset=nobody-knows",
  "application/octet-stream",
  "application/msgpack",
  "multipart/form-data; boundary=x",
  "image/png",
  "application/yaml",
  "",
);
const segment = fc.constantFrom(
  "predict",
  "v1",
  "models",
  "a%2Fb",
  "%",
  "%zz",
  "..",
  "",
  "x:predict",
  "é",
  "{proxy+}",
);
const path = fc.oneof(
  fc.constant("/predict"),
  fc.array(segment, { maxLength: 6 }).map((segments) => `/${segments.join("/")}`),
);
const body = fc.oneof(
  fc.constant(undefined),
  fc.constant(""),
  fc.json(),
  text,
  fc.uint8Array({ maxLength: 40 }),
);

const request: fc.Arbitrary<HttpRequest> = fc.record({
  method: fc.constantFrom("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"),
  path,
  query: fc.array(fc.tuple(text, text), { maxLength: 4 }),
  headers: fc
    .tuple(
      fc.array(fc.tuple(token, value), { maxLength: 4 }),
      mediaType,
      fc.constantFrom("*/*", "text/event-stream", "application/json", "image/png", ";;q=,"),
      fc.constantFrom("gzip, br", "gzip", "", "x;q=0"),
    )
    .map(([more, type, accept, encoding]): [string, string][] => [
      ...more.filter(([name]) => !/^(cookie|content-type|accept|accept-encoding)$/i.test(name)),
      ["Content-Type", type],
      ["Accept", accept],
      ["Accept-Encoding", encoding],
    ]),
  cookies: fc.array(fc.stringMatching(/^[a-z]{1,5}=[!-+\--:<-~]{0,8}$/), { maxLength: 3 }),
  body,
});

function sourceOf(variant: string): HttpSource {
  const source = SOURCES.find(({ name }) => name === variant.split(".", 1)[0]);
  assert.ok(source, variant);
  return source;
}

const sorted = (pairs: Iterable<readonly [string, string]>) => [...pairs].map((pair) => `${pair}`).toSorted();

for (const [variant, toEvent] of Object.entries(EVENTS)) {
  const source = sourceOf(variant);

  test(`${variant}: what arrives is what was sent`, () => {
    fc.assert(
      fc.property(request, (sent) => {
        // No parameter twice where only the last arrives.
        const query = LOSSY.includes(variant) ? [...new Map(sent.query)] : sent.query;
        const event = toEvent({ ...sent, query });
        for (const other of SOURCES) assert.equal(other.matches(event), other === source);
        const call = source.toCall(event as never, makeOrigin());
        assert.equal(call.method, sent.method);
        assert.equal(call.path, sent.path);
        assert.deepEqual(sorted(new URLSearchParams(call.query)), sorted(query));
        assert.equal(call.headers["cookie"], sent.cookies.length > 0 ? sent.cookies.join("; ") : undefined);
        assert.deepEqual(Buffer.from(call.body() as string), Buffer.from((sent.body ?? "") as string));
        for (const [name, header] of Object.entries(call.headers)) {
          assert.equal(name, name.toLowerCase());
          assert.equal(typeof header, "string");
        }
      }),
      SEED,
    );
  });

  test(`${variant}: any request is answered, and never with a failure of ours`, async () => {
    const { buffered, stream } = await startEcho();
    await fc.assert(
      fc.asyncProperty(request, async (sent) => {
        const event = toEvent(sent);
        assertAnswer(await buffered(event, context()));
        const out = new FakeResponseStream();
        await stream(event, out, context());
        assert.equal(out.ended, true);
        const { prelude, body: whole } = out.parse();
        assertAnswer(prelude ?? JSON.parse(whole));
      }),
      SEED,
    );
  });
}

for (const file of globSync(`{${SOURCES.map(({ name }) => name).join()}}*.json`, { cwd: FIXTURES })) {
  test(`${file}, damaged, is refused or answered`, async () => {
    const { buffered } = await startEcho();
    const fixture = JSON.parse(readFileSync(join(FIXTURES, file), "utf8")) as unknown;
    const damage = fc.array(
      fc.record({ where: fc.nat(), how: fc.constantFrom("delete", "null", "text"), text }),
      { minLength: 1, maxLength: 4 },
    );
    await fc.assert(
      fc.asyncProperty(damage, async (all) => {
        const event = structuredClone(fixture);
        for (const { where, how, text: other } of all) {
          const places = [...leaves(event)];
          const [parent, key] = places[where % places.length] ?? [];
          if (!parent || key === undefined) continue;
          const isText = typeof parent[key] === "string";
          if (how === "delete") delete parent[key];
          else if (how === "null" && (!isText || parent === event)) parent[key] = null;
          else if (isText) parent[key] = other;
        }
        await buffered(event, context()).then(assertAnswer, (error: Error) =>
          assert.equal(error.name, "EVENT_UNKNOWN", error.stack),
        );
      }),
      SEED,
    );
  });
}

async function startEcho() {
  class Echo {
    predict(input: unknown) {
      return input;
    }
  }
  const fn = startFunction(Echo, { sources: SOURCES.map((source) => http(source)) });
  await fn.ready;
  return fn;
}

function assertAnswer(result: unknown): void {
  const { statusCode } = JSON.parse(JSON.stringify(result)) as { statusCode: number };
  assert.ok(statusCode >= 200 && statusCode < 500, JSON.stringify(result));
}

/** Every place in a document: an object or a list, and one of its keys. */
function* leaves(value: unknown): Generator<[Record<string, unknown>, string]> {
  if (typeof value !== "object" || value === null) return;
  for (const key of Object.keys(value)) {
    yield [value as Record<string, unknown>, key];
    yield* leaves((value as Record<string, unknown>)[key]);
  }
}
