import assert from "node:assert/strict";
import { test } from "node:test";
import { readInput } from "../../adapter/runtime/body.ts";
import * as late from "../../adapter/runtime/late.ts";
import { makeCall } from "./_call.ts";

const read = (
  type: string | undefined,
  body: string | Uint8Array,
  more: Record<string, string> = {},
): unknown =>
  readInput(
    makeCall({ body, headers: { ...(type === undefined ? {} : { "content-type": type }), ...more } }),
    { late: () => late },
  );

test("JSON, whatever its name", () => {
  for (const type of [
    undefined,
    "application/json",
    "Application/JSON; charset=UTF-8",
    "application/vnd.api+json",
    "application/ld+json;profile=x",
    // curl -d
    "application/x-www-form-urlencoded",
  ]) {
    assert.deepEqual(read(type, '{"a":"é"}'), { a: "é" }, type);
    assert.deepEqual(read(type, Buffer.from('{"a":"é"}')), { a: "é" }, type);
  }
});

test("every JSON value is an input", () => {
  for (const value of [null, 0, "", "x", [], [1], { a: {} }, false]) {
    assert.deepEqual(read("application/json", JSON.stringify(value)), value);
  }
});

test("text is a string, not JSON", () => {
  assert.equal(read("text/plain", '{"a":1}'), '{"a":1}');
  assert.equal(read("text/markdown; charset=utf-8", Buffer.from("# é")), "# é");
});

test("text in another charset is decoded", () => {
  assert.equal(read("text/plain; charset=iso-8859-1", Uint8Array.from([0xe9])), "é");
  assert.equal(read('text/plain; charset="latin1"', Uint8Array.from([0xe9])), "é");
  assert.deepEqual(read("application/json; charset=utf-16le", Buffer.from('{"a":"é"}', "utf16le")), {
    a: "é",
  });
});

test("bytes are bytes, also when the transport carried text", () => {
  const bytes = Uint8Array.from([0, 255, 128]);
  for (const type of [
    "application/octet-stream",
    "image/png",
    "audio/wav; rate=16000",
    "audio/webm;codecs=opus",
    "video/mp4",
    "image/svg+xml",
    "application/pdf",
  ]) {
    assert.deepEqual(Uint8Array.from(read(type, bytes) as Uint8Array), bytes, type);
  }
  const text = read("application/octet-stream", "é");
  assert.ok(text instanceof Uint8Array);
  assert.deepEqual([...text], [0xc3, 0xa9]);
});

test("a byte order mark is not part of the input", () => {
  assert.deepEqual(read("application/json", "\ufeff[1]"), [1]);
  assert.deepEqual(read("application/json", Buffer.from("\ufeff[1]")), [1]);
  assert.equal(read("text/plain", "\ufeffa"), "a");
});

test("an empty body is undefined, whatever it says it is", () => {
  for (const type of [undefined, "application/json", "text/plain", "image/png", "video/mp4"]) {
    assert.equal(read(type, ""), undefined);
    assert.equal(read(type, new Uint8Array()), undefined);
  }
});

test("malformed input is the caller's mistake, and the answer says what is wrong", () => {
  assert.throws(() => read("application/json", "{nope"), {
    code: "INPUT_INVALID",
    message: /not valid JSON/,
  });
  assert.throws(() => read("application/x-www-form-urlencoded", "a=1&b=2"), {
    code: "INPUT_INVALID",
    message: /application\/x-www-form-urlencoded/,
  });
  assert.throws(() => read("text/plain", Uint8Array.from([0xff])), {
    code: "INPUT_INVALID",
    message: /utf-8/,
  });
  assert.throws(() => read("application/json", Uint8Array.from([0x22, 0xff, 0x22])), {
    code: "INPUT_INVALID",
  });
});

test("what cannot be read is refused with what can", () => {
  for (const type of [
    "application/zip",
    "model/gltf+zip",
    "nonsense",
    "application/json, application/json",
  ]) {
    assert.throws(() => read(type, "x"), {
      code: "INPUT_UNSUPPORTED",
      message:
        /is not supported, only application\/json.*image\/\*.*multipart\/form-data.*application\/msgpack/,
    });
  }
  assert.throws(() => read("text/plain; charset=klingon", Buffer.from("a")), {
    code: "INPUT_UNSUPPORTED",
    message: /klingon/,
  });
  assert.deepEqual(read("application/json", "1", { "content-encoding": "identity" }), 1);
});

test("JSON in another charset is decoded, by its name or its byte order mark", () => {
  const value = { a: "é", b: "日本" };
  const text = JSON.stringify(value);
  const little = Buffer.from(`\ufeff${text}`, "utf16le");
  const big = Buffer.from(little).swap16();
  for (const type of [
    "application/json",
    "application/json; charset=utf-16",
    "application/json; charset=utf-8",
  ]) {
    assert.deepEqual(read(type, little), value, type);
    assert.deepEqual(read(type, big), value, type);
  }
  assert.equal(read("text/plain; charset=shift_jis", Buffer.from([0x93, 0xfa, 0x96, 0x7b])), "日本");
  assert.throws(() => read("text/plain; charset=utf-16le", Buffer.from([0x00, 0xd8])), {
    code: "INPUT_INVALID",
    message: /utf-16le/,
  });
});

test("a body of another length than it says is refused with both numbers", () => {
  for (const [type, body] of [
    ["application/json", '"é"'],
    ["image/png", Buffer.from("four")],
    ["text/plain", "four"],
  ] as const) {
    assert.ok(read(type, body, { "content-length": "4" }) !== undefined);
    assert.ok(read(type, body, { "content-length": "4, 4" }) !== undefined);
    for (const length of ["3", "5", "-4", "4, 5", "many"]) {
      assert.throws(() => read(type, body, { "content-length": length }), {
        code: "INPUT_INVALID",
        message: new RegExp(`has 4 bytes.*${length}`),
      });
    }
  }
  assert.throws(() => read("application/json", "", { "content-length": "4" }), { code: "INPUT_INVALID" });
  assert.equal(read("application/json", "", { "content-length": "0" }), undefined);
});

test("a REST API may have decompressed what it hands over, under the length that it had", () => {
  const call = makeCall({ body: "[1]", headers: { "content-length": "2", "content-encoding": "gzip" } });
  const origin = { ...call.origin, source: "api-gateway" };
  assert.deepEqual(readInput({ ...call, origin }, { late: () => late }), [1]);
});

test("what nearly every call sends needs no late code", () => {
  const never = { late: () => assert.fail("was asked for") };
  for (const [type, body] of [
    ["application/json", "{}"],
    ["Application/JSON; charset=UTF-8", Buffer.from("{}")],
    ["text/plain", "a"],
    ["text/plain;charset=utf-8", Buffer.from("a")],
    ["image/jpeg", Buffer.from("a")],
    ["application/octet-stream", Buffer.from("a")],
    ["application/json", ""],
  ] as const) {
    readInput(makeCall({ body, headers: { "content-type": type } }), never as never);
  }
});
