// Every HTTP event source through both handlers on both clients: a case is what a caller sends and what the service in
// front of the function makes of the bytes it gets; both clients put the same bytes on the wire, and the next
// invocation is answered by the same process.

import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { after, describe, test } from "node:test";
import { EVENTS, type HttpRequest, LOSSY, rawQuery, REQUEST } from "../runtime/events/_http-request.ts";
import { type Answer, CLIENTS, type Handler, type RunningFunction, startFunction } from "./_function.ts";
import { wireOf } from "./_wire.ts";

/** What the service's caller gets. */
interface Served {
  readonly status: number;
  /** Lower-case names, without cookies. */
  readonly headers: Readonly<Record<string, string>>;
  readonly cookies: readonly string[];
  readonly body: Buffer;
  /** The error that ended a stream, or that the function gave in place of an answer. */
  readonly error: string | undefined;
}

interface Case {
  readonly name: string;
  readonly ask?: object;
  readonly request?: Partial<HttpRequest>;
  /** A source that the case says nothing about. */
  readonly not?: string;
  readonly expect: (served: Served, about: { variant: string; streams: boolean }) => void;
}

const FIXTURES = join(import.meta.dirname, "..", "fixtures", "events");
const STREAMING = ["function-url", "api-gateway"];
const MEGABYTE = 1024 * 1024;
const SSE: HttpRequest["headers"] = [
  ["Content-Type", "application/json"],
  ["Accept", "text/event-stream"],
];

const QUERY: HttpRequest["query"] = [
  ["q", "a b+c&d=é"],
  ["trace", "2"],
];

const CASES: readonly Case[] = [
  {
    name: "method, path, query, headers and cookies arrive",
    ask: { do: "request" },
    request: {
      path: "/v1/models/a%2Fb:predict",
      query: QUERY,
      headers: [
        ["Content-Type", "application/json"],
        ["Host", "model.example"],
        ["X-Tag", "a"],
        ["X-Tag", "b"],
      ],
      cookies: ["a=1", "b=2"],
    },
    expect({ status, body }, { variant }) {
      const { url, tag, ...rest } = JSON.parse(body.toString()) as Record<string, string>;
      assert.equal(status, 200);
      const source = variant.split(".", 1)[0];
      assert.deepEqual(rest, { source, method: "POST", cookie: "a=1; b=2" });
      const arrived = new URL(url ?? "");
      assert.equal(arrived.origin + arrived.pathname, "https://model.example/v1/models/a%2Fb:predict");
      assert.equal(rawQuery([...arrived.searchParams]), rawQuery(QUERY));
      if (!LOSSY.includes(variant)) assert.match(tag ?? "", /^a, ?b$/);
    },
  },
  {
    name: "bytes in, bytes out",
    request: {
      headers: [["Content-Type", "application/octet-stream"]],
      body: Uint8Array.of(0, 0, 1, 2, 0xff, 0xc3),
    },
    expect({ status, headers, body }) {
      assert.equal(status, 200);
      assert.equal(headers["content-type"], "application/octet-stream");
      assert.deepEqual(body, Buffer.of(0xc3, 0xff, 2, 1, 0, 0));
    },
  },
  {
    name: "two cookies and a status",
    ask: { do: "cookies" },
    expect({ status, headers, cookies, body }) {
      assert.deepEqual([status, headers["content-type"], `${body}`], [201, "text/html", "<p>two</p>"]);
      assert.deepEqual(cookies, ["a=1; Expires=Wed, 21 Oct 2099 07:28:00 GMT", "b=2; HttpOnly"]);
    },
  },
  {
    name: "204 has no body",
    ask: { do: "nothing" },
    expect: ({ status, body }) => assert.deepEqual([status, body.length], [204, 0]),
  },
  {
    name: "a stream of text",
    ask: { do: "stream", items: ["one ", "三"] },
    expect({ status, headers, body }) {
      assert.deepEqual(
        [status, headers["content-type"], `${body}`],
        [200, "text/plain; charset=utf-8", "one 三"],
      );
    },
  },
  {
    name: "a stream as events",
    ask: { do: "stream", items: ["one", "two"] },
    request: { headers: SSE },
    expect({ status, headers, body }) {
      assert.equal(status, 200);
      assert.match(headers["content-type"] ?? "", /^text\/event-stream/);
      assert.equal(`${body}`, "data: one\n\ndata: two\n\n");
    },
  },
  {
    name: "a failure before anything",
    ask: { do: "fail" },
    expect: ({ status, body }) => assertError([status, body], 500, "PREDICT_FAILED"),
  },
  {
    name: "a failure in the middle of a stream",
    ask: { do: "fail after", items: ["one "] },
    expect({ status, body, error }, { streams }) {
      if (!streams) return assertError([status, body], 500, "PREDICT_FAILED");
      assert.deepEqual([status, `${body}`, error], [200, "one ", "PREDICT_FAILED"]);
    },
  },
  {
    name: "GET /",
    request: { method: "GET", path: "/", body: undefined },
    expect: ({ status, body }) => assert.deepEqual([status, `${body}`], [200, '{"status":"alive"}']),
  },
  {
    name: "HEAD / has no body",
    request: { method: "HEAD", path: "/", body: undefined },
    expect: ({ status, body }) => assert.deepEqual([status, body.length], [200, 0]),
  },
  {
    name: "a path that begins with // names no host",
    request: { path: "//evil.example/predict" },
    expect: ({ status, body }) => assertError([status, body], 404, "ROUTE_NOT_FOUND"),
  },
  {
    name: "a body that is not JSON",
    request: { body: "{not" },
    expect: ({ status, body }) => assertError([status, body], 400, "INPUT_INVALID"),
  },
  {
    name: "no body",
    request: { body: undefined },
    expect: ({ status, body }) => assertError([status, body], 400, "INPUT_INVALID"),
  },
  {
    name: "an answer over 1 MB",
    ask: { do: "text", bytes: MEGABYTE },
    expect({ status, body }, { variant }) {
      if (variant.startsWith("alb")) return assertError([status, body], 413, "OUTPUT_TOO_LARGE");
      assert.deepEqual([status, body.length], [200, MEGABYTE + 2]);
    },
  },
  {
    name: "headers over 16 KB",
    // Undocumented there; the local Lambda is as strict as API Gateway.
    not: "function-url",
    ask: { do: "long header", bytes: 17_000 },
    expect({ status, headers, body }, { variant, streams }) {
      const refused = streams && variant.startsWith("api-gateway");
      if (refused) return assertError([status, body], 413, "OUTPUT_TOO_LARGE");
      assert.deepEqual([status, headers["x-long"]?.length, `${body}`], [200, 17_000, "short"]);
    },
  },
];

