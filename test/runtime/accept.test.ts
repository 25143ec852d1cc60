import assert from "node:assert/strict";
import { test } from "node:test";
import { accepts, chooseFormat, type StreamFormat } from "../../adapter/runtime/accept.ts";

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
