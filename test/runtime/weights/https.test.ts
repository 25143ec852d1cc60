import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { HttpAnswer, RemoteFile, WeightsEntry } from "../../../adapter/runtime/weights/_contracts.ts";
import { checksumOf } from "../../../adapter/runtime/weights/sources/http-checksums.ts";
import { redirected, signatureEnd } from "../../../adapter/runtime/weights/sources/redirect.ts";
import createHttpsSource from "../../../adapter/runtime/weights/https.ts";
import {
  type Asked,
  listAll,
  makeAccess,
  makeEntry,
  overHttp,
  type Said,
  startServer,
} from "./_source-server.ts";

const BODY = "hello weights";

const open = (source: string, more: Partial<WeightsEntry> = {}, secrets: Record<string, string> = {}) =>
  overHttp(createHttpsSource(makeEntry({ source, ...more }), makeAccess({}, secrets)));

/** A web server with one file: HEAD, ranges, an ETag. */
function webServer(more: Record<string, string> = {}) {
  return (asked: Asked): Said => {
    const headers = { etag: '"one"', "accept-ranges": "bytes", ...more };
    const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(asked.headers.range ?? "") ?? [];
    if (asked.method === "HEAD") return { headers: { "content-length": String(BODY.length), ...headers } };
    if (start === undefined || headers["accept-ranges"] === "none") return { headers, body: BODY };
    const range = `bytes ${start}-${end}/${BODY.length}`;
    return {
      status: 206,
      headers: { ...headers, "content-range": range },
      body: BODY.slice(Number(start), Number(end) + 1),
    };
  };
}

const answerOf = (status: number, headers: Record<string, string> = {}): HttpAnswer => ({
  status,
  headers,
  body: new Uint8Array(),
});

const anyFile: RemoteFile = { path: "", key: "k", size: 1 };

test("one file, with its size, its ETag and ranges; one request", async () => {
  await using server = await startServer(webServer());
  const files = await listAll(open(`${server.url}/a/model.bin?token=secret#part`));
  assert.deepEqual(files, [{ path: "", key: `${server.url}/a/model.bin`, size: BODY.length, etag: '"one"' }]);
  assert.deepEqual(
    server.asked.map(({ method, path }) => [method, path]),
    [["HEAD", "/a/model.bin?token=secret"]],
  );
});

test("a server that does not offer ranges gives the file in one piece", async () => {
  for (const offer of ["none", ""]) {
    await using server = await startServer(webServer({ "accept-ranges": offer }));
    const [file] = await listAll(open(`${server.url}/a`));
    assert.equal(file?.ranges, false);
  }
});

test("a weak ETag pins nothing: the date does, in this run", async () => {
  const modified = "Mon, 23 Nov 2026 10:00:00 GMT";
  await using server = await startServer(webServer({ etag: 'W/"one"', "last-modified": modified }));
  const source = open(`${server.url}/a`);
  const [file] = await listAll(source);
  assert.equal(file?.etag, undefined);
  assert.equal((await source.target(anyFile)).headers["if-unmodified-since"], modified);
  assert.equal(source.judge(answerOf(412), anyFile).action, "changed");
});

test("where HEAD is refused, one byte is asked for", async () => {
  for (const status of [403, 404, 405, 501]) {
    const serve = webServer();
    await using server = await startServer((asked) => (asked.method === "HEAD" ? { status } : serve(asked)));
    const source = open(`${server.url}/a`);
    const [file] = await listAll(source);
    assert.deepEqual(file, { path: "", key: `${server.url}/a`, size: BODY.length, etag: '"one"' });
    assert.deepEqual(
      server.asked.map(({ method, headers }) => [method, headers.range]),
      [
        ["HEAD", undefined],
        ["GET", "bytes=0-0"],
      ],
    );
    assert.deepEqual((await source.target(anyFile)).headers, {});
  }
});

test("a file without a length is refused with a sentence", async () => {
  await using server = await startServer(() => ({ headers: { "transfer-encoding": "chunked" }, body: BODY }));
  await assert.rejects(listAll(open(`${server.url}/a`)), {
    code: "WEIGHTS_UNREACHABLE",
    message: /tells its size/,
  });
});

