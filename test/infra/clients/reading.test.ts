// The readers of streams: the same events and values however the bytes are cut, by WHATWG's rules and by those of JSON.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  ColdframeClientError,
  readEvents,
  readNdjson,
  type ServerSentEvent,
} from "../../../infra/clients/index.ts";

const RUNS = { numRuns: 300 };

/** The bytes of `text`, cut before each of `cuts`, which may repeat: an empty chunk is one too. */
async function* cut(text: string, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  const places = cuts.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b);
  let start = 0;
  for (const end of [...places, bytes.length]) {
    yield new Uint8Array(bytes.subarray(start, end));
    start = end;
  }
}

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

const eventsOf = (text: string, cuts: readonly number[] = []) => all(readEvents(cut(text, cuts)));
const event = (data: string, more: Partial<ServerSentEvent> = {}): ServerSentEvent => ({
  ...{ event: "message", data, id: "" },
  ...more,
});

test("the examples of WHATWG's specification", async () => {
  assert.deepEqual(await eventsOf("data: YHOO\ndata: +2\ndata: 10\n\n"), [event("YHOO\n+2\n10")]);
  assert.deepEqual(
    await eventsOf(
      ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
    ),
    [event("first event", { id: "1" }), event("second event"), event(" third event")],
  );
  // The last block is not ended, and so is none.
  assert.deepEqual(await eventsOf("data\n\ndata\ndata\n\ndata:"), [event(""), event("\n")]);
  assert.deepEqual(await eventsOf("data:test\n\ndata: test\n\n"), [event("test"), event("test")]);
});

test("events: fields, line ends, byte order mark", async () => {
  assert.deepEqual(await eventsOf("\uFEFFevent: token\r\ndata: a\r\r\ndata: b\n\r"), [
    event("a", { event: "token" }),
    event("b"),
  ]);
  assert.deepEqual(await eventsOf("\uFEFF\uFEFFdata: a\n\n"), [], "only one mark is taken");
  assert.deepEqual(await eventsOf("retry: 10\nid: 7\n\ndata: a\n\nid: x\0y\nretry: 1e3\ndata: b\n\n"), [
    event("a", { id: "7", retry: 10 }),
    event("b", { id: "7", retry: 10 }),
  ]);
  assert.deepEqual(await eventsOf("event: lost\n\ndata: a\n\n"), [event("a")], "the name of no event");
  assert.deepEqual(await eventsOf("unknown: x\n data: x\nData: x\n:data: x\ndata: a:b\n\n"), [event("a:b")]);
  const inTwo = "data: a\rdata: b\n\n";
  assert.deepEqual(
    await eventsOf(inTwo, [inTwo.length - 2]),
    [event("a\nb")],
    "this line end is no other half",
  );
  // What splits lines elsewhere does not here.
  assert.deepEqual(await eventsOf("data: a\u2028b\u0085c\vd\n\n"), [event("a\u2028b\u0085c\vd")]);
});

test("events are the same however the bytes are cut", async () => {
  const piece = fc.constantFrom(
    ..."data: |data:|data|event: e|id: 1|id|retry: 5|: comment|🪴|ü|\uFEFF|\0| ||x|\n|\n|\n\n|\r|\r\n|\r\r|\r\n\r\n".split(
      "|",
    ),
  );
  const stream = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(""));
  await fc.assert(
    fc.asyncProperty(stream, fc.array(fc.nat(), { maxLength: 30 }), async (text, cuts) => {
      assert.deepEqual(await eventsOf(text, cuts), expectedEvents(text));
    }),
    RUNS,
  );
});

/** The specification once more, of a whole text and by its grammar, where the reader works by characters. */
function expectedEvents(text: string): ServerSentEvent[] {
  const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\r|\n/);
  // Without a line end it is not a line yet.
  lines.pop();
  const found: ServerSentEvent[] = [];
  let block: [name: string, value: string][] = [];
  let [id, retry]: [string, number | undefined] = ["", undefined];
  for (const line of lines) {
    const [, name = "", value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (name === "id" && !value.includes("\0")) id = value;
    if (name === "retry" && /^\d+$/.test(value)) retry = Number(value);
    if (line !== "") block.push([name, value]);
    else {
      const of = (field: string) => block.filter(([its]) => its === field).map(([, its]) => its);
      const its = { event: of("event").at(-1) || "message", data: of("data").join("\n"), id };
      if (of("data").length > 0) found.push(retry === undefined ? its : { ...its, retry });
      block = [];
    }
  }
  return found;
}

test("NDJSON is the same however the bytes are cut, with blank lines and without a last line end", async () => {
  const line = fc.oneof(
    fc.json().map((text) => [JSON.stringify(JSON.parse(text))]),
    fc.constantFrom("", " ", "\t\r").map((blank) => [blank]),
    fc.string({ unit: "grapheme" }).map((text) => [JSON.stringify({ text: `${text}\u2028🪴` })]),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { maxLength: 15 }).map((lines) => lines.flat()),
      fc.constantFrom("\n", "\r\n"),
      fc.boolean(),
      fc.array(fc.nat(), { maxLength: 30 }),
      async (lines, end, isEnded, cuts) => {
        const text = lines.join(end) + (isEnded ? end : "");
        const owed = lines.filter((one) => one.trim() !== "").map((one) => JSON.parse(one) as unknown);
        assert.deepEqual(await all(readNdjson(cut(text, cuts))), owed);
      },
    ),
    RUNS,
  );
});

test("a line that is not JSON is told by its number; an end within one is an end too early", async () => {
  const failing = async (text: string) => {
    const items: unknown[] = [];
    try {
      for await (const item of readNdjson(cut(text, [3]))) items.push(item);
    } catch (error) {
      assert.ok(error instanceof ColdframeClientError);
      return [items, error.code, error.message];
    }
    return [items];
  };
  assert.deepEqual(await failing("1\n\nno\n2\n"), [
    [1],
    "ANSWER_INVALID",
    "line 3 of the answer is not JSON.",
  ]);
  assert.deepEqual(await failing('1\n{"a":'), [[1], "STREAM_BROKEN", "the answer ended within its line 2."]);
});

test("a reader that stops cancels what it reads, also a web stream", async () => {
  for (const read of [readEvents, readNdjson]) {
    let cancelled = false;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) =>
        controller.enqueue(new TextEncoder().encode(read === readEvents ? "data: 1\n\n" : "1\n")),
      cancel: () => {
        cancelled = true;
      },
    });
    for await (const _ of read(body)) break;
    assert.ok(cancelled);
    assert.ok(!body.locked);
  }
});

test("a line of megabytes in small pieces takes no time that grows with its square", async () => {
  const line = `data: ${"x".repeat(4 * 2 ** 20)}\n\n`;
  const cuts = Array.from({ length: 4096 }, (_, i) => i * 1024);
  const [first] = await eventsOf(line, cuts);
  assert.equal(first?.data.length, 4 * 2 ** 20);
});
