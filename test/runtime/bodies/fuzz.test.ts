// Bodies that nobody meant to write: for each, an input or an error that is the caller's own, and no other way out. And
// what we write of anything, read by a reader that was written from the specification alone.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as zlib from "node:zlib";
import * as fc from "fast-check";
import { ColdframeError } from "../../../adapter/runtime/errors.ts";
import { ndjsonFraming, sseFraming, textFraming } from "../../../adapter/runtime/frames.ts";
import { encodeJson } from "../../../adapter/runtime/json.ts";
import { decodeMsgpack, encodeMsgpack } from "../../../adapter/runtime/bodies/msgpack.ts";
import { readBody } from "./_read.ts";

/** The same on every machine; a failure prints what it began from. */
fc.configureGlobal({ seed: 20_261_123, numRuns: 300 });

/** Reads a body, or is refused it. */
function attempt(headers: Record<string, string>, body: string | Uint8Array): unknown {
  try {
    return readBody(headers, body, 2 ** 20);
  } catch (error) {
    assert.ok(error instanceof ColdframeError, `${(error as Error).stack}`);
    assert.match(`${error.status}`, /^4/, error.message);
    assert.ok(error.sentence.length < 2_000, `${error.sentence.length} characters are said of it`);
    return undefined;
  }
}

const TYPES = [
  "application/json",
  "application/json; charset=utf-16",
  "text/plain",
  "text/csv; charset=shift_jis",
  "text/plain; charset=gb18030",
  "application/octet-stream",
  "image/png",
  "application/x-www-form-urlencoded",
  "application/msgpack",
  "multipart/form-data; boundary=b",
  "multipart/form-data",
];
const CODINGS = ["gzip", "br", "deflate", "zstd", "gzip, br", "identity", "nonsense"];

const bytes = fc.uint8Array({ maxLength: 300 });
const anyText = fc.string({ unit: "binary", maxLength: 100 });
/** Unpaired surrogates too, and what ends a line to somebody. */
const torn = fc
  .array(
    fc.oneof(
      fc.constantFrom("\r", "\n", "\r\n", "\u2028", "\u2029", "\0", "\ud83d", "\ude00", "data: ", ":"),
      fc.string(),
    ),
  )
  .map((parts) => parts.join(""));

test("any bytes and any text, of every type", () => {
  fc.assert(
    fc.property(fc.constantFrom(...TYPES), fc.oneof(bytes, anyText), (type, body) => {
      attempt({ "content-type": type }, body);
    }),
  );
});

test("any content type, coding and length", () => {
  const header = fc.oneof(
    anyText,
    fc.constantFrom(...TYPES, ...CODINGS, "0", "1e3", "application/json;;;", 'a/b; c="'),
  );
  fc.assert(
    fc.property(header, header, header, bytes, (type, coding, length, body) => {
      attempt({ "content-type": type, "content-encoding": coding, "content-length": length }, body);
      attempt({ "content-type": type }, body);
    }),
  );
});

test("any bytes under every coding, and compressed ones with a damage", () => {
  const compressed = fc
    .tuple(
      fc.constantFrom(zlib.gzipSync, zlib.brotliCompressSync, zlib.deflateSync, zlib.zstdCompressSync),
      bytes,
    )
    .map(([compress, content]) => new Uint8Array(compress(content)));
  fc.assert(
    fc.property(fc.constantFrom(...CODINGS), fc.oneof(bytes, damaged(compressed)), (coding, body) => {
      attempt({ "content-type": "application/octet-stream", "content-encoding": coding }, body);
    }),
  );
});

test("JSON there and back, in every charset and under every coding", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom("utf-8", "utf-16le"), (value, charset) => {
      const body = Buffer.from(JSON.stringify(value), charset === "utf-8" ? "utf8" : "utf16le");
      const headers = { "content-type": `application/json; charset=${charset}`, "content-encoding": "gzip" };
      assert.deepEqual(readBody(headers, zlib.gzipSync(body)), JSON.parse(JSON.stringify(value)));
    }),
  );
});

const part = fc.record({
  name: fc.string({ unit: "grapheme", maxLength: 12 }).map((name) => `n${name.toWellFormed()}`),
  content: fc.oneof(
    bytes,
    fc.constantFrom("--b", "\r\n--", "\r\n--bb", "\r\n").map((text) => Buffer.from(text)),
  ),
  isFile: fc.boolean(),
});

test("a form that Node writes is read as it was meant", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 4 }), async (parts) => {
      const data = new FormData();
      for (const { name, content } of parts) data.append(name, new Blob([content as BlobPart]), "f");
      const response = new Response(data);
      const body = new Uint8Array(await response.arrayBuffer());
      const input = readBody({ "content-type": `${response.headers.get("content-type")}` }, body);
      for (const [name, given] of Object.entries(input as Record<string, unknown>)) {
        const meant = parts.filter((one) => one.name.replace(/\r\n?|\n/g, "\r\n") === name);
        const all = Array.isArray(given) ? given : [given];
        assert.deepEqual(
          all.map((file) => Uint8Array.from(file as Uint8Array)),
          meant.map(({ content }) => Uint8Array.from(content)),
        );
      }
    }),
    { numRuns: 60 },
  );
});