test("redirects are followed to their end, and the end is what is fetched", async () => {
  await using server = await startServer((asked) => {
    const hop = Number(/\/hop\/(\d)/.exec(asked.path)?.[1] ?? 0);
    if (hop > 0) return { status: 302, headers: { location: hop > 1 ? `/hop/${hop - 1}` : "../end?x=1" } };
    return webServer()(asked);
  });
  const source = open(`${server.url}/hop/5`);
  assert.equal((await listAll(source))[0]?.size, BODY.length);
  assert.equal((await source.target(anyFile)).url.href, `${server.url}/end?x=1`);
  assert.equal(server.asked.length, 6);
  await assert.rejects(listAll(open(`${server.url}/hop/6`)), {
    code: "WEIGHTS_UNREACHABLE",
    message: /more than 5/,
  });
});

test("a token is sent to the origin it is for, and to no other", async () => {
  await using cdn = await startServer(webServer());
  await using hub = await startServer(({ path }) => {
    const location = path === "/a" ? "/b" : `${cdn.url}/c`;
    return { status: 302, headers: { location } };
  });
  const source = open(`${hub.url}/a`, { auth: { secret: "token" } }, { token: "hunter2\n" });
  await listAll(source);
  assert.deepEqual(
    hub.asked.map(({ headers }) => headers.authorization),
    ["Bearer hunter2", "Bearer hunter2"],
  );
  assert.equal(cdn.asked[0]?.headers.authorization, undefined);
  assert.deepEqual((await source.target(anyFile)).headers, {});
});

test("a token does not come back with a redirect to its origin", () => {
  const start = {
    url: new URL("https://a.example/x"),
    headers: { authorization: "Bearer hunter2", other: "1" },
  };
  const away = redirected(start, "https://b.example/y");
  assert.deepEqual(away.headers, { other: "1" });
  assert.deepEqual(redirected(away, "https://a.example/z").headers, { other: "1" });
  assert.throws(() => redirected(start, "http://a.example/x"), { message: /from https to http/ });
  assert.throws(() => redirected(start, "file:///etc/passwd"), { message: /file:/ });
});

test("plain http: to this machine, or with a checksum", async () => {
  await assert.rejects(listAll(open("http://weights.example/a")), {
    code: "WEIGHTS_INVALID",
    message: /not encrypted/,
  });
  await using server = await startServer(() => ({
    status: 302,
    headers: { location: "http://weights.example/a" },
  }));
  await assert.rejects(listAll(open(`${server.url}/a`)), { code: "WEIGHTS_INVALID" });
  await using plain = await startServer(webServer());
  assert.equal((await listAll(open(plain.url, { sha256: "0".repeat(64) }))).length, 1);
});

test("an address with a password is refused, and does not show it", async () => {
  await assert.rejects(
    listAll(open("https://me:hunter2@host.example/a?b=hunter2")),
    (error: Error & { sentence: string }) => {
      assert.match(error.sentence, /host\.example\/a has a password/);
      assert.ok(!error.sentence.includes("hunter2"));
      return true;
    },
  );
});

test("a file whose place is pinned is found without a list, once for all its parts", async () => {
  await using server = await startServer((asked) =>
    asked.path === "/a" ? { status: 307, headers: { location: "/b" } } : webServer()(asked),
  );
  const source = open(`${server.url}/a`);
  const [one, two] = await Promise.all([source.target(anyFile), source.target(anyFile)]);
  assert.equal(one.url.pathname, "/b");
  assert.equal(two, one);
  assert.equal(server.asked.length, 2);
});

test("a place that has expired is looked for again; a late answer about it is not the end", async (context) => {
  let now = Date.parse("2026-11-23T10:00:00Z");
  context.mock.method(Date, "now", () => now);
  let name = 1;
  await using server = await startServer((asked) =>
    asked.path === "/a" ? { status: 302, headers: { location: `/b${name++}` } } : webServer()(asked),
  );
  const source = open(`${server.url}/a`);
  const path = async () => (await source.target(anyFile)).url.pathname;
  assert.equal(await path(), "/b1");
  now += 60_000;
  assert.equal(source.judge(answerOf(403), anyFile).action, "again");
  assert.equal(await path(), "/b2");
  assert.equal(source.judge(answerOf(403), anyFile).action, "again");
  assert.equal(await path(), "/b2");
  now += 6 * 60_000;
  assert.equal(await path(), "/b3");
});

test("a server that begins to redirect in the middle is followed", async () => {
  await using server = await startServer(webServer());
  const source = open(`${server.url}/a`);
  await source.target(anyFile);
  assert.equal(source.judge(answerOf(302, { location: "/moved" }), anyFile).action, "again");
  assert.equal((await source.target(anyFile)).url.pathname, "/moved");
  assert.equal(source.judge(answerOf(302, { location: "ftp://x/" }), anyFile).action, "fail");
});

