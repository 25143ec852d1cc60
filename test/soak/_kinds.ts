// The kinds of calls that are mixed, each with its share and what every one of them has to come to. An answer that is
// not what was asked for comes to "wrong", whatever its status.

import assert from "node:assert/strict";
import { gunzipSync, gzipSync } from "node:zlib";
import { decode, encode } from "@msgpack/msgpack";
import { between, type Random, randomBytes } from "../chaos/_random.ts";
import type { Ask, Door, Got } from "./_exchange.ts";
import { LARGE, MAX_BODY } from "./_model.ts";

export interface Kind {
  readonly name: string;
  /** Its part of all calls, of the sum of all weights. */
  readonly weight: number;
  /** What a call may come to: a status, `left` by the caller, `broken` after its status, `refused` before it was HTTP. */
  readonly owes: string;
  /** Whether Lambda's function URL answers the same. */
  readonly lambda: boolean;
  call(door: Door, next: Random): Promise<string>;
}

const JSON_BODY = { "content-type": "application/json" };
const OVERSIZED = Buffer.alloc(MAX_BODY + 1, "a");
const FORM = { boundary: "soak", bytes: 20_000 };

const CHAT = JSON.stringify({ model: "soak", messages: [{ role: "user", content: "Once" }] });
const STREAMED_CHAT = JSON.stringify({ ...JSON.parse(CHAT), stream: true });

/** A call whose answer has a shape. */
function asks(make: (next: Random) => Ask, check: (got: Got, ask: Ask) => void = () => {}): Kind["call"] {
  return async (door, next) => {
    const ask = make(next);
    const got = await door.ask(ask);
    if (got.end === "left") return "left";
    if (got.end === "broken") return got.status === 0 ? "closed" : `${got.status} broken`;
    try {
      check(got, ask);
    } catch {
      return `${got.status} wrong: ${got.body.toString("latin1", 0, 200)}`;
    }
    return String(got.status);
  };
}

const post = (input: unknown, more: Partial<Ask> = {}): Ask => ({
  body: JSON.stringify(input),
  ...more,
  headers: { ...JSON_BODY, ...more.headers },
});

const echoed = ({ body }: Got, ask: Ask): void => {
  assert.deepEqual(JSON.parse(body.toString()), JSON.parse(String(ask.body)));
};

const lines =
  (count: number) =>
  ({ body }: Got): void => {
    assert.equal(body.toString().split("\n").length - 1, count);
  };

const code =
  (expected: string) =>
  ({ body }: Got): void => {
    assert.equal(JSON.parse(body.toString()).error.code, expected);
  };

const echo = (more: Partial<Ask> = {}) => asks((next) => post({ echo: text(next) }, more), echoed);

const text = (next: Random): string => "word ".repeat(between(next, 0, 200));

const gets = (path: string, method = "GET") => asks(() => ({ method, path }));

