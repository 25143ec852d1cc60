// Bodies in every form, both ways: bytes, forms, MessagePack, codings, charsets, and what is wrong with them.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as zlib from "node:zlib";
import { decodeMulti, encode } from "@msgpack/msgpack";
import { runCases } from "./_run-cases.ts";
import type { Case, Expected } from "./cases.ts";

const TRUSS = readFileSync(join(import.meta.dirname, "../fixtures/bodies/truss.msgpack"));
const MSGPACK = "application/msgpack";
const MEGABYTE = 1024 * 1024;

const FORM = Buffer.concat([
  Buffer.from(
    '--b\r\nContent-Disposition: form-data; name="image"; filename="caf\u00e9.png"\r\nContent-Type: image/png\r\n\r\n',
  ),
  Buffer.of(0, 0x0d, 0x0a, 0x2d, 0x2d, 0xff),
  Buffer.from('\r\n--b\r\nContent-Disposition: form-data; name="threshold"\r\n\r\n0.5'),
  Buffer.from(
    '\r\n--b\r\nContent-Disposition: form-data; name="options"\r\nContent-Type: application/json\r\n\r\n{"k":[1]}\r\n--b--\r\n',
  ),
]);

const PICTURE = Buffer.of(0x89, 0x50, 0, 0xff);
const PACKED = encode({ a: [1, "two", new Uint8Array([3])] });
const JSON_BODY = Buffer.from('{"a":"caf\u00e9"}');

const received = (type: string, input: unknown): Expected => ({ status: 200, json: { type, input } });

const inward: Case[] = [
  {
    name: "an image is bytes, and its type is in the headers",
    model: "bodies",
    event: binary("image/png", PICTURE),
    expect: received("image/png", { array: "bytes", hex: "895000ff" }),
  },
  {
    name: "audio with parameters",
    model: "bodies",
    event: binary("audio/webm;codecs=opus", PICTURE),
    expect: received("audio/webm;codecs=opus", { array: "bytes", hex: "895000ff" }),
  },
  {
    name: "a form: a file, a field and a value",
    model: "bodies",
    event: binary("multipart/form-data; boundary=b", FORM),
    expect: received("multipart/form-data; boundary=b", {
      image: { array: "bytes", hex: "000d0a2d2dff", name: "caf\u00e9.png", type: "image/png" },
      threshold: "0.5",
      options: { k: [1] },
    }),
  },
  {
    name: "what a client of Truss packs",
    model: "bodies",
    event: binary(MSGPACK, TRUSS, { accept: "application/json" }),
    expect: {
      status: 200,
      check({ body }) {
        const { input } = JSON.parse(body.toString()) as {
          input: Record<string, { array?: string; shape?: unknown }>;
        };
        const { image, when, huge } = input;
        const said = JSON.stringify([image?.array, image?.shape, when, huge]);
        return (
          said === '["Float32Array",[2,3],{"date":"2024-01-02T03:04:05.678Z"},"9223372036854775808n"]' || said
        );
      },
    },
  },
  ...codings().map(
    ([coding, bytes]): Case => ({
      name: `a body under ${coding}`,
      model: "bodies",
      event: binary("application/json", bytes, {
        "content-encoding": coding,
        "content-length": `${bytes.length}`,
      }),
      expect: received("application/json", { a: "caf\u00e9" }),
    }),
  ),
  {
    name: "JSON in UTF-16",
    model: "bodies",
    event: binary("application/json; charset=utf-16le", Buffer.from('{"a":"\u4e09"}', "utf16le")),
    expect: received("application/json; charset=utf-16le", { a: "\u4e09" }),
  },
];

