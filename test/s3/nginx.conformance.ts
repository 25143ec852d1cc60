// nginx as the data plane of a measurement: what the engine asks of it, it does as S3 does.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type NginxOptions, startNginx } from "./nginx.ts";

test("nginx serves ranges of a folder, and holds If-Match", async (t) => {
  const server = await start(t, {});
  if (server === undefined) return;
  const url = `${server.url}/models/ten`;
  const part = await fetch(url, { headers: { range: "bytes=2-5" } });
  assert.deepEqual([part.status, part.headers.get("content-range")], [206, "bytes 2-5/10"]);
  assert.equal(await part.text(), "2345");
  const etag = part.headers.get("etag") ?? "";
  assert.equal((await fetch(url, { method: "HEAD", headers: { "if-match": etag } })).status, 200);
  assert.equal((await fetch(url, { method: "HEAD", headers: { "if-match": '"other"' } })).status, 412);
  assert.equal((await fetch(url, { method: "HEAD", headers: { range: "bytes=10-" } })).status, 416);
  assert.equal((await fetch(`${server.url}/models/none`, { method: "HEAD" })).status, 404);
});

test("nginx with TLS is trusted by its certificate", async (t) => {
  const server = await start(t, { tls: true, limitRate: 1_000_000 });
  if (server === undefined) return;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  get(`${server.url}/models/ten`, { ca: server.ca, agent: false }, (response) => {
    let text = "";
    response.on("data", (piece) => (text += piece)).on("end", () => resolve(text));
  }).on("error", reject);
  assert.equal(await promise, "0123456789");
});

async function start(t: TestContext, options: Omit<NginxOptions, "folder">) {
  const folder = mkdtempSync(join(tmpdir(), "nginx-test-"));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "models"));
  writeFileSync(join(folder, "models", "ten"), "0123456789");
  const server = await startNginx({ folder, ...options });
  if ("skipped" in server) {
    t.skip(server.skipped);
    return undefined;
  }
  t.after(() => server.close());
  return server;
}