export const KINDS: readonly Kind[] = [
  { name: "json", weight: 400, owes: "200", lambda: true, call: echo() },
  { name: "json, a fresh connection", weight: 40, owes: "200", lambda: true, call: echo({ fresh: true }) },
  {
    name: "stream, read to its end",
    weight: 100,
    owes: "200",
    lambda: true,
    call: asks(() => post({ words: 20 }), lines(20)),
  },
  {
    name: "stream of events",
    weight: 30,
    owes: "200",
    lambda: true,
    call: asks(() => post({ words: 5 }, { headers: { accept: "text/event-stream" } }), lines(10)),
  },
  {
    name: "stream, left midway",
    weight: 50,
    owes: "left",
    lambda: false,
    call: asks(() => post({ words: 500, pause: 1 }, { leave: "first chunk" })),
  },
  {
    name: "answer not waited for",
    weight: 20,
    owes: "left",
    lambda: false,
    call: asks((next) => post({ sleep: 1000 }, { leave: between(next, 0, 10) })),
  },
  {
    name: "slow reader",
    weight: 3,
    owes: "200",
    lambda: false,
    call: asks(
      () => post({ large: true }, { restMs: 2 }),
      ({ body }) => assert.equal(body.length, LARGE),
    ),
  },
  {
    name: "model throws",
    weight: 40,
    owes: "500",
    lambda: true,
    call: asks(() => post({ fail: true }), code("PREDICT_FAILED")),
  },
  {
    name: "model throws midway",
    weight: 20,
    owes: "200 broken",
    lambda: true,
    call: asks(() => post({ words: 5, failAfter: 2 })),
  },
  {
    name: "no JSON",
    weight: 30,
    owes: "400",
    lambda: true,
    call: asks(() => ({ body: '{"echo":', headers: JSON_BODY }), code("INPUT_INVALID")),
  },
  {
    name: "oversized",
    weight: 10,
    owes: "413",
    lambda: false,
    call: asks(() => ({ body: OVERSIZED, headers: JSON_BODY }), code("INPUT_TOO_LARGE")),
  },
  {
    name: "oversized once decompressed",
    weight: 5,
    owes: "413",
    lambda: false,
    call: asks(
      () => ({ body: gzipSync(OVERSIZED), headers: { ...JSON_BODY, "content-encoding": "gzip" } }),
      code("INPUT_TOO_LARGE"),
    ),
  },
  {
    name: "garbage",
    weight: 20,
    owes: "refused",
    lambda: false,
    async call(door, next) {
      // No letter, so that it is no method either.
      const bytes = randomBytes(between(next, 0, 2 ** 31), "garbage", between(next, 1, 2000));
      const answer = await door.raw(Buffer.concat([Buffer.from([0]), bytes]));
      return answer.startsWith("HTTP/1.1 400 ") ? "refused" : `wrong: ${answer.slice(0, 200)}`;
    },
  },
  {
    name: "multipart",
    weight: 30,
    owes: "200",
    lambda: true,
    call: asks(
      () => ({ body: form(), headers: { "content-type": `multipart/form-data; boundary=${FORM.boundary}` } }),
      ({ body }) =>
        assert.deepEqual(JSON.parse(body.toString()), {
          name: "a.png",
          bytes: FORM.bytes,
          note: "caf\u00e9",
        }),
    ),
  },
  {
    name: "MessagePack",
    weight: 30,
    owes: "200",
    lambda: true,
    call: asks(
      (next) => ({ body: encode({ echo: text(next) }), headers: { "content-type": "application/msgpack" } }),
      ({ body }, ask) => assert.deepEqual(decode(body), decode(ask.body as Uint8Array)),
    ),
  },
  {
    name: "gzip, both ways",
    weight: 30,
    owes: "200",
    lambda: false,
    call: asks(
      () => ({
        body: gzipSync('{"rows":500}'),
        headers: { ...JSON_BODY, "content-encoding": "gzip", "accept-encoding": "gzip" },
      }),
      ({ body }) => assert.equal(JSON.parse(gunzipSync(body).toString()).length, 500),
    ),
  },
  {
    name: "bytes",
    weight: 20,
    owes: "200",
    lambda: true,
    call: asks(
      (next) => ({
        body: randomBytes(between(next, 0, 2 ** 31), "bytes", between(next, 1, 50_000)),
        headers: { "content-type": "application/octet-stream" },
      }),
      ({ body }, ask) => assert.ok(body.equals(ask.body as Uint8Array)),
    ),
  },
  {
    name: "chat",
    weight: 30,
    owes: "200",
    lambda: true,
    call: asks(
      () => ({ path: "/v1/chat/completions", body: CHAT, headers: JSON_BODY }),
      ({ body }) => assert.equal(JSON.parse(body.toString()).choices[0].message.content, "In the beginning"),
    ),
  },
  {
    name: "chat, streamed",
    weight: 20,
    owes: "200",
    lambda: true,
    call: asks(
      () => ({ path: "/v1/chat/completions", body: STREAMED_CHAT, headers: JSON_BODY }),
      ({ body }) => assert.ok(body.toString().endsWith("data: [DONE]\n\n")),
    ),
  },
  {
    name: "a vendor's route that the model has not",
    weight: 10,
    owes: "404",
    lambda: true,
    call: asks(() => ({ path: "/v1/embeddings", body: '{"input":"a"}', headers: JSON_BODY })),
  },
  { name: "list of models", weight: 10, owes: "200", lambda: true, call: gets("/v1/models") },
  { name: "health", weight: 20, owes: "200", lambda: true, call: gets("/health/ready") },
  { name: "ping", weight: 10, owes: "200", lambda: true, call: gets("/ping") },
  { name: "HEAD", weight: 10, owes: "200", lambda: true, call: gets("/", "HEAD") },
  { name: "openapi.json", weight: 5, owes: "200", lambda: true, call: gets("/openapi.json") },
  { name: "no such path", weight: 10, owes: "404", lambda: true, call: gets("/nowhere") },
  { name: "wrong method", weight: 10, owes: "405", lambda: true, call: gets("/predict") },
];

function form(): Buffer {
  const head = (disposition: string) =>
    `--${FORM.boundary}\r\ncontent-disposition: form-data; ${disposition}\r\n\r\n`;
  return Buffer.concat([
    Buffer.from(`${head('name="note"')}caf\u00e9\r\n`),
    Buffer.from(head('name="file"; filename="a.png"')),
    Buffer.alloc(FORM.bytes),
    Buffer.from(`\r\n--${FORM.boundary}--\r\n`),
  ]);
}
