// Small documents: which answers are tried again, how often, and what is said in the end.

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { HttpAnswer, Verdict } from "../../../adapter/runtime/weights/_contracts.ts";
import { createFetch } from "../../../adapter/runtime/weights/download/request.ts";
import { CLOCK } from "../../../adapter/runtime/weights/download/timing.ts";
import { type Received, send, startServer } from "./_engine-server.ts";

const QUICK = { backoffMs: 1, maxBackoffMs: 2 };
const fetch = createFetch({ environment: {}, timing: QUICK });

/** As a source would judge. */
function judge({ status, body }: HttpAnswer): Verdict {
  const error = new Error(`status ${status}: ${Buffer.from(body)}`);
  if (status >= 500) return { action: "retry", slow: status === 503, error };
  if (status === 403) return { action: "again", error };
  return { action: "fail", error };
}

async function serve(t: TestContext, handle: (request: Received) => unknown) {
  const server = await startServer(t, handle);
  const targets: number[] = [];
  const target = async () => {
    targets.push(targets.length);
    return {
      url: new URL(`${server.origin}/list?X-Amz-Signature=hidden`),
      headers: { "x-try": `${targets.length}` },
    };
  };
  return { server, target, targets };
}

test("a document arrives whole, in chunks or not, and one connection serves many", async (t) => {
  const document = "<ListBucketResult/>".repeat(100_000);
  const { server, target } = await serve(t, (request) => {
    if (request.nth > 0) return send(request, "200 OK", document, "ETag: x\r\n");
    request.socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (let at = 0; at < document.length; at += 70_000) {
      const piece = document.slice(at, at + 70_000);
      request.socket.write(`${piece.length.toString(16)}\r\n${piece}\r\n`);
    }
    request.socket.write("0\r\n\r\n");
  });
  for (let i = 0; i < 2; i++) {
    const { status, body } = await fetch("GET", target, judge);
    assert.equal(status, 200);
    assert.equal(Buffer.from(body).toString(), document);
  }
  assert.equal(server.connections, 1);
});

test("HEAD has headers and no body, however long it says it is", async (t) => {
  const { server, target } = await serve(t, ({ socket, method }) => {
    assert.equal(method, "HEAD");
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\nETag: x\r\n\r\n");
  });
  for (let i = 0; i < 2; i++) {
    const { headers, body } = await fetch("HEAD", target, judge);
    assert.equal(headers["content-length"], "5000000000");
    assert.equal(body.length, 0);
  }
  assert.equal(server.connections, 1);
});

test("what the source wants tried again is tried again, with a new target each time", async (t) => {
  const { server, target } = await serve(t, (request) =>
    send(request, request.nth < 3 ? "500 Internal Error" : "200 OK", "body"),
  );
  assert.equal((await fetch("GET", target, judge)).status, 200);
  assert.deepEqual(
    server.requests.map(({ headers }) => headers["x-try"]),
    ["1", "2", "3", "4"],
  );
});

test("a broken connection is tried again on a new one", async (t) => {
  const { server, target } = await serve(t, (request) => {
    if (request.nth === 0) request.socket.resetAndDestroy();
    else if (request.nth === 1) request.socket.end("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    else send(request, "200 OK", "whole");
  });
  const { body } = await fetch("GET", target, judge);
  assert.equal(Buffer.from(body).toString(), "whole");
  assert.equal(server.connections, 3);
});

test("the next try has nothing to do with connections there were before", async (t) => {
  const { server, target } = await serve(t, (request) => {
    if (request.nth === 2) request.socket.end("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    else send(request, "200 OK", "whole");
  });
  // Two that are idle afterwards.
  await Promise.all([fetch("GET", target, judge), fetch("GET", target, judge)]);
  await fetch("GET", target, judge);
  const [, , third, fourth] = server.requests as [Received, Received, Received, Received];
  assert.ok(third.connection < 2);
  assert.equal(fourth.connection, 2);
});

test("after eight tries it is given up: the URL without its query, the last answer, the way out", async (t) => {
  const { server, target } = await serve(t, (request) =>
    send(request, "503 Slow Down", "<Code>SlowDown</Code>"),
  );
  await assert.rejects(fetch("GET", target, judge), (error: Error & { code?: string; fix?: string }) => {
    assert.equal(error.code, "WEIGHTS_UNREACHABLE");
    assert.match(error.message, /\/list could not be fetched after 8 tries: .*answered 503.*SlowDown/);
    assert.doesNotMatch(error.message + error.fix, /hidden/);
    assert.ok(error.fix);
    assert.match(String(error.cause), /status 503/);
    return true;
  });
  assert.equal(server.requests.length, 8);
});

test("what cannot get better fails at once with the source's own error", async (t) => {
  const { server, target } = await serve(t, (request) => send(request, "404 Not Found", "NoSuchKey"));
  await assert.rejects(fetch("GET", target, judge), { message: "status 404: NoSuchKey" });
  assert.equal(server.requests.length, 1);
});

test("again means at once, and not for ever", async (t) => {
  const { server, target } = await serve(t, (request) => send(request, "403 Forbidden", "ExpiredToken"));
  await assert.rejects(fetch("GET", target, judge), { message: "status 403: ExpiredToken" });
  assert.equal(server.requests.length, 4);
});

test("a server says how long to wait, in seconds or as a date, and the source may know better", async (t) => {
  const waits: number[] = [];
  t.mock.method(globalThis, "setTimeout", (callback: () => void, ms: number) => {
    // The time limits of the requests themselves are longer.
    if (ms < 4000) {
      waits.push(Math.round(ms));
      setImmediate(callback);
    }
    return { ref() {}, unref() {} };
  });
  t.mock.method(globalThis, "clearTimeout", () => {});
  const now = Date.UTC(2026, 0, 1);
  const more = [
    "Retry-After: 2\r\n",
    `Retry-After: ${new Date(now + 3000).toUTCString()}\r\n`,
    "Retry-After: 2\r\nX-Known: 1\r\n",
    "Retry-After: 999999\r\n",
  ];
  const { target } = await serve(t, (request) =>
    request.nth < more.length
      ? send(request, "503 Slow Down", "", more[request.nth])
      : send(request, "200 OK", "body"),
  );
  const wise = createFetch({
    environment: {},
    timing: { ...QUICK, connectMs: 5000, maxRetryAfterMs: 3500 },
    clock: { now: CLOCK.now, wall: () => now },
  });
  await wise("GET", target, ({ headers }) => ({
    action: "retry",
    error: new Error("slow"),
    ...(headers["x-known"] && { afterMs: 700 }),
  }));
  assert.deepEqual(waits, [2000, 3000, 700, 3500]);
});

test("a document that is no small one is refused", async (t) => {
  const { target } = await serve(t, ({ socket }) => {
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
    socket.write(Buffer.alloc(80_000_000));
  });
  await assert.rejects(fetch("GET", target, judge), {
    code: "WEIGHTS_INVALID",
    message: /more than 67108864 bytes/,
  });
});

test("what the target cannot be made for is not tried again", async () => {
  let asked = 0;
  const target = async () => {
    asked++;
    throw new Error("no credentials");
  };
  await assert.rejects(fetch("GET", target, judge), { message: "no credentials" });
  assert.equal(asked, 1);
});