test("forms with pieces missing, doubled and out of place", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "--b",
      "--b--",
      "\r\n",
      "\r\n\r\n",
      "--",
      " ",
      "\0",
      'name="a"',
      'filename="x',
      "\\",
      '"',
      ";",
    ),
    fc.constantFrom(
      "Content-Disposition: form-data; name=a",
      "Content-Type: application/json",
      "Content-Type: text/x",
    ),
    fc.string({ maxLength: 5 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      attempt({ "content-type": "multipart/form-data; boundary=b" }, pieces.join(""));
      attempt(
        { "content-type": "multipart/form-data; boundary=b" },
        Buffer.from(`--b\r\n${pieces.join("")}\r\n--b--`),
      );
    }),
    { numRuns: 1000 },
  );
});

const packable = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, false, 2 ** 53 - 1, -(2 ** 53 - 1), 2 ** 32, -1, 127, 128),
    fc.integer(),
    // As in JSON, there is one zero.
    fc.double().map((number) => (number === 0 ? 0 : number)),
    fc.string(),
    fc.uint8Array().map((content) => Buffer.from(content)),
    fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
    fc.array(tie("value"), { maxLength: 20 }),
    fc.dictionary(
      fc.string().filter((key) => key !== "__proto__"),
      tie("value"),
      { noNullPrototype: true },
    ),
  ),
})).value;

test("msgpack there and back", () => {
  fc.assert(
    fc.property(packable, (value) => {
      assert.deepEqual(decodeMsgpack(encodeMsgpack(value)), value);
    }),
  );
});

test("arrays of numbers there and back", () => {
  const array = fc.oneof(
    fc.float32Array(),
    fc.float64Array(),
    fc.int8Array(),
    fc.int16Array(),
    fc.uint16Array(),
    fc.int32Array(),
    fc.uint32Array(),
    fc.bigInt64Array(),
    fc.bigUint64Array(),
  );
  fc.assert(
    fc.property(array, anyText, (numbers, pad) => {
      const shaped = Object.assign(numbers, { shape: [1, numbers.length] });
      const sent = { pad: pad.toWellFormed(), deep: [shaped] };
      assert.deepEqual(decodeMsgpack(encodeMsgpack(sent)), sent);
    }),
  );
});

test("msgpack with a damage", () => {
  const documents = packable.map(
    (value) => new Uint8Array(encodeMsgpack({ value, x: Float32Array.of(1, 2) })),
  );
  fc.assert(
    fc.property(damaged(documents), (body) => {
      attempt({ "content-type": "application/msgpack" }, body);
    }),
    { numRuns: 1500 },
  );
});

test("text leaves as it is, but for half characters", () => {
  fc.assert(
    fc.property(fc.array(torn), (items) => {
      const { encode } = textFraming();
      const sent = Buffer.concat(items.map((item) => Buffer.from(encode(item) as string)));
      // Only what can still become whole is held back, and a half that ends everything is nothing.
      const whole = items.join("").replace(/[\ud800-\udbff]$/, "");
      assert.equal(sent.toString(), whole.toWellFormed());
    }),
  );
});

test("NDJSON: a line is an item, whatever is in it", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.jsonValue(), torn)), (items) => {
      const { encode } = ndjsonFraming();
      const sent = Buffer.from(items.map((item) => encode(item)).join("")).toString();
      const lines = sent.split("\n");
      assert.equal(lines.pop(), "");
      assert.deepEqual(
        lines.map((line) => JSON.parse(line)),
        items.map((item) => JSON.parse(encodeJson(item))),
      );
    }),
  );
});

test("events: what is between two items never looks like one", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          torn,
          fc.jsonValue().filter((value) => typeof value !== "string"),
        ),
      ),
      (items) => {
        const { encode } = sseFraming();
        const sent = Buffer.from(items.map((item) => encode(item)).join("")).toString();
        // A half character waits for its other half, in the next text.
        const texts = textFraming();
        const meant = items.map((item) => texts.encode(item) as string);
        assert.deepEqual(
          eventsOf(sent),
          meant.map((text) => text.toWellFormed().replace(/\r\n?/g, "\n")),
        );
      },
    ),
  );
});

/** The data of each event, by WHATWG HTML 9.2.6, which an empty one is dispatched with only when it has a field. */
function eventsOf(stream: string): string[] {
  const events: string[] = [];
  let data: string[] = [];
  for (const line of stream.replace(/^\ufeff/, "").split(/\r\n|\n|\r/)) {
    if (line === "" && data.length > 0) {
      events.push(data.join("\n"));
      data = [];
    }
    const [, field, value = ""] = /^([^:]*)(?:: ?(.*))?$/su.exec(line) ?? [];
    if (field === "data") data.push(value);
    else assert.equal(line, "", "a line that is no data");
  }
  assert.deepEqual(data, [], "an event without an end");
  return events;
}

/** Bytes with some of them changed, cut off or doubled. */
function damaged(source: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const change = fc.tuple(fc.nat(), fc.nat(255));
  return fc
    .tuple(source, fc.array(change, { maxLength: 4 }), fc.nat(), fc.boolean())
    .map(([whole, changes, cut, isCut]) => {
      const copy = Uint8Array.from(whole);
      for (const [at, value] of changes) if (copy.length > 0) copy[at % copy.length] = value;
      return isCut ? copy.subarray(0, cut % (copy.length + 1)) : copy;
    });
}