test("verdicts", async () => {
  await using server = await startServer(webServer());
  const source = open(`${server.url}/a`);
  await source.target(anyFile);
  const verdict = (status: number) => {
    const { action, error, slow } = source.judge(answerOf(status), anyFile) as {
      action: string;
      error: Error;
      slow?: boolean;
    };
    return [action, (error as Error & { code: string }).code, slow];
  };
  assert.deepEqual(verdict(412), ["changed", "WEIGHTS_CHANGED", undefined]);
  assert.deepEqual(verdict(416), ["changed", "WEIGHTS_CHANGED", undefined]);
  assert.deepEqual(verdict(429), ["retry", "WEIGHTS_UNREACHABLE", true]);
  assert.deepEqual(verdict(503), ["retry", "WEIGHTS_UNREACHABLE", true]);
  assert.deepEqual(verdict(500), ["retry", "WEIGHTS_UNREACHABLE", undefined]);
  assert.deepEqual(verdict(501), ["fail", "WEIGHTS_UNREACHABLE", undefined]);
  assert.deepEqual(verdict(404), ["fail", "WEIGHTS_NOT_FOUND", undefined]);
  assert.deepEqual(verdict(401), ["fail", "WEIGHTS_FORBIDDEN", undefined]);
});

test("a presigned address that is over says so, and shows nothing of its query", async () => {
  await using server = await startServer(() => ({ status: 403 }));
  const query = "X-Amz-Date=20200101T000000Z&X-Amz-Expires=3600&X-Amz-Signature=hunter2";
  await assert.rejects(listAll(open(`${server.url}/a?${query}`)), (error: Error & { sentence: string }) => {
    assert.match(error.sentence, /signed until 2020-01-01T01:00:00\.000Z/);
    assert.ok(!error.sentence.includes("hunter2"));
    return true;
  });
});

test("when signatures end", () => {
  const end = (query: string) => signatureEnd(new URL(`https://h.example/?${query}`));
  assert.equal(end("X-Amz-Date=20260101T000000Z&X-Amz-Expires=60"), Date.parse("2026-01-01T00:01:00Z"));
  assert.equal(end("X-Goog-Date=20260101T000000Z&X-Goog-Expires=60"), Date.parse("2026-01-01T00:01:00Z"));
  assert.equal(end("Expires=1767225600&Signature=x&Key-Pair-Id=y"), Date.parse("2026-01-01T00:00:00Z"));
  assert.equal(end("se=2026-01-01T00%3A00%3A00Z&sig=x"), Date.parse("2026-01-01T00:00:00Z"));
  assert.equal(end("a=b"), undefined);
});

test("checksums of the whole file, from whatever header has them", () => {
  const sha256 = createHash("sha256").update(BODY).digest();
  const md5 = createHash("md5").update(BODY).digest();
  const of = (headers: Record<string, string>, partial = false) => checksumOf(headers, partial);
  const strong = { algorithm: "sha256", value: sha256.toString("hex") };
  assert.deepEqual(
    of({ "repr-digest": `md5=:${md5.toString("base64")}:, sha-256=:${sha256.toString("base64")}:` }),
    strong,
  );
  assert.deepEqual(of({ digest: `SHA-256=${sha256.toString("base64")}` }, true), strong);
  assert.deepEqual(of({ "x-goog-hash": "crc32c=n03x6A==, md5=Ojk9c3dhfxgoKVVHYwFbHQ==" }), {
    algorithm: "crc32c",
    value: "9f4df1e8",
  });
  const content = { "content-md5": md5.toString("base64") };
  assert.deepEqual(of(content), { algorithm: "md5", value: md5.toString("hex") });
  assert.equal(of(content, true), undefined);
  assert.deepEqual(of({ "x-amz-checksum-crc32": "AAAAAQ==", "x-amz-checksum-type": "FULL_OBJECT" }), {
    algorithm: "crc32",
    value: "00000001",
  });
  assert.equal(of({ "repr-digest": "sha-256=:AAAA:" }), undefined);
  // Stored compressed, sent plain: the hash is of what is stored.
  assert.equal(of({ "x-goog-hash": "crc32c=n03x6A==", "x-goog-stored-content-encoding": "gzip" }), undefined);
});
