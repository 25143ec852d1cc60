import assert from "node:assert/strict";
import { test } from "node:test";
import * as zlib from "node:zlib";
import { readBody } from "./_read.ts";

const read = (encoding: string, body: string | Uint8Array, maxBytes?: number) =>
  readBody({ "content-type": "application/json", "content-encoding": encoding }, body, maxBytes);

const VALUE = { text: "caf\u00e9 ".repeat(100) };
const PLAIN = Buffer.from(JSON.stringify(VALUE));

const CODINGS: readonly (readonly [name: string, bytes: Uint8Array])[] = [
  ["gzip", zlib.gzipSync(PLAIN)],
  ["x-gzip", zlib.gzipSync(PLAIN)],
  ["GZIP", zlib.gzipSync(PLAIN)],
  ["br", zlib.brotliCompressSync(PLAIN)],
  ["deflate", zlib.deflateSync(PLAIN)],
  // What some clients send under that name.
  ["deflate", zlib.deflateRawSync(PLAIN)],
  ["zstd", zlib.zstdCompressSync(PLAIN)],
  ["gzip, br", zlib.brotliCompressSync(zlib.gzipSync(PLAIN))],
  ["identity, gzip", zlib.gzipSync(PLAIN)],
  ["deflate , zstd,gzip", zlib.gzipSync(zlib.zstdCompressSync(zlib.deflateSync(PLAIN)))],
  ["", PLAIN],
  ["identity", PLAIN],
];

for (const [name, bytes] of CODINGS) {
  test(`a body with content-encoding "${name}"`, () => assert.deepEqual(read(name, bytes), VALUE));
}

test("a coding that nobody knows is refused with those that are, and so are too many", () => {
  for (const name of ["compress", "gzip, nonsense", "gzip, gzip, gzip, gzip"]) {
    assert.throws(() => read(name, zlib.gzipSync(PLAIN)), {
      code: "INPUT_UNSUPPORTED",
      message: /only up to 3 of gzip, x-gzip, br, deflate, zstd, identity/,
    });
  }
});

test("a damaged body is the caller's mistake", () => {
  for (const [name, bytes] of CODINGS.slice(0, 9)) {
    const half = bytes.subarray(0, bytes.length / 2);
    assert.throws(
      () => read(name, half),
      { code: "INPUT_INVALID", message: /is not .*content-encoding/ },
      name,
    );
    assert.throws(() => read(name, Buffer.from("{}")), { code: "INPUT_INVALID" }, name);
  }
});

test("the limit is on what comes out, and is kept while it comes out", () => {
  // A gigabyte of zeros, in a megabyte and less.
  const zeros = Buffer.alloc(16 * 1024 * 1024);
  for (const [name, compress] of [
    ["gzip", zlib.gzipSync],
    ["br", zlib.brotliCompressSync],
    ["zstd", zlib.zstdCompressSync],
    ["deflate", zlib.deflateSync],
  ] as const) {
    const bomb = compress(zeros);
    const before = process.memoryUsage().arrayBuffers;
    assert.throws(() => read(name, bomb, 1024 * 1024), {
      code: "INPUT_TOO_LARGE",
      message: new RegExp(`without its ${name}, is over 1 MB`),
      fix: /S3.*server\.max_body_mb/,
    });
    assert.ok(process.memoryUsage().arrayBuffers - before < 8 * 1024 * 1024, name);
    assert.throws(() => read(`${name}, gzip`, zlib.gzipSync(bomb), 1024 * 1024), { code: "INPUT_TOO_LARGE" });
  }
});

test("without a setting, 32 MB are the most that comes out", () => {
  const bomb = zlib.gzipSync(Buffer.alloc(33 * 1024 * 1024));
  assert.throws(() => read("gzip", bomb), {
    code: "INPUT_TOO_LARGE",
    message: /over 32 MB/,
    fix: /S3[^,]*$/,
  });
});

test("the media type is that of the content", () => {
  const bytes = Buffer.from([1, 2, 3]);
  const headers = { "content-type": "image/png", "content-encoding": "gzip" };
  assert.deepEqual(Buffer.from(readBody(headers, zlib.gzipSync(bytes)) as Uint8Array), bytes);
  assert.equal(readBody({ "content-encoding": "gzip" }, zlib.gzipSync("")), undefined);
});
