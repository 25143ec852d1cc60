// What truss.msgpack holds is written in make-truss.py, beside it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { decode, decodeMulti, encode } from "@msgpack/msgpack";
import { z } from "zod";
import { decodeMsgpack, encodeMsgpack } from "../../../adapter/runtime/bodies/msgpack.ts";
import { bodyOf, startFunction } from "../_function.ts";
import { readBody } from "./_read.ts";

const TRUSS = readFileSync(join(import.meta.dirname, "../../fixtures/bodies/truss.msgpack"));

const shaped = <A extends object>(array: A, ...shape: number[]) => Object.assign(array, { shape });

const WHAT_TRUSS_SENT: Record<string, unknown> = {
  image: shaped(Float32Array.of(0, 1, 2, 3, 4, 5), 2, 3),
  ids: shaped(BigInt64Array.of(1n, -2n, 9007199254740993n), 3),
  mask: shaped(Uint8Array.of(1, 0), 2),
  half: shaped(Float32Array.of(0.5, -2), 2),
  big: shaped(Int32Array.of(1, 2), 2),
  scalar: 0.5,
  zero: shaped(Uint8Array.of(7)),
  t: shaped(Int16Array.of(0, 3, 1, 4, 2, 5), 3, 2),
  when: new Date("2024-01-02T03:04:05.678Z"),
  naive: new Date("2024-01-02T03:04:05Z"),
  zone: new Date("2024-01-02T01:04:05Z"),
  day: "2024-02-29",
  clock: "13:14:15.500000",
  span: -86_398.5,
  price: "12.340",
  id: "12345678-1234-5678-1234-567812345678",
  bytes: Buffer.of(0, 255),
  text: "caf\u00e9 \u{1f600}",
  n: [null, true, -1, 2 ** 40, 1.5, Number.POSITIVE_INFINITY],
  huge: 2n ** 63n,
};

test("what a client of Truss sends", () => {
  for (const type of ["application/msgpack", "application/x-msgpack", "Application/VND.msgpack; a=b"])
    assert.deepEqual(readBody({ "content-type": type }, TRUSS), WHAT_TRUSS_SENT, type);
});

test("Truss's own content type stays bytes: what is in them is the model's to say", () => {
  assert.deepEqual(readBody({ "content-type": "application/octet-stream" }, TRUSS), TRUSS);
});

test("what we send is what we read", () => {
  assert.deepEqual(decodeMsgpack(encodeMsgpack(WHAT_TRUSS_SENT)), WHAT_TRUSS_SENT);
  const half =
    "Float16Array" in globalThis
      ? decodeMsgpack(
          Buffer.from(
            "85c4026e64c3c40474797065a33c6632c4046b696e64c400c4057368617065" +
              "9106" +
              "c40464617461c40c" +
              "0100ff7b007c007e00800084",
            "hex",
          ),
        )
      : undefined;
  if (half) {
    assert.deepEqual(
      [...(half as Float32Array)],
      [2 ** -24, 65504, Number.POSITIVE_INFINITY, Number.NaN, -0, -(2 ** -14)],
    );
  }
});

test("arrays of numbers and dates leave byte for byte as msgpack-numpy and Truss write them", () => {
  const numpy = TRUSS.subarray(TRUSS.indexOf("image") + 5, TRUSS.indexOf("ids") - 1);
  assert.deepEqual(encodeMsgpack(WHAT_TRUSS_SENT["image"]), numpy);
  // A plain array of floats has one dimension; bytes without a shape are bytes.
  assert.deepEqual(encodeMsgpack(Float32Array.of(1)), encodeMsgpack(shaped(Float32Array.of(1), 1)));
  assert.deepEqual(encodeMsgpack(Uint8Array.of(1, 2)), Buffer.of(0xc4, 2, 1, 2));
  assert.equal(
    encodeMsgpack(new Date(0)).toString("latin1"),
    "\x82\xc4\x13__dt_datetime_iso__\xc3\xc4\x04data\xbd1970-01-01T00:00:00.000+00:00",
  );
});

test("an array of numbers passes a schema, and is aligned wherever it lay", () => {
  const schema = z.object({ pad: z.string(), x: z.instanceof(Float32Array) });
  for (let pad = 0; pad < 8; pad++) {
    const bytes = encodeMsgpack({ pad: "x".repeat(pad), x: Float32Array.of(1, 2) });
    assert.deepEqual([...schema.parse(decodeMsgpack(bytes)).x], [1, 2]);
  }
});

