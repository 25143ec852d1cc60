import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { DeleteObjectsCommand, GetObjectCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { startLocalS3 } from "../../adapter/local/s3/local-s3.ts";
import { presign } from "../s3/_signed.ts";
import { BUCKET, type StartedS3, startS3 } from "./_s3.ts";

const md5 = (data: string) => createHash("md5").update(data).digest("hex");

test("files of a folder are objects below a prefix", async (t) => {
  const { local, get, server } = await startS3(t);
  const folder = makeFolder(t, { "a.bin": "0123456789", "sub/b c.txt": "bee", "sub/.hidden": "" });
  local.serveFolder(BUCKET, "v1/", folder);
  await local.put(BUCKET, "v0/other", "x");
  const { Contents } = await server.client().send(new ListObjectsV2Command({ Bucket: BUCKET }));
  assert.deepEqual(
    Contents?.map(({ Key, Size, ETag }) => [Key, Size, ETag]),
    [
      ["v0/other", 1, `"${md5("x")}"`],
      ["v1/a.bin", 10, `"${md5("0123456789")}"`],
      ["v1/sub/.hidden", 0, `"${md5("")}"`],
      ["v1/sub/b c.txt", 3, `"${md5("bee")}"`],
    ],
  );
  const range = await get("v1/a.bin", { range: "bytes=3-5", "if-match": `"${md5("0123456789")}"` });
  assert.deepEqual([range.status, range.body.toString()], [206, "345"]);
  const whole = await get("v1/sub/b%20c.txt", { "x-amz-checksum-mode": "ENABLED" });
  assert.deepEqual([whole.status, whole.body.toString()], [200, "bee"]);
  assert.ok(whole.headers["x-amz-checksum-crc64nvme"]);
  assert.equal((await get("v1/sub")).status, 404);
  assert.equal((await get("v1/sub/")).status, 404);
});

test("a file that is changed is another object", async (t) => {
  const { local, get } = await startS3(t);
  const folder = makeFolder(t, { model: "one" });
  local.serveFolder(BUCKET, "", folder);
  const { headers } = await get("model");
  writeFileSync(join(folder, "model"), "two");
  utimesSync(join(folder, "model"), new Date(), new Date(Date.now() + 5000));
  const held = await get("model", { "if-match": String(headers.etag) });
  assert.equal(held.status, 412);
  assert.equal((await get("model")).headers.etag, `"${md5("two")}"`);
});

test("a folder is never left, and never written to", async (t) => {
  const { local, raw, get, server } = await startS3(t);
  const parent = makeFolder(t, { secret: "s", "served/model": "m" });
  local.serveFolder(BUCKET, "", join(parent, "served"));
  for (const key of ["../secret", "x/../../secret", "./model", "//model", "a%00b", "..%5Csecret"]) {
    assert.equal((await get(key)).status, 404, key);
  }
  const put = await raw({ method: "PUT", path: `/${BUCKET}/model`, body: "new" });
  assert.deepEqual([put.status, put.code], [403, "AccessDenied"]);
  const gone = await raw({ method: "DELETE", path: `/${BUCKET}/model` });
  assert.deepEqual([gone.status, gone.code], [403, "AccessDenied"]);
  const several = await server
    .client()
    .send(new DeleteObjectsCommand({ Bucket: BUCKET, Delete: { Objects: [{ Key: "model" }] } }));
  assert.equal(several.Errors?.[0]?.Code, "AccessDenied");
  assert.equal((await raw({ method: "POST", path: `/${BUCKET}/model`, query: { uploads: "" } })).status, 403);
  assert.equal((await get("model")).body.toString(), "m");
});

test("each folder in a folder is a bucket", async (t) => {
  const folder = makeFolder(t, { "one-bucket/key": "1", "two-bucket/key": "2", file: "" });
  const { raw } = await startS3(t, { folder });
  assert.equal((await raw({ path: "/one-bucket/key" })).body.toString(), "1");
  assert.equal((await raw({ path: "/two-bucket/key" })).body.toString(), "2");
});

test("a file as an object in parts", async (t) => {
  const { local, get } = await startS3(t);
  const folder = makeFolder(t, { model: "0123456789" });
  const { etag } = await local.put(BUCKET, "model", { file: join(folder, "model") }, { partSize: 4 });
  assert.match(etag, /-3"$/);
  const part = await get("model", {}, { query: { partNumber: "3" } });
  assert.deepEqual([part.status, part.body.toString()], [206, "89"]);
  assert.equal(part.headers["x-amz-mp-parts-count"], "3");
});

test("what a test puts has the headers it asks for", async (t) => {
  const { local, get } = await startS3(t);
  const lastModified = new Date("2026-01-02T03:04:05Z");
  const { versionId } = await local.put(BUCKET, "key", "x", {
    metadata: { author: "ada" },
    contentType: "text/plain",
    serverSideEncryption: "aws:kms",
    storageClass: "STANDARD_IA",
    lastModified,
  });
  const { headers } = await get("key");
  assert.equal(versionId, undefined);
  assert.equal(headers["x-amz-meta-author"], "ada");
  assert.equal(headers["content-type"], "text/plain");
  assert.equal(headers["x-amz-server-side-encryption"], "aws:kms");
  assert.equal(headers["x-amz-storage-class"], "STANDARD_IA");
  assert.equal(headers["last-modified"], "Fri, 02 Jan 2026 03:04:05 GMT");
});

test("a versioned bucket gives every put its id", async (t) => {
  const { local, get } = await startS3(t, { buckets: [{ name: BUCKET, versioned: true }] });
  const one = await local.put(BUCKET, "key", "one");
  await local.put(BUCKET, "key", "two");
  local.remove(BUCKET, "key");
  const gone = await get("key");
  assert.deepEqual([gone.status, gone.headers["x-amz-delete-marker"]], [404, "true"]);
  const old = await get("key", {}, { query: { versionId: String(one.versionId) } });
  assert.deepEqual([old.body.toString(), old.headers["x-amz-version-id"]], ["one", one.versionId]);
  const never = await get("key", {}, { query: { versionId: "null" } });
  assert.deepEqual([never.status, never.code], [404, "NoSuchVersion"]);
});

test("an archived object can be looked at and not read", async (t) => {
  const { local, get } = await startS3(t);
  await local.put(BUCKET, "cold", "x", { storageClass: "GLACIER" });
  const read = await get("cold");
  assert.deepEqual([read.status, read.code], [403, "InvalidObjectState"]);
  assert.match(read.body.toString(), /<StorageClass>GLACIER<\/StorageClass>/);
  const head = await get("cold", {}, { method: "HEAD" });
  assert.deepEqual([head.status, head.headers["x-amz-storage-class"]], [200, "GLACIER"]);
});

test("what this server has not, it says it has not", async (t) => {
  const { raw } = await startS3(t);
  for (const query of [{ acl: "" }, { policy: "" }, { versions: "" }]) {
    const answer = await raw({ path: `/${BUCKET}`, query: query as Record<string, string> });
    assert.deepEqual([answer.status, answer.code], [501, "NotImplemented"], JSON.stringify(query));
  }
  const copy = await raw({
    method: "PUT",
    path: `/${BUCKET}/copy`,
    body: "",
    headers: { "x-amz-copy-source": "/models/key" },
  });
  assert.deepEqual([copy.status, copy.code], [501, "NotImplemented"]);
});

test("a document that is none is refused", async (t) => {
  const { raw } = await startS3(t);
  const documents = [
    "",
    "<Delete>",
    "<Delete></Other>",
    "<Delete/>trailing",
    "<Other/>",
    "<Delete><Object><Key>&wrong;</Key></Object></Delete>",
    "<Delete><Object/></Delete>",
    `<Delete>${"<Object><Key>k</Key></Object>".repeat(1001)}</Delete>`,
  ];
  for (const body of documents) {
    const headers = { "content-md5": createHash("md5").update(body).digest("base64") };
    const answer = await raw({ method: "POST", path: `/${BUCKET}`, query: { delete: "" }, body, headers });
    assert.deepEqual([answer.status, answer.code], [400, "MalformedXML"], body.slice(0, 60));
  }
  const unchecked = await raw({
    method: "POST",
    path: `/${BUCKET}`,
    query: { delete: "" },
    body: "<Delete/>",
  });
  assert.equal(unchecked.code, "InvalidRequest");
});

test("a hook puts an error in place of an answer, as often as it likes", async (t) => {
  const { local, get } = await startS3(t);
  await local.put(BUCKET, "key", "x");
  const seen: string[] = [];
  const off = local.on(({ method, bucket, key, range, number }) => {
    seen.push(`${number} ${method} ${bucket}/${key} ${range}`);
    return number <= 2 ? { status: 503, code: "SlowDown", headers: { "retry-after": "1" } } : undefined;
  });
  const slow = await get("key", { range: "bytes=0-0" });
  assert.deepEqual([slow.status, slow.code, slow.headers["retry-after"]], [503, "SlowDown", "1"]);
  assert.match(slow.body.toString(), /Please reduce your request rate/);
  const head = await get("key", {}, { method: "HEAD" });
  assert.deepEqual([head.status, head.body.length], [503, 0]);
  assert.equal((await get("key")).status, 200);
  off();
  await get("key");
  assert.deepEqual(seen, [
    "1 GET models/key bytes=0-0",
    "2 HEAD models/key undefined",
    "3 GET models/key undefined",
  ]);
});

test("a hook bends an answer that is right", async (t) => {
  const { local, get } = await startS3(t);
  await local.put(BUCKET, "key", "0123456789");
  let fault = {};
  local.on(() => fault);
  const range = { range: "bytes=2-5" };
  fault = { headers: { "content-range": "bytes 0-3/10", etag: undefined } };
  const header = await get("key", range);
  assert.deepEqual([header.status, header.headers["content-range"]], [206, "bytes 0-3/10"]);
  assert.deepEqual([header.body.toString(), header.headers.etag], ["2345", undefined]);
  fault = { ignoreRange: true };
  const whole = await get("key", range);
  assert.deepEqual([whole.status, whole.body.toString()], [200, "0123456789"]);
  fault = { flipBitAt: 1 };
  assert.equal((await get("key", range)).body.toString(), "2245");
  fault = { endAfter: 3 };
  const short = await get("key", range);
  assert.deepEqual([short.status, short.body.toString()], [206, "234"]);
  assert.equal(short.headers["content-length"], undefined);
});

test("a hook breaks the connection: before the answer, or in the middle of it", async (t) => {
  const { local, get } = await startS3(t);
  await local.put(BUCKET, "key", "0123456789");
  let fault = {};
  local.on(() => fault);
  fault = { connection: "reset" };
  await assert.rejects(get("key"), { code: "ECONNRESET" });
  fault = { cutAfter: 4 };
  const { lines, body, ended } = await converse(local.url, getText(local, "key"), 4);
  assert.equal(lines[0], "HTTP/1.1 200 OK");
  await ended;
  assert.equal(body(), "0123");
  assert.deepEqual(
    local.requests.map(({ status, bytes }) => [status, bytes]),
    [
      [0, 0],
      [200, 4],
    ],
  );
});

test("a connection that stalls stays open, and closing the server ends it", async (t) => {
  const { local } = await startS3(t);
  await local.put(BUCKET, "key", "0123456789");
  local.on(({ number }) => (number === 1 ? { stallAfter: 4 } : { connection: "hang" }));
  const stalled = await converse(local.url, getText(local, "key"), 4);
  const hanging = connect(Number(new URL(local.url).port), "127.0.0.1");
  hanging.write(getText(local, "key"));
  hanging.on("error", () => {});
  while (local.requests.length < 2) await new Promise((resolve) => setImmediate(resolve));
  const closed = once(hanging, "close");
  await local.close();
  await stalled.ended;
  await closed;
  assert.equal(stalled.body(), "0123");
});

test("a hook may take its time", async (t) => {
  const { local, get } = await startS3(t);
  await local.put(BUCKET, "key", "x");
  const gate = Promise.withResolvers<undefined>();
  const asked = Promise.withResolvers<void>();
  local.on(() => {
    asked.resolve();
    return gate.promise;
  });
  let answered = false;
  const answer = get("key").finally(() => {
    answered = true;
  });
  await asked.promise;
  assert.equal(answered, false);
  gate.resolve(undefined);
  assert.equal((await answer).status, 200);
});

test("the log has every request, and no signature", async (t) => {
  const { local, get, raw, server } = await startS3(t);
  await local.put(BUCKET, "a b", "0123456789");
  await get("a%20b", { range: "bytes=1-3" });
  await get("missing", {}, { method: "HEAD" });
  const url = presign(server, { path: `/${BUCKET}/a%20b`, query: { partNumber: "1" } });
  await (await fetch(url)).arrayBuffer();
  await raw({ path: `/${BUCKET}`, query: { "list-type": "2", prefix: "a" } });
  assert.deepEqual(local.requests.slice(0, 3), [
    { method: "GET", bucket: BUCKET, key: "a b", query: "", range: "bytes=1-3", status: 206, bytes: 3 },
    { method: "HEAD", bucket: BUCKET, key: "missing", query: "", range: undefined, status: 404, bytes: 0 },
    {
      method: "GET",
      bucket: BUCKET,
      key: "a b",
      query: "partNumber=1",
      range: undefined,
      status: 206,
      bytes: 10,
    },
  ]);
  assert.equal(local.requests[3]?.query, "list-type=2&prefix=a");
});

test("on the wire: documents in chunks, no word about how long a connection stays, and an end when it was idle", async (t) => {
  const { local } = await startS3(t, { limits: { idleMs: 20 } });
  await local.put(BUCKET, "key", "0123456789");
  const { lines, ended } = await converse(local.url, getText(local, "key"), 10);
  assert.deepEqual(
    names(lines).filter((name) => /connection|keep-alive/.test(name)),
    [],
  );
  assert.ok(names(lines).includes("content-length"));
  // Nobody closes this connection but the server.
  await ended;
  const missing = await converse(local.url, getText(local, "missing"), 1);
  assert.ok(missing.lines.some((line) => /^transfer-encoding: chunked$/i.test(line)));
  assert.deepEqual(
    names(missing.lines).filter((name) => /connection|keep-alive|content-length/.test(name)),
    [],
  );
  await missing.ended;
  const head = await converse(local.url, getText(local, "missing", "HEAD"), 0);
  assert.ok(head.lines.some((line) => /^transfer-encoding: chunked$/i.test(line)));
  await head.ended;
  assert.equal(head.body(), "");
});

test("after a 400 the connection is over, after a 404 it is not", async (t) => {
  const { get } = await startS3(t);
  assert.equal((await get("key", {}, { region: "us-west-2" })).headers.connection, "close");
  assert.notEqual((await get("key")).headers.connection, "close");
});

test("two servers know nothing of each other", async (t) => {
  const one = await startS3(t);
  const two = await startS3(t);
  assert.notDeepEqual(one.local.credentials, two.local.credentials);
  const answer = await one.get("key", {}, { credentials: two.local.credentials });
  assert.equal(answer.code, "InvalidAccessKeyId");
  for (const key of ["a", "b"]) await one.local.put(BUCKET, key, "");
  const page = await one.raw({ path: `/${BUCKET}`, query: { "list-type": "2", "max-keys": "1" } });
  const token = /<NextContinuationToken>(.+)<\/NextContinuationToken>/.exec(page.body.toString())?.[1] ?? "";
  const query = { "list-type": "2", "continuation-token": token };
  assert.equal((await one.raw({ path: `/${BUCKET}`, query })).status, 200);
  assert.equal((await two.raw({ path: `/${BUCKET}`, query })).code, "InvalidArgument");
});

test("a bucket that S3 would not take is refused with what it takes", async () => {
  await assert.rejects(startLocalS3({ buckets: ["No_Bucket"] }), {
    code: "CONFIG_INVALID",
    message: '"No_Bucket" cannot be the name of a bucket.',
  });
});

test("a port that is taken is the system's own error", async (t) => {
  const { local } = await startS3(t);
  const port = Number(new URL(local.url).port);
  await assert.rejects(startLocalS3({ port }), { code: "EADDRINUSE" });
});

test("a large object goes out in pieces that a slow reader can hold back", async (t) => {
  const { local, server } = await startS3(t);
  const size = 32 * 1024 * 1024;
  const folder = makeFolder(t, { large: "" });
  writeFileSync(join(folder, "large"), Buffer.alloc(size, 1));
  local.serveFolder(BUCKET, "", folder);
  const s3 = server.client({ responseChecksumValidation: "WHEN_REQUIRED" });
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: "large" }));
  // Nobody reads: what has been sent is what the sockets hold.
  for (let i = 0; i < 100; i++) await new Promise((resolve) => setImmediate(resolve));
  assert.ok((local.requests[0]?.bytes ?? 0) < size);
  assert.equal((await Body?.transformToByteArray())?.length, size);
});

function makeFolder(t: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "s3-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

/** A GET of a presigned URL, as bytes; the connection may stay. */
function getText(local: StartedS3["local"], key: string, method = "GET"): string {
  const url = new URL(presign(local, { method, path: `/${BUCKET}/${key}` }));
  return `${method} ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`;
}

/** Sends it, and waits for the head of the answer and so many bytes after it. */
async function converse(url: string, text: string, bytes: number) {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  let received = "";
  const body = () => received.slice(received.indexOf("\r\n\r\n") + 4);
  const enough = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  socket.on("data", (piece) => {
    received += piece.toString("latin1");
    if (received.includes("\r\n\r\n") && body().length >= bytes) enough.resolve();
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    enough.resolve();
    ended.resolve();
  });
  socket.write(text);
  await enough.promise;
  return { lines: (received.split("\r\n\r\n")[0] ?? "").split("\r\n"), body, ended: ended.promise };
}

const names = (lines: readonly string[]) =>
  lines.slice(1).map((line) => line.split(":")[0]?.toLowerCase() ?? "");