const refused: Case[] = [
  refusal("a body that is shorter than it says", 400, "INPUT_INVALID", "image/png", PICTURE, {
    "content-length": "5",
  }),
  refusal(
    "a damaged gzip",
    400,
    "INPUT_INVALID",
    "application/json",
    zlib.gzipSync(JSON_BODY).subarray(0, -6),
    {
      "content-encoding": "gzip",
    },
  ),
  refusal("a body that decompresses to 33 MB", 413, "INPUT_TOO_LARGE", "image/png", bomb(), {
    "content-encoding": "gzip",
  }),
  refusal("4 MB of nesting", 400, "INPUT_INVALID", MSGPACK, Buffer.alloc(4 * MEGABYTE, 0x91)),
  refusal("a promise of four billion items", 400, "INPUT_INVALID", MSGPACK, Buffer.from("ddffffffff", "hex")),
  refusal(
    "a form without an end",
    400,
    "INPUT_INVALID",
    "multipart/form-data; boundary=b",
    FORM.subarray(0, -8),
  ),
  refusal("a media type that nobody takes", 415, "INPUT_UNSUPPORTED", "application/zip", PICTURE),
  refusal("a charset that nobody knows", 415, "INPUT_UNSUPPORTED", "text/plain; charset=klingon", PICTURE),
];

const outward: Case[] = [
  {
    name: "bytes in a form, back as bytes",
    model: "bodies",
    event: binary("application/octet-stream", PICTURE, { "x-do": "echo" }),
    expect: { status: 200, headers: { "content-type": "application/octet-stream" }, body: PICTURE },
  },
  {
    name: "packed there and back",
    model: "bodies",
    event: binary(MSGPACK, PACKED, { "x-do": "echo" }),
    expect: { status: 200, headers: { "content-type": MSGPACK }, body: PACKED },
  },
  {
    name: "what Truss packed, packed again",
    model: "bodies",
    event: binary("application/x-msgpack", TRUSS, { "x-do": "echo" }),
    expect: {
      status: 200,
      headers: { "content-type": "application/x-msgpack" },
      check: ({ body }) =>
        body.includes(TRUSS.subarray(TRUSS.indexOf("image"), TRUSS.indexOf("ids"))) || "another array",
    },
  },
  {
    name: "a stream of packed documents",
    model: "bodies",
    event: binary("application/json", Buffer.from('["one",{"n":2}]'), { "x-do": "stream", accept: MSGPACK }),
    expect: {
      status: 200,
      headers: { "content-type": MSGPACK },
      check: ({ body }) =>
        JSON.stringify([...decodeMulti(body)]) === '["one",{"n":2}]' || body.toString("hex"),
    },
  },
  {
    name: "a large answer is compressed where it is whole, and never where it streams",
    model: "bodies",
    event: binary("application/json", Buffer.from("{}"), { "x-do": "large", "accept-encoding": "gzip" }),
    expect: {
      status: 200,
      headers: { "content-encoding": undefined },
      check: ({ body }) => (JSON.parse(body.toString()) as unknown[]).length === 1000,
    },
    buffered: {
      status: 200,
      headers: { "content-encoding": "gzip", vary: "accept-encoding", "content-type": "application/json" },
      check: ({ body }) => (JSON.parse(zlib.gunzipSync(body).toString()) as unknown[]).length === 1000,
    },
  },
];

runCases([...inward, ...refused, ...outward]);

function codings(): [name: string, bytes: Buffer][] {
  return [
    ["gzip", zlib.gzipSync(JSON_BODY)],
    ["br", zlib.brotliCompressSync(JSON_BODY)],
    ["deflate", zlib.deflateSync(JSON_BODY)],
    ["zstd", zlib.zstdCompressSync(JSON_BODY)],
    ["gzip, br", zlib.brotliCompressSync(zlib.gzipSync(JSON_BODY))],
  ];
}

function bomb(): Buffer {
  return zlib.gzipSync(Buffer.alloc(33 * MEGABYTE));
}

function refusal(
  name: string,
  status: number,
  code: string,
  type: string,
  body: Uint8Array,
  headers?: Record<string, string>,
): Case {
  return { name, model: "bodies", event: binary(type, body, headers), expect: { status, code } };
}

/** A function URL's event with a body that is not text. */
function binary(type: string, body: Uint8Array, headers: Record<string, string> = {}) {
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath: "/predict",
    rawQueryString: "",
    headers: { host: "test.lambda-url", "content-type": type, ...headers },
    requestContext: { stage: "$default", http: { method: "POST", path: "/predict", protocol: "HTTP/1.1" } },
    body: Buffer.from(body).toString("base64"),
    isBase64Encoded: true,
  };
}