test("any other reader reads what has no arrays and dates in it", () => {
  const value = { a: [1, -1, 1.5, 2 ** 40, "\u{1f600}", null, true, { b: {} }], c: Buffer.of(1) };
  assert.deepEqual(decode(new Uint8Array(encodeMsgpack(value))), { ...value, c: Uint8Array.of(1) });
  const many = { list: Array.from({ length: 70_000 }, (_, i) => i), at: undefined };
  assert.deepEqual(decode(encodeMsgpack(many)), { list: many.list });
  assert.deepEqual(decodeMsgpack(encode({ at: new Date(1234) })), { at: new Date(1234) });
});

test("what JSON leaves out or has another word for", () => {
  const value = {
    gone: undefined,
    method() {},
    items: [undefined, Symbol("x")],
    url: new URL("https://a.example/"),
    never: new Date(Number.NaN),
    nan: Number.NaN,
    big: 2n ** 63n,
    small: -(2n ** 63n),
    buffer: Uint8Array.of(1).buffer,
    half: "\ud83d",
  };
  assert.deepEqual(decodeMsgpack(encodeMsgpack(value)), {
    items: [null, null],
    url: "https://a.example/",
    never: null,
    nan: Number.NaN,
    big: 2n ** 63n,
    small: -(2n ** 63n),
    buffer: Buffer.of(1),
    half: "\ufffd",
  });
  assert.deepEqual(decodeMsgpack(encodeMsgpack(undefined)), null);
});

test("what msgpack cannot hold is the model's fault", () => {
  const cycle: Record<string, unknown> = {};
  cycle["self"] = [cycle, cycle];
  for (const value of [cycle, { n: 2n ** 64n }, shaped(Float32Array.of(1), 2), { toJSON: () => cycle }]) {
    assert.throws(() => encodeMsgpack(value), { code: "OUTPUT_INVALID" });
  }
});

const hex = (text: string) => Buffer.from(text, "hex");

const REFUSED: readonly (readonly [why: string, bytes: Uint8Array, message: RegExp])[] = [
  ["5 MB of nesting", Buffer.alloc(5 * 2 ** 20, 0x91), /over 128 levels/],
  ["maps of maps", Buffer.alloc(5 * 2 ** 20, 0x81), /over 128 levels/],
  ["four billion items", hex("ddffffffff"), /more values than it has bytes/],
  ["a map of four billion", hex("dfffffffff"), /more values than it has bytes/],
  ["2^25 items, nested", Buffer.concat(Array.from({ length: 100 }, () => hex("dd01ffffff"))), /more values/],
  ["a text of four gigabytes", hex("dbffffffff61"), /in the middle of a value/],
  ["half a value", hex("92"), /more values|in the middle/],
  ["half a number", hex("cb00"), /in the middle of a value/],
  ["two values", hex("c0c0"), /1 bytes follow its end/],
  ["a byte that begins nothing", hex("c1"), /0xc1/],
  ["text that is no UTF-8", hex("a2ff61"), /not UTF-8/],
  ["an unknown extension", hex("d40500"), /extension 5/],
  ["a timestamp of one byte", hex("d4ff00"), /not valid msgpack/],
  ["a key that is a list", hex("8190c0"), /a key is neither/],
  ["a key named __proto__", encode(JSON.parse('{"__proto__":1}')), /__proto__/],
  [
    "a date that is none",
    hex("82c40f5f5f64745f646174655f69736f5f5fc3c4046461746101"),
    /__dt_date_iso__ is none/,
  ],
  ["a datetime that is none", tagged("__dt_datetime_iso__", "soon"), /__dt_datetime_iso__ is none/],
  ["a duration that is none", tagged("__dt_timedelta__", [1, 2]), /__dt_timedelta__ is none/],
  ["Python objects", numpy({ type: "|O", kind: "O" }), /Python objects is not supported/],
  ["numpy strings", numpy({ type: "<U1" }), /<U1 is not supported, only of b1, i1/],
  ["complex numbers", numpy({ type: "<c8" }), /<c8 is not supported/],
  ["a type from a prototype", numpy({ type: "<constructor" }), /<constructor is not supported/],
  ["another shape than bytes", numpy({ shape: [3] }), /shape \[3\] has 8 bytes/],
  ["a shape beyond all numbers", numpy({ shape: [2 ** 53, 0.5] }), /a shape that is none/],
  ["an infinite shape", numpy({ shape: Array(64).fill(2 ** 40) }), /has 8 bytes/],
];

