import assert from "node:assert/strict";
import { test } from "node:test";
import {
  BYTES_TYPE,
  type Framing,
  ndjsonFraming,
  sseFraming,
  textFraming,
} from "../../adapter/runtime/frames.ts";
import { HEARTBEAT } from "../../adapter/runtime/heartbeat.ts";

const encode = (framing: Framing, ...items: unknown[]): string =>
  Buffer.concat(items.map((item) => Buffer.from(framing.encode(item) as string))).toString();

/** The data of each event, read as a browser does. Source: WHATWG HTML, "Interpreting an event stream". */
function readEvents(stream: string): { event: string; data: string }[] {
  const events: { event: string; data: string }[] = [];
  let event = "message";
  let data: string[] = [];
  for (const line of stream.split(/\r\n|\r|\n/)) {
    if (line === "") {
      if (data.length > 0) events.push({ event, data: data.join("\n") });
      event = "message";
      data = [];
    } else if (!line.startsWith(":")) {
      const [, field, value = ""] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
      if (field === "data") data.push(value);
      if (field === "event") event = value;
    }
  }
  return events;
}

const data = (...items: unknown[]): string[] =>
  readEvents(encode(sseFraming(), ...items)).map(({ data }) => data);

test("events: a string arrives as it was, whatever lines it has", () => {
  assert.deepEqual(data("one", " leading space", "two\nlines", "", "\n", "data: x", ": no comment"), [
    "one",
    " leading space",
    "two\nlines",
    "",
    "\n",
    "data: x",
    ": no comment",
  ]);
});

test("events: CR and CRLF cannot break out of a frame", () => {
  assert.deepEqual(data("a\r\nb", "a\rb", "x\r\n\r\nevent: error\r\ndata: forged"), [
    "a\nb",
    "a\nb",
    "x\n\nevent: error\ndata: forged",
  ]);
});

test("events: anything else is JSON", () => {
  assert.deepEqual(data({ a: "x\ny" }, [1], 7, null, NaN, new Float32Array([0.5])), [
    '{"a":"x\\ny"}',
    "[1]",
    "7",
    "null",
    "null",
    "[0.5]",
  ]);
});

test("events: a failure is an event of its own kind, after which the reader knows", () => {
  const body = { error: { code: "PREDICT_FAILED", message: "two\nlines", request_id: "r" } } as const;
  const [frame] = readEvents(String(sseFraming().error?.(body)));
  assert.equal(frame?.event, "error");
  assert.deepEqual(JSON.parse(frame?.data ?? ""), body);
});

test("events: the heartbeat is no event", () => {
  assert.deepEqual(readEvents(`${HEARTBEAT.value}data: a\n\n${HEARTBEAT.value}`), [
    { event: "message", data: "a" },
  ]);
});

test("NDJSON: one value a line, strings quoted", () => {
  assert.equal(encode(ndjsonFraming(), { a: 1 }, "two\nlines", null), '{"a":1}\n"two\\nlines"\nnull\n');
  const line = ndjsonFraming().error?.({ error: { code: "CANCELLED", message: "m", request_id: "r" } });
  assert.equal(line, '{"error":{"code":"CANCELLED","message":"m","request_id":"r"}}\n');
});

test("text: strings as they are, JSON for the rest, and no room for an error", () => {
  assert.equal(encode(textFraming(), "a", "", 7, { b: 1 }, Buffer.from("é")), 'a7{"b":1}é');
  assert.equal(textFraming().error, undefined);
});

test("an emoji that is cut between two items arrives whole", () => {
  const [high, low] = ["\ud83d", "\ude00"];
  for (const framing of [textFraming(), textFraming(BYTES_TYPE)]) {
    assert.equal(encode(framing, `a${high}`, `${low}b`), "a😀b");
  }
  assert.equal(encode(textFraming(), `${high}`, "", `${low}${high}`, low), "😀😀");
  assert.equal(data(`a${high}`, `${low}b`).join(""), "a😀b");
});

test("each stream keeps its own half of an emoji", () => {
  const one = textFraming();
  one.encode("\ud83d");
  assert.equal(textFraming().encode("x"), "x");
});

test("bytes are octets, untouched", () => {
  const bytes = Uint8Array.from([0, 255]);
  assert.equal(textFraming(BYTES_TYPE).encode(bytes), bytes);
  assert.equal(textFraming(BYTES_TYPE).contentType, "application/octet-stream");
});
