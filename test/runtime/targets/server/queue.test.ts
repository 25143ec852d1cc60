// Who waits, who is sent away, and what becomes of callers that leave: before their turn, during it, and in the middle
// of a stream that they no longer read.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { buildServer, pause, rawPost, startServer, type TestServer } from "../_server.ts";
import { MODEL } from "./_model.ts";

const artifact = await buildServer({
  "model/model.ts": MODEL,
  "config.yaml": "runtime:\n  predict_concurrency: 1\nserver:\n  max_queue: 1\n",
});

/** `held` runs until `isHealthy` is asked. */
async function withHeld(server: TestServer) {
  const held = server.post({ name: "held", hold: true });
  await server.logged("ran held");
  return { held, open: () => server.get("/health/ready") };
}

const ran = (server: TestServer) =>
  server
    .log()
    .filter(({ message }) => /^ran /.test(message))
    .map(({ message }) => message);

describe("the queue", () => {
  test("sends away who finds it full, and tells when to come again", async (t) => {
    const server = await startServer(t, artifact);
    const { held, open } = await withHeld(server);
    const waiting = server.post({ name: "waiting" });
    await server.logged("came waiting");
    const refused = await server.post({ name: "refused" });
    assert.equal(refused.status, 429);
    assert.equal(refused.json.error.code, "QUEUE_FULL");
    assert.equal(refused.headers.get("retry-after"), "1");
    await open();
    assert.equal((await held).status, 200);
    assert.equal((await waiting).status, 200);
    assert.deepEqual(ran(server), ["ran held", "ran waiting"]);
  });

  for (const [how, leave] of [
    ["closes its connection", (socket: import("node:net").Socket) => socket.destroy()],
    ["closes its half of it", (socket: import("node:net").Socket) => socket.end()],
  ] as const) {
    test(`drops a caller that ${how}, and does not run it`, async (t) => {
      const server = await startServer(t, artifact);
      const { held, open } = await withHeld(server);
      const leaver = await server.connect();
      leaver.write(rawPost({ name: "leaver" }));
      await server.logged("came leaver");
      leave(leaver.socket);
      assert.equal((await server.logged("aborted leaver"))["why"], "the caller left.");
      // Its place is free.
      const next = server.post({ name: "next" });
      await server.logged("came next");
      await open();
      await held;
      assert.equal((await next).status, 200);
      assert.deepEqual(ran(server), ["ran held", "ran next"]);
    });
  }

  test("goes on when everybody on one connection leaves at once", async (t) => {
    const server = await startServer(t, artifact);
    const pipeline = await server.connect();
    pipeline.write(rawPost({ name: "first", words: 100_000 }) + rawPost({ name: "second" }));
    await server.logged("came second");
    pipeline.socket.destroy();
    await server.logged("aborted second");
    assert.equal((await server.post({ name: "next" })).status, 200);
    assert.deepEqual(ran(server), ["ran first", "ran next"]);
  });
});

describe("a caller that leaves", () => {
  test("in the middle of a stream aborts it, and its slot is free", async (t) => {
    const server = await startServer(t, artifact);
    const reader = await server.connect();
    reader.write(rawPost({ name: "stream", words: 100_000 }));
    await reader.reads(/"word":2/);
    reader.socket.destroy();
    await server.logged("aborted stream");
    await server.logged("finished stream");
    assert.equal((await server.post({ name: "next" })).status, 200);
  });

  test("while predict thinks aborts it, and its slot is free even when the model does not listen", async (t) => {
    const server = await startServer(t, artifact);
    const caller = await server.connect();
    caller.write(rawPost({ name: "thinker", never: true }));
    await server.logged("ran thinker");
    caller.socket.destroy();
    await server.logged("aborted thinker");
    assert.equal((await server.post({ name: "next" })).status, 200);
  });

  test("before its body is there costs nothing", async (t) => {
    const server = await startServer(t, artifact);
    const caller = await server.connect();
    caller.write(rawPost("", { "content-length": "500" }));
    await pause(50);
    caller.socket.destroy();
    assert.equal((await server.post({ name: "next" })).status, 200);
    assert.deepEqual(ran(server), ["ran next"]);
    assert.ok(!server.log().some(({ level }) => level === "ERROR"));
  });
});

test("a reader that takes its time holds the model back, and gets everything", async (t) => {
  const server = await startServer(t, artifact);
  const MEGABYTES = 200;
  const response = await fetch(`${server.url}/predict`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ megabytes: MEGABYTES }),
  });
  const poured = () => server.log().filter(({ message }) => message === "poured").length;
  // Until the buffers between them are full.
  for (let before = -1; before < poured(); await pause(200)) before = poured();
  assert.ok(poured() < MEGABYTES / 2, `${poured()} MB are under way to a reader that reads nothing`);
  let received = 0;
  for await (const chunk of response.body ?? []) received += chunk.length;
  assert.equal(received, MEGABYTES * 2 ** 20);
});
