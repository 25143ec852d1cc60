// Peers that take their time on purpose: a head that never ends, a body that drips, a reader that takes nothing. In the
// test's own process, with limits of milliseconds in place of minutes.

import assert from "node:assert/strict";
import { once } from "node:events";
import type { Server } from "node:http";
import { describe, test, type TestContext } from "node:test";
import type { Reply } from "../../../../adapter/runtime/call.ts";
import type { Route } from "../../../../adapter/runtime/routes.ts";
import { createExchanges } from "../../../../adapter/runtime/targets/server/exchange.ts";
import type { Callers } from "../../../../adapter/runtime/targets/server/callers.ts";
import { createHttpServer, type HttpLimits } from "../../../../adapter/runtime/targets/server/http-server.ts";
import type { Artifact } from "../../../../adapter/runtime/contracts.ts";
import * as late from "../../../../adapter/runtime/late.ts";
import { failedReply } from "../../../../adapter/runtime/failure.ts";
import { connectTo, pause } from "../_server.ts";

interface Limits extends Partial<HttpLimits> {
  readonly graceMs?: number;
  readonly minBytesPerSecond?: number;
  readonly readerSilenceMs?: number;
}

const artifact = { folder: "/nowhere", late: () => late } as unknown as Artifact;

/** A server that answers with `answer`, once the body has arrived. */
async function serve(
  t: TestContext,
  limits: Limits,
  answer: () => Reply,
): Promise<{ port: number; server: Server; callers: Callers }> {
  const route: Route = async (call) => {
    try {
      await call.arrived?.();
      return answer();
    } catch (error) {
      return failedReply(error, call.origin, artifact);
    }
  };
  const { graceMs = 60_000, minBytesPerSecond = 500, readerSilenceMs } = limits;
  const exchanges = createExchanges({
    route,
    artifact,
    observer: undefined,
    body: { maxBytes: 2 ** 20, graceMs, minBytesPerSecond },
    timeoutMs: 0,
    closes: () => false,
    ...(readerSilenceMs && { readerSilenceMs }),
  });
  const server = createHttpServer(exchanges.onRequest, exchanges.callers, {
    keepAliveMs: 60_000,
    headersMs: 60_000,
    checkMs: 20,
    ...limits,
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as { port: number }).port, server, callers: exchanges.callers };
}

const text = (): Reply => ({ status: 200, headers: {}, body: "whole" });

describe("a slow sender", () => {
  test("of a head is told so, and disconnected", async (t) => {
    const { port } = await serve(t, { headersMs: 100 }, text);
    const loris = await connectTo(t, port);
    loris.write("POST /predict HTTP/1.1\r\nhost: test\r\n");
    const drip = setInterval(() => loris.write("x: y\r\n"), 20);
    t.after(() => clearInterval(drip));
    assert.match((await loris.closed()).text, /^HTTP\/1\.1 408 [^]*INPUT_TIMEOUT/);
  });

  test("of a body is given up, however steadily it drips", async (t) => {
    const { port, callers } = await serve(t, { graceMs: 100, minBytesPerSecond: 1000 }, text);
    const loris = await connectTo(t, port);
    loris.write("POST /predict HTTP/1.1\r\nhost: test\r\ncontent-length: 100000\r\n\r\n");
    const drip = setInterval(() => loris.write("x"), 20);
    t.after(() => clearInterval(drip));
    assert.match(await loris.reads(/\}$/), /^HTTP\/1\.1 408 [^]*INPUT_TIMEOUT/);
    loris.socket.destroy();
    while (callers.inFlight > 0) await pause();
  });

  test("of a large body is heard out, as long as it comes", async (t) => {
    const { port } = await serve(t, { graceMs: 50, minBytesPerSecond: 100 }, text);
    const slow = await connectTo(t, port);
    slow.write("POST /predict HTTP/1.1\r\nhost: test\r\ncontent-length: 1000\r\n\r\n");
    for (let sent = 0; sent < 1000; sent += 100) {
      slow.write("x".repeat(100));
      await pause(20);
    }
    assert.match(await slow.reads(/whole$/), /^HTTP\/1\.1 200 /);
  });
});

describe("a reader that takes nothing", () => {
  test("of a stream is given up, and the stream is stopped", async (t) => {
    let stopped = false;
    async function* pour() {
      try {
        for (;;) yield Buffer.alloc(2 ** 20);
      } finally {
        stopped = true;
      }
    }
    const { port, callers } = await serve(t, { readerSilenceMs: 200 }, () => ({
      status: 200,
      headers: {},
      body: pour(),
    }));
    const reader = await connectTo(t, port);
    reader.socket.pause();
    reader.write("GET / HTTP/1.1\r\nhost: test\r\n\r\n");
    while (!stopped || callers.inFlight > 0) await pause();
  });

  test("of a whole answer does not keep it in memory", async (t) => {
    const body = Buffer.alloc(64 * 2 ** 20);
    const { port, server } = await serve(t, { readerSilenceMs: 200 }, () => ({
      status: 200,
      headers: {},
      body,
    }));
    const reader = await connectTo(t, port);
    reader.socket.pause();
    reader.write("GET / HTTP/1.1\r\nhost: test\r\n\r\n");
    const connections = () =>
      new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)));
    while ((await connections()) > 0) await pause();
  });
});
