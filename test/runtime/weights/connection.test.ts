// One answer after another on raw sockets: what is taken for the bytes asked for, and what is not.

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Outcome } from "../../../adapter/runtime/weights/download/exchange.ts";
import { WireError } from "../../../adapter/runtime/weights/download/http.ts";
import { Pool, Ticket } from "../../../adapter/runtime/weights/download/pool.ts";
import { TIMING, type Timing } from "../../../adapter/runtime/weights/download/timing.ts";
import {
  bytesOf,
  freePort,
  type Received,
  type ScriptedServer,
  send,
  sendRange,
  startServer,
} from "./_engine-server.ts";

const CONTENT = bytesOf(300_000);

interface Fetched {
  readonly outcome: Outcome;
  readonly bytes: Buffer;
}

function openPool(t: TestContext, timing: Partial<Timing> = {}): Pool {
  const pool = new Pool({}, { ...TIMING, ...timing });
  t.after(() => pool.close(new Error("the test is over")));
  return pool;
}

/** Fetches through a slab that is smaller than the body. */
async function get(
  pool: Pool,
  { origin }: Pick<ScriptedServer, "origin">,
  {
    range: part = { start: 1000, end: 250_001 },
    etag = '"v1"',
    ...options
  }: {
    range?: { start: number; end: number } | "whole";
    etag?: string;
    into?: Buffer[];
    ticket?: Ticket;
    on?: "new";
    slab?: Uint8Array;
  } = {},
): Promise<Fetched> {
  const range = part === "whole" ? undefined : part;
  const { into = [], slab = Buffer.alloc(65_536), ...how } = options;
  const outcome = await pool.exchange(
    {
      method: "GET",
      url: new URL(`${origin}/file?x-amz-signature=hidden`),
      headers: range ? { range: `bytes=${range.start}-${range.end - 1}` } : {},
      data: {
        expected: { range, size: CONTENT.length, etag },
        sink: { slab, write: (bytes) => void into.push(Buffer.from(bytes)) },
      },
      maxBytes: 1000,
    },
    how,
  );
  return { outcome, bytes: Buffer.concat(into) };
}

const honest = (request: Received) => sendRange(request, CONTENT);
const isWire = (code: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof WireError, String(error));
  assert.equal(error.code, code);
  assert.match(error.message, message);
  return true;
};