for (const handler of ["stream", "buffered"] as const) {
  describe(`http-sources, index.${handler}`, { concurrency: false }, () => {
    let running: Promise<RunningFunction[]> | undefined;
    const functions = () =>
      (running ??= Promise.all(
        CLIENTS.map((client) => startFunction(client, { model: "http-sources", handler })),
      ));
    after(async () => {
      for (const fn of (await running) ?? []) await fn.close();
    });

    /** One event on both clients: each answer is checked, then their bytes are compared. */
    async function play(id: string, event: unknown, check: (answer: Answer) => void): Promise<void> {
      const wires: unknown[] = [];
      for (const fn of await functions()) {
        const before = await fn.who();
        check(await fn.ask(event, id));
        const after = await fn.who();
        assert.deepEqual([after.pid, after.load], [before.pid, before.load], "another process answers");
        wires.push(fn.exchanges(id).map(wireOf));
      }
      assert.deepEqual(wires[0], wires[1]);
    }

    let count = 0;
    for (const [variant, toEvent] of Object.entries(EVENTS)) {
      const streams = handler === "stream" && STREAMING.includes(variant.split(".", 1)[0] ?? "");
      for (const { name, ask, request, not, expect } of CASES) {
        if (not !== undefined && variant.startsWith(not)) continue;
        const event = toEvent({ ...REQUEST, body: ask && JSON.stringify(ask), ...request });
        test(`${variant}: ${name}`, () =>
          play(`http-${++count}`, event, (answer) =>
            expect(serve(handler, variant, answer), { variant, streams }),
          ));
      }
    }

    for (const file of globSync("*.json", { cwd: FIXTURES }).toSorted()) {
      const name = basename(file, ".json");
      const own = Object.keys(EVENTS).includes(name.split(".", 1)[0] ?? "");
      if (name.startsWith("direct")) continue;
      test(`${name} is ${own ? "answered" : "refused"}`, () => {
        const event = JSON.parse(readFileSync(join(FIXTURES, file), "utf8")) as unknown;
        return play(`fixture-${name}`, event, (answer) => {
          if (own) assert.ok(serve(handler, name, answer).status < 600);
          else assert.equal(answer.error?.errorType, "EVENT_UNKNOWN");
        });
      });
    }
  });
}

/** What a service reads of the bytes that it gets: a prelude and a body, or a result as JSON. */
function serve(handler: Handler, variant: string, { head, body, error, contentType }: Answer): Served {
  const failed = error?.errorType;
  if (variant.startsWith("function-url") && handler === "buffered") return served(head, body, failed);
  if (head !== undefined) return served(head, body, failed);
  assert.equal(contentType, "application/json");
  const { body: text = "", isBase64Encoded, ...result } = JSON.parse(body.toString()) as Result;
  return served(result, Buffer.from(text, isBase64Encoded ? "base64" : "utf8"), failed);
}

interface Head {
  readonly statusCode?: number;
  readonly headers?: Readonly<Record<string, string | number | boolean>>;
  readonly multiValueHeaders?: Readonly<Record<string, readonly string[]>>;
  readonly cookies?: readonly string[];
}

interface Result extends Head {
  readonly body?: string;
  readonly isBase64Encoded: boolean;
}

/** Names of headers that differ in case are lines of one header. */
function served(head: Head | undefined, body: Buffer, error: string | undefined): Served {
  const { statusCode = 0, headers = {}, multiValueHeaders = {}, cookies = [] } = head ?? {};
  const lines = [
    ...Object.entries(headers).map(([name, value]) => [name.toLowerCase(), `${value}`] as const),
    ...Object.entries(multiValueHeaders).flatMap(([name, values]) =>
      values.map((value) => [name.toLowerCase(), value] as const),
    ),
  ];
  return {
    status: statusCode,
    headers: Object.fromEntries(lines.filter(([name]) => name !== "set-cookie")),
    cookies: [...cookies, ...lines.filter(([name]) => name === "set-cookie").map(([, value]) => value)],
    body,
    error,
  };
}

function assertError([status, body]: readonly [number, Buffer], expected: number, code: string): void {
  assert.equal(status, expected, `${body}`.slice(0, 500));
  assert.equal((JSON.parse(body.toString()) as { error: { code: string } }).error.code, code);
}
