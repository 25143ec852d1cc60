// Bodies on the server's own wire: what arrives in pieces and compressed, and what leaves so.

import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { decode, encode } from "@msgpack/msgpack";
import { buildServer, startServer } from "../_server.ts";

const artifact = await buildServer({
  "config.yaml": "server:\n  max_body_mb: 1\n",
  "model/model.ts": `interface Input { image?: Uint8Array & { name: string }; note?: string; rows?: number }
  export default class Model {
    predict(input: Input | Uint8Array, { headers }: { headers: Record<string, string> }) {
      if (input instanceof Uint8Array) return { type: headers["content-type"], bytes: input.length };
      if (input?.image) return { name: input.image.name, bytes: input.image.length, note: input.note };
      return input?.rows ? Array.from({ length: input.rows }, (_, id) => ({ id, label: "cat" })) : input;
    }
  }\n`,
});

test("bodies of every kind, both ways, and their limit", async (t) => {
  const server = await startServer(t, artifact);
  const send = (body: BodyInit, headers: Record<string, string> = {}) =>
    fetch(`${server.url}/predict`, { method: "POST", body, headers });

  const data = new FormData();
  data.append("image", new Blob([new Uint8Array(200_000)], { type: "image/png" }), "a.png");
  data.append("note", "caf\u00e9");
  assert.deepEqual(await (await send(data)).json(), { name: "a.png", bytes: 200_000, note: "caf\u00e9" });

  const video = await send(new Uint8Array(10), { "content-type": "video/mp4" });
  assert.deepEqual(await video.json(), { type: "video/mp4", bytes: 10 });

  const packed = await send(encode({ a: 1 }), { "content-type": "application/msgpack" });
  assert.equal(packed.headers.get("content-type"), "application/msgpack");
  assert.deepEqual(decode(await packed.arrayBuffer()), { a: 1 });

  const json = { "content-type": "application/json" };
  const coded = await send(gzipSync('{"b":2}'), { ...json, "content-encoding": "gzip" });
  assert.deepEqual(await coded.json(), { b: 2 });

  const large = await send('{"rows":1000}', { ...json, "accept-encoding": "gzip" });
  assert.equal(large.headers.get("content-encoding"), "gzip");
  assert.equal(((await large.json()) as unknown[]).length, 1000);
  const plain = await send('{"rows":1000}', { ...json, "accept-encoding": "identity" });
  assert.equal(plain.headers.get("content-encoding"), null);

  for (const [body, headers] of [
    [gzipSync(Buffer.alloc(2 * 1024 * 1024)), { "content-encoding": "gzip" }],
    [Buffer.alloc(2 * 1024 * 1024), {}],
  ] as const) {
    const answer = await send(body, { "content-type": "image/png", ...headers });
    assert.equal(answer.status, 413);
    const { error } = (await answer.json()) as { error: { code: string; message: string } };
    assert.equal(error.code, "INPUT_TOO_LARGE");
    assert.match(error.message, /over 1 MB\. Upload it.*S3.*server\.max_body_mb/);
  }
});