for (const [why, bytes, message] of REFUSED) {
  test(`refused: ${why}`, () => {
    assert.throws(() => readBody({ "content-type": "application/msgpack" }, bytes), {
      code: "INPUT_INVALID",
      message,
    });
  });
}

test("only binary keys are tags: a caller's own map of the same names is a map", () => {
  const value = { nd: true, type: "<f4", kind: "", shape: [2], data: Buffer.alloc(8) };
  assert.deepEqual(decodeMsgpack(Buffer.from(encode(value))), value);
  assert.deepEqual(
    decodeMsgpack(Buffer.concat([Buffer.of(0x81), encode(Buffer.from("__proto__")), encode([1])])),
    JSON.parse('{"__proto__":[1]}'),
  );
});

test("integers are exact: numbers where they can be, and BigInts beyond", () => {
  assert.deepEqual(decodeMsgpack(hex("93cf0020000000000001d3ffdfffffffffffffcf0000000100000000")), [
    9007199254740993n,
    -9007199254740993n,
    2 ** 32,
  ]);
  assert.deepEqual(decodeMsgpack(hex("82cf001fffffffffffffc0cf0020000000000001c3")), {
    [Number.MAX_SAFE_INTEGER]: null,
    "9007199254740993": true,
  });
});

// As an answer

const model = (predict: (input: unknown) => unknown) =>
  startFunction(
    class {
      predict(input: unknown) {
        return predict(input);
      }
    },
  );

const packed = { accept: "application/msgpack" };

test("a caller of msgpack is answered in it", async () => {
  const { post } = model((input) => input);
  const sent = { body: TRUSS.toString("base64"), isBase64Encoded: true };
  const answer = await post("", { ...sent, headers: { "content-type": "application/msgpack" } });
  assert.equal(answer.headers["content-type"], "application/msgpack");
  assert.deepEqual(decodeMsgpack(Buffer.from(answer.body ?? "", "base64")), WHAT_TRUSS_SENT);
  const json = await post({ a: 1 }, { headers: packed });
  assert.deepEqual(decode(Buffer.from(json.body ?? "", "base64")), { a: 1 });
});

test("bytes, errors and Responses leave as they always do", async () => {
  const bytes = await model(() => Uint8Array.of(1, 2)).post({}, { headers: packed });
  assert.equal(bytes.headers["content-type"], "application/octet-stream");
  const failed = await model(() => ({ n: 2n ** 64n })).post({}, { headers: packed });
  assert.equal(failed.statusCode, 500);
  assert.equal((bodyOf(failed) as { error: { code: string } }).error.code, "OUTPUT_INVALID");
});

test("a stream is one document after another, and says in its own format that it failed", async () => {
  async function* items() {
    yield "caf\u00e9";
    yield { x: Float32Array.of(0.5) };
    throw new Error("in the middle");
  }
  const { stream, failure, prelude } = await model(items).postStream({}, { headers: packed });
  assert.equal(prelude?.headers["content-type"], "application/msgpack");
  const all = Buffer.concat(stream.chunks);
  const [first, second, last] = decodeMulti(all.subarray(all.indexOf(Buffer.alloc(8)) + 8), {
    mapKeyConverter: (key) => `${key}`,
  });
  assert.equal(first, "caf\u00e9");
  assert.equal(typeof second, "object");
  assert.equal((last as { error: { code: string } }).error.code, "PREDICT_FAILED");
  assert.equal(failure?.name, "PREDICT_FAILED");
});

function tagged(tag: string, data: unknown): Uint8Array {
  return map({ [tag]: true, data });
}

function numpy(more: { type?: string; kind?: string; shape?: number[] }): Uint8Array {
  const { type = "<f4", kind = "", shape = [2] } = more;
  return map({ nd: true, type, kind: Buffer.from(kind), shape, data: Buffer.alloc(8) });
}

/** With binary keys. */
function map(fields: Record<string, unknown>): Uint8Array {
  const entries = Object.entries(fields).flatMap(([key, value]) => [encode(Buffer.from(key)), encode(value)]);
  return Buffer.concat([Buffer.of(0x80 + entries.length / 2), ...entries]);
}