test("a range arrives byte for byte, through a slab smaller than it", async (t) => {
  const server = await startServer(t, honest);
  const { outcome, bytes } = await get(openPool(t), server);
  assert.deepEqual(outcome, { kind: "data" });
  assert.ok(bytes.equals(CONTENT.subarray(1000, 250_001)));
  const { method, path, headers } = server.requests[0] as Received;
  assert.equal(method, "GET");
  assert.equal(path, "/file?x-amz-signature=hidden");
  assert.equal(headers["host"], `127.0.0.1:${server.port}`);
  assert.equal(headers["accept-encoding"], "identity");
  assert.match(headers["user-agent"] ?? "", /^coldframe\//);
});

test("a whole file arrives without a Range", async (t) => {
  const server = await startServer(t, honest);
  const { bytes } = await get(openPool(t), server, { range: "whole" });
  assert.ok(bytes.equals(CONTENT));
  assert.equal((server.requests[0] as Received).headers["range"], undefined);
});

test("one connection serves one request after another", async (t) => {
  const server = await startServer(t, honest);
  const pool = openPool(t);
  for (let start = 0; start < 5; start++) {
    const { bytes } = await get(pool, server, { range: { start, end: 200_000 + start } });
    assert.ok(bytes.equals(CONTENT.subarray(start, 200_000 + start)));
  }
  assert.equal(server.connections, 1);
  await get(pool, server, { on: "new" });
  assert.equal(server.connections, 2);
});

test("a head in single bytes, and an interim answer before it, change nothing", async (t) => {
  const server = await startServer(t, async ({ socket }) => {
    socket.setNoDelay(true);
    const head = `HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 206 Partial Content\r\nContent-Length: 4\r\nContent-Range: bytes 0-3/300000\r\nETag: "v1"\r\n\r\n`;
    for (const character of head) {
      await new Promise((resolve) => setImmediate(resolve));
      socket.write(character);
    }
    socket.write(CONTENT.subarray(0, 4));
  });
  const { bytes } = await get(openPool(t), server, { range: { start: 0, end: 4 } });
  assert.ok(bytes.equals(CONTENT.subarray(0, 4)));
});

test("what claims to be the bytes and is not is an error, and nothing of it is written", async (t) => {
  const cases: readonly [string, (request: Received) => void, RegExp][] = [
    [
      "other bytes",
      (r) => sendRange(r, CONTENT, { contentRange: "bytes 0-249000/300000" }),
      /bytes 0-249000/,
    ],
    ["no Content-Range", (r) => send(r, "206 Partial Content", "x"), /Content-Range ""/],
    ["an unknown size", (r) => sendRange(r, CONTENT, { contentRange: "bytes 1000-250000/*" }), /250000\/\*/],
    ["a shorter body", (r) => sendRange(r, CONTENT, { contentLength: 10 }), /announced 10 bytes of 249001/],
    ["a longer body", (r) => sendRange(r, CONTENT, { contentLength: 249_002 }), /announced 249002/],
    [
      "all of it",
      (r) => send(r, "200 OK", "x".repeat(300_000)),
      /answered 200 to a request for bytes 1000-250000/,
    ],
    [
      "chunks",
      (r) => r.socket.write(chunkedHead('Content-Range: bytes 1000-250000/300000\r\nETag: "v1"\r\n')),
      /without a length/,
    ],
    [
      "both framings",
      (r) => sendRange(r, CONTENT, { more: "Transfer-Encoding: chunked\r\n" }),
      /is chunked, too/,
    ],
    ["two lengths", (r) => sendRange(r, CONTENT, { more: "Content-Length: 5\r\n" }), /length "249001, 5"/],
    ["no HTTP", (r) => r.socket.write("SSH-2.0-OpenSSH\r\n\r\n"), /does not speak HTTP/],
    ["a folded header", (r) => sendRange(r, CONTENT, { more: " folded: yes\r\n" }), /malformed/],
    ["an endless head", (r) => r.socket.write(`HTTP/1.1 206 X\r\n${"a: b\r\n".repeat(20_000)}`), /too long/],
  ];
  for (const [name, answer, message] of cases) {
    const server = await startServer(t, answer);
    const into: Buffer[] = [];
    await assert.rejects(get(openPool(t), server, { into }), isWire("PROTOCOL", message), name);
    assert.equal(into.length, 0, name);
  }
});

const chunkedHead = (more: string) =>
  `HTTP/1.1 206 Partial Content\r\nTransfer-Encoding: chunked\r\n${more}\r\n3\r\nabc\r\n`;

test("another ETag, no ETag or another size is another object", async (t) => {
  for (const [answer, found] of [
    [(r: Received) => sendRange(r, CONTENT, { etag: '"v2"' }), 'the ETag "v2"'],
    [
      (r: Received) => sendRange(r, CONTENT, { contentRange: "bytes 1000-250000/300001" }),
      "a size of 300001",
    ],
    [
      ({ socket }: Received) =>
        socket.write(
          "HTTP/1.1 206 X\r\nContent-Length: 249001\r\nContent-Range: bytes 1000-250000/300000\r\n\r\n",
        ),
      "no ETag",
    ],
  ] as const) {
    const server = await startServer(t, answer);
    const into: Buffer[] = [];
    const { outcome } = await get(openPool(t), server, { into });
    assert.deepEqual(outcome, { kind: "changed", found });
    assert.equal(into.length, 0);
  }
  const server = await startServer(t, (r) => send(r, "200 OK", "x"));
  const { outcome } = await get(openPool(t), server, { range: "whole" });
  assert.deepEqual(outcome, { kind: "changed", found: "a size of 1" });
});

test("an error is handed over with its body, and the connection goes on", async (t) => {
  const server = await startServer(t, (request) => {
    if (request.nth > 0) honest(request);
    else send(request, "403 Forbidden", "<Error/>", "X-Amz-Request-Id: 7\r\n");
  });
  const pool = openPool(t);
  const { outcome } = await get(pool, server);
  assert.ok(outcome.kind === "answer");
  assert.equal(outcome.answer.status, 403);
  assert.equal(outcome.answer.headers["x-amz-request-id"], "7");
  assert.equal(Buffer.from(outcome.answer.body).toString(), "<Error/>");
  assert.equal((await get(pool, server)).outcome.kind, "data");
  assert.equal(server.connections, 1);
});

test("an error in chunks is put together, wherever it is cut", async (t) => {
  const body = "1;ext=1\r\n<\r\n6\r\nError/\r\n1\r\n>\r\n0\r\nTrailer: x\r\n\r\n";
  for (const piece of [1, 7, body.length]) {
    const server = await startServer(t, async (request) => {
      if (request.nth > 0) return honest(request);
      request.socket.setNoDelay(true);
      request.socket.write("HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n");
      for (let at = 0; at < body.length; at += piece) {
        await new Promise((resolve) => setImmediate(resolve));
        request.socket.write(body.slice(at, at + piece));
      }
    });
    const pool = openPool(t);
    const { outcome } = await get(pool, server);
    assert.ok(outcome.kind === "answer");
    assert.equal(Buffer.from(outcome.answer.body).toString(), "<Error/>");
    assert.equal((await get(pool, server)).outcome.kind, "data");
    assert.equal(server.connections, 1, "its end was found, so the connection is used again");
  }
});

test("of a long error 64 KiB are kept, and its connection is not used again", async (t) => {
  const server = await startServer(t, (request) => {
    if (request.nth > 0) honest(request);
    else send(request, "500 Oh", "x".repeat(1_000_000));
  });
  const pool = openPool(t);
  const { outcome } = await get(pool, server);
  assert.ok(outcome.kind === "answer");
  assert.equal(outcome.answer.body.length, 65_536);
  assert.equal((await get(pool, server)).outcome.kind, "data");
  assert.equal(server.connections, 2);
});

test("an answer that ends with its connection is complete, and one that has a length is not", async (t) => {
  const server = await startServer(t, ({ nth, socket }) => {
    socket.end(
      nth === 0 ? "HTTP/1.0 500 Oh\r\n\r\nbody" : "HTTP/1.1 500 Oh\r\nContent-Length: 9\r\n\r\nbody",
    );
  });
  const pool = openPool(t);
  const { outcome } = await get(pool, server);
  assert.ok(outcome.kind === "answer");
  assert.equal(Buffer.from(outcome.answer.body).toString(), "body");
  await assert.rejects(get(pool, server), isWire("CUT", /closed/));
});

test("a connection that is to be closed, or that says more than it had announced, is not used again", async (t) => {
  const head = 'HTTP/1.1 206 X\r\nContent-Length: 5\r\nContent-Range: bytes 0-4/300000\r\nETag: "v1"\r\n\r\n';
  const answers: readonly ((request: Received) => void)[] = [
    (request) => sendRange(request, CONTENT, { more: "Connection: close\r\n" }),
    (request) => {
      sendRange(request, CONTENT);
      request.socket.write("surplus");
    },
    // Together with the head.
    ({ socket }) =>
      socket.write(Buffer.concat([Buffer.from(head), CONTENT.subarray(0, 5), Buffer.from("surplus")])),
  ];
  for (const answer of answers) {
    const server = await startServer(t, answer);
    const pool = openPool(t);
    const range = answer === answers[2] ? { start: 0, end: 5 } : { start: 1000, end: 250_001 };
    for (let i = 0; i < 2; i++) {
      const { bytes } = await get(pool, server, { range });
      assert.ok(bytes.equals(CONTENT.subarray(range.start, range.end)));
      // What comes unasked is noticed when it is read.
      while (server.sockets.size > 0) await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(server.connections, 2);
  }
});

test("a connection that was idle for longer than servers keep it is not tried", async (t) => {
  const server = await startServer(t, honest);
  const pool = openPool(t);
  await get(pool, server);
  const { now } = performance;
  t.mock.method(performance, "now", () => now.call(performance) + 4500);
  await get(pool, server);
  assert.equal(server.connections, 2);
});

test("what had arrived when the connection broke is kept", async (t) => {
  for (const [end, code] of [
    [(request: Received) => request.socket.end(), "CUT"],
    [(request: Received) => setTimeout(() => request.socket.resetAndDestroy(), 20), "ECONNRESET"],
  ] as const) {
    const server = await startServer(t, (request) => {
      sendRange(request, CONTENT, { cut: 100_000 });
      end(request);
    });
    const into: Buffer[] = [];
    await assert.rejects(get(openPool(t), server, { into }), isWire(code, /./));
    const bytes = Buffer.concat(into);
    assert.ok(bytes.equals(CONTENT.subarray(1000, 1000 + bytes.length)));
    if (code === "CUT") assert.equal(bytes.length, 100_000);
  }
});

test("a server that says nothing, or stops in the middle, is given up in time", async (t) => {
  const server = await startServer(t, (request) => {
    if (request.nth === 1) sendRange(request, CONTENT, { cut: 70_000 });
  });
  const pool = openPool(t, { headMs: 60, stallMs: 60 });
  await assert.rejects(get(pool, server), isWire("TIMEOUT", /no answer for 60 ms/));
  const into: Buffer[] = [];
  await assert.rejects(get(pool, server, { into }), isWire("TIMEOUT", /not a byte for 60 ms/));
  assert.equal(Buffer.concat(into).length, 70_000);
});

test("a slow body is no silence", async (t) => {
  const server = await startServer(t, async (request) => {
    sendRange(request, CONTENT, { cut: 0 });
    for (let at = 1000; at < 1010; at++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      request.socket.write(CONTENT.subarray(at, at + 1));
    }
  });
  const { bytes } = await get(openPool(t, { stallMs: 400 }), server, { range: { start: 1000, end: 1010 } });
  assert.ok(bytes.equals(CONTENT.subarray(1000, 1010)));
});

test("a connection that the server closed while it was idle is replaced without a word", async (t) => {
  const server = await startServer(t, (request) => {
    // A keep-alive that ends the moment the next request is on its way.
    if (request.connection === 0 && request.nth === 1) request.socket.resetAndDestroy();
    else honest(request);
  });
  const pool = openPool(t);
  await get(pool, server);
  const { bytes } = await get(pool, server);
  assert.ok(bytes.equals(CONTENT.subarray(1000, 250_001)));
  assert.equal(server.connections, 2);
});

test("a reset on a new connection is an error at once", async (t) => {
  const server = await startServer(t, ({ socket }) => socket.resetAndDestroy());
  await assert.rejects(get(openPool(t), server), isWire("ECONNRESET", /./));
  assert.equal(server.requests.length, 1);
});

test("nobody listens: refused, with the address", async (t) => {
  const port = await freePort();
  await assert.rejects(
    get(openPool(t), { origin: `http://127.0.0.1:${port}` }),
    isWire("ECONNREFUSED", new RegExp(`127\\.0\\.0\\.1:${port}`)),
  );
});

test("a half-open connection, which takes requests and never answers, is given up", async (t) => {
  const server = await startServer(t, () => {}, { onConnection: (socket) => (socket.pause(), false) });
  await assert.rejects(get(openPool(t, { headMs: 60 }), server), isWire("TIMEOUT", /no answer/));
});

test("a cancelled exchange ends with the reason, and another one works", async (t) => {
  const server = await startServer(t, (request) => {
    if (request.nth > 0) return honest(request);
    sendRange(request, CONTENT, { cut: 5000 });
    ticket.cancel(reason);
  });
  const ticket = new Ticket();
  const reason = new Error("enough");
  const pool = openPool(t);
  await assert.rejects(get(pool, server, { ticket }), reason);
  assert.equal((await get(pool, server)).outcome.kind, "data");
});

test("what the sink throws ends the exchange", async (t) => {
  const server = await startServer(t, honest);
  const full = new Error("ENOSPC");
  const pool = openPool(t);
  const exchange = pool.exchange({
    method: "GET",
    url: new URL(server.origin),
    headers: {},
    data: {
      expected: { range: undefined, size: CONTENT.length, etag: undefined },
      sink: {
        slab: Buffer.alloc(4096),
        write() {
          throw full;
        },
      },
    },
    maxBytes: 0,
  });
  await assert.rejects(exchange, full);
});

test("a header that would end the request is not sent", async (t) => {
  const server = await startServer(t, honest);
  const pool = openPool(t);
  const headers = { authorization: "a\r\nx: y" };
  await assert.rejects(
    pool.exchange({ method: "GET", url: new URL(server.origin), headers, maxBytes: 0 }),
    isWire("PROTOCOL", /"authorization" cannot be sent/),
  );
  assert.equal(server.connections, 0);
});

test("after a reset no connection is used again", async (t) => {
  const server = await startServer(t, honest);
  const pool = openPool(t);
  await get(pool, server);
  pool.reset(new Error("thaw"));
  await get(pool, server);
  assert.equal(server.connections, 2);
});
