import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { readInput } from "../../adapter/runtime/body.ts";
import { makeCall } from "./_call.ts";

const read = (
  type: string | undefined,
  body: string | Uint8Array,
  more: Record<string, string> = {},
): unknown =>
  readInput(
    makeCall({ body, headers: { ...(type === undefined ? {} : { "content-type": type }), ...more } }),
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
  for (const type of ["application/octet-stream", "image/png", "audio/wav; rate=16000"]) {
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
  assert.throws(() => read("video/mp4", "x"), {
    code: "INPUT_UNSUPPORTED",
    message: /video\/mp4.*application\/json.*image\/\*/,
  });
  assert.throws(() => read("text/plain; charset=klingon", Buffer.from("a")), {
    code: "INPUT_UNSUPPORTED",
    message: /klingon/,
  });
  assert.throws(() => read("application/json", gzipSync("{}"), { "content-encoding": "gzip" }), {
    code: "INPUT_UNSUPPORTED",
    message: /gzip.*identity/,
  });
  assert.deepEqual(read("application/json", "1", { "content-encoding": "identity" }), 1);
});

test("the body is read only when something needs it", () => {
  const call = {
    ...makeCall({ headers: { "content-encoding": "br" } }),
    body: () => assert.fail("was read"),
  };
  assert.throws(() => readInput(call as never), { code: "INPUT_UNSUPPORTED" });
});
