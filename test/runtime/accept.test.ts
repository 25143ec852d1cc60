import assert from "node:assert/strict";
import { test } from "node:test";
import {
  accepts,
  chooseEncoding,
  chooseFormat,
  choosePacked,
  type StreamFormat,
} from "../../adapter/runtime/accept.ts";

const TEXT = "text/plain";
const NDJSON = "application/x-ndjson";

const cases: readonly [accept: string | undefined, natural: string, StreamFormat][] = [
  [undefined, TEXT, "natural"],
  ["", TEXT, "natural"],
  ["*/*", NDJSON, "natural"],
  ["text/event-stream", TEXT, "sse"],
  ["Text/Event-Stream ; charset=utf-8", TEXT, "sse"],
  ["text/event-stream, */*", NDJSON, "sse"],
  ["application/json, text/event-stream", TEXT, "sse"],
  ["application/json, text/event-stream;q=0.5", TEXT, "json"],
  ["text/event-stream;q=0", TEXT, "natural"],
  ["text/*", TEXT, "natural"],
  // axios
  ["application/json, text/plain, */*", TEXT, "natural"],
  ["application/json, text/plain, */*", NDJSON, "natural"],
  ["application/json", TEXT, "json"],
  ["APPLICATION/JSON", NDJSON, "json"],
  ["application/json;q=0", TEXT, "natural"],
  ["application/json, text/plain;q=0.5", TEXT, "json"],
  ["application/x-ndjson, application/json", NDJSON, "natural"],
  ["application/*", TEXT, "json"],
  ["application/*", NDJSON, "natural"],
  ["application/json, */*;q=0", NDJSON, "json"],
  // The named range decides, not the wildcard beside it.
  ["*/*, text/plain;q=0.1, application/json", TEXT, "json"],
  // What nobody can have is served anyway.
  ["image/png", TEXT, "natural"],
  ["application/json;q=nonsense", TEXT, "json"],
];

for (const [accept, natural, format] of cases) {
  test(`${natural} for "${accept}" leaves as ${format}`, () => {
    assert.equal(chooseFormat(accept === undefined ? {} : { accept }, natural), format);
  });
}

test("OpenAI's SDKs ask for JSON and read a stream", () => {
  for (const agent of ["OpenAI/JS 5.1.0", "AsyncOpenAI/Python 1.2", "my-openai-proxy"]) {
    assert.equal(chooseFormat({ accept: "application/json", "user-agent": agent }, TEXT), "natural");
  }
  assert.equal(
    chooseFormat({ accept: "text/event-stream", "user-agent": "OpenAI/JS 5.1.0" }, TEXT),
    "sse",
    "events when they are named",
  );
});

test("a wildcard names nothing", () => {
  assert.equal(accepts({ accept: "text/plain;q=0.2" }, TEXT), true);
  for (const accept of ["*/*", "text/*", "text/plain;q=0", "application/json"]) {
    assert.equal(accepts({ accept }, TEXT), false, accept);
  }
  assert.equal(accepts({}, TEXT), false);
});

const MSGPACK = "application/msgpack";

const packings: readonly [
  accept: string | undefined,
  sent: string | undefined,
  value?: string,
  stream?: string,
][] = [
  [undefined, undefined],
  ["*/*", "application/json"],
  // Who sent it and says nothing, as requests and httpx do, gets it; a stream stays what it is.
  [undefined, MSGPACK, MSGPACK],
  ["*/*", "Application/X-MsgPack; v=1", "application/x-msgpack"],
  ["*/*;q=0.8", "application/vnd.msgpack", "application/vnd.msgpack"],
  ["application/json", MSGPACK],
  ["application/json, */*", MSGPACK],
  // By name, whatever was sent.
  [MSGPACK, undefined, MSGPACK, MSGPACK],
  ["Application/MsgPack", "application/json", MSGPACK, MSGPACK],
  ["application/x-msgpack", MSGPACK, "application/x-msgpack", "application/x-msgpack"],
  ["application/json, application/msgpack", undefined, MSGPACK, MSGPACK],
  ["application/json, application/msgpack;q=0.9", undefined],
  ["application/json;q=0.5, application/msgpack;q=0.9", undefined, MSGPACK, MSGPACK],
  [
    "application/msgpack;q=0.5, application/vnd.msgpack",
    undefined,
    "application/vnd.msgpack",
    "application/vnd.msgpack",
  ],
  ["application/msgpack;q=0", MSGPACK],
  ["application/*", MSGPACK],
];

for (const [accept, sent, value, stream] of packings) {
  test(`"${accept}" for ${sent} is packed as ${value ?? "nothing"}`, () => {
    const headers = {
      ...(accept !== undefined && { accept }),
      ...(sent !== undefined && { "content-type": sent }),
    };
    assert.equal(choosePacked(headers, false), value);
    assert.equal(choosePacked(headers, true), stream);
  });
}

const codings: readonly [accepted: string, coding: string | undefined][] = [
  ["", undefined],
  ["gzip", "gzip"],
  ["gzip, deflate", "gzip"],
  ["gzip, deflate, br", "br"],
  ["gzip, deflate, br, zstd", "zstd"],
  ["GZIP;q=1.0, br;q=0.9", "gzip"],
  ["br;q=0, gzip;q=0.1", "gzip"],
  ["deflate", undefined],
  ["identity", undefined],
  ["identity, gzip;q=0.5", undefined],
  ["identity;q=0.5, gzip", "gzip"],
  ["identity;q=0", undefined],
  ["*", "gzip"],
  ["*;q=0", undefined],
  ["*, gzip;q=0", undefined],
  ["br;q=0.5, *;q=0.1", "br"],
  ["gzip;q=nonsense", "gzip"],
];

for (const [accepted, coding] of codings) {
  test(`an answer for "${accepted}" is ${coding ?? "not encoded"}`, () => {
    assert.equal(chooseEncoding({ "accept-encoding": accepted }, ["zstd", "br", "gzip"]), coding);
  });
}
