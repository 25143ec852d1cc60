import assert from "node:assert/strict";
import { test } from "node:test";
import * as zlib from "node:zlib";
import { startFunction } from "../_function.ts";

const LARGE = { rows: Array.from({ length: 500 }, (_, id) => ({ id, label: "cat" })) };

const DECODERS: Record<string, (bytes: Buffer) => Buffer> = {
  gzip: zlib.gunzipSync,
  br: zlib.brotliDecompressSync,
  zstd: zlib.zstdDecompressSync,
};

async function answer(predict: (input: unknown) => unknown, accepted?: string) {
  const { post } = startFunction(
    class {
      predict(input: unknown) {
        return predict(input);
      }
    },
  );
  return post({}, { headers: accepted === undefined ? {} : { "accept-encoding": accepted } });
}

for (const [coding, decode] of Object.entries(DECODERS)) {
  test(`a large answer for who accepts ${coding}`, async () => {
    const { headers, body = "", isBase64Encoded } = await answer(() => LARGE, coding);
    assert.equal(headers["content-encoding"], coding);
    assert.equal(headers["content-type"], "application/json");
    assert.equal(headers["vary"], "accept-encoding");
    assert.equal(isBase64Encoded, true);
    assert.deepEqual(JSON.parse(decode(Buffer.from(body, "base64")).toString()), LARGE);
    assert.ok(body.length < JSON.stringify(LARGE).length / 2);
  });
}

test("nobody who does not accept it gets it", async () => {
  for (const accepted of [undefined, "", "identity", "gzip;q=0", "deflate"]) {
    const { headers, body } = await answer(() => LARGE, accepted);
    assert.equal(headers["content-encoding"], undefined, accepted);
    assert.deepEqual(JSON.parse(body ?? ""), LARGE);
  }
});

test("a small answer, bytes, and what would not shrink stay as they are", async () => {
  for (const [name, predict] of Object.entries({
    small: () => ({ a: 1 }),
    bytes: () => new Uint8Array(10_000),
    picture: () => response("image/png", {}),
    encoded: () => response("text/plain", { "content-encoding": "br" }),
    untouchable: () => response("text/plain", { "cache-control": "public, no-transform" }),
    noise: () =>
      response(
        "text/plain",
        {},
        zlib.deflateSync(Buffer.from(Float64Array.from({ length: 4000 }, (_, i) => Math.sin(i)).buffer)),
      ),
  })) {
    const { headers, body } = await answer(predict, "gzip");
    assert.notEqual(headers["content-encoding"], "gzip", name);
    assert.ok(body?.length, name);
  }
});

const response = (type: string, headers: Record<string, string>, body = new Uint8Array(10_000)) =>
  new Response(body as BodyInit, { headers: { "content-type": type, ...headers } });

test("a Response of the model is compressed like any other answer, and keeps its Vary", async () => {
  const { headers } = await answer(
    () => new Response("a".repeat(10_000), { headers: { "content-type": "text/html", vary: "origin" } }),
    "gzip",
  );
  assert.equal(headers["content-encoding"], "gzip");
  assert.equal(headers["vary"], "origin, accept-encoding");
});

test("an answer that is too large may fit when it is compressed", async () => {
  const text = "0123456789".repeat(800_000);
  assert.equal((await answer(() => text)).statusCode, 413);
  const { statusCode, body = "" } = await answer(() => text, "gzip");
  assert.equal(statusCode, 200);
  assert.equal(JSON.parse(zlib.gunzipSync(Buffer.from(body, "base64")).toString()), text);
});

test("a stream that leaves as one is never compressed", async () => {
  const { postStream } = startFunction(
    class {
      *predict() {
        for (let count = 0; count < 10; count++) yield "0123456789".repeat(1000);
      }
    },
  );
  const { prelude, body } = await postStream({}, { headers: { "accept-encoding": "gzip, br, zstd" } });
  assert.equal(prelude?.headers["content-encoding"], undefined);
  assert.equal(body.length, 100_000);
});
