// A reset at any moment closes the connection, also while its end is on its way.

import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { resetSocket } from "../../../../adapter/runtime/targets/server/reset-socket.ts";

/** Both ends of a connection that either may half-close. */
async function pair(t: TestContext): Promise<{ ours: Socket; theirs: Socket }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const theirs = connect((server.address() as AddressInfo).port, "127.0.0.1").on("error", () => {});
  t.after(() => {
    theirs.destroy();
    server.close();
  });
  const [ours] = (await once(server, "connection")) as [Socket];
  return { ours, theirs };
}

const TIMEOUT = { timeout: 5000 };

test("an open connection is reset", TIMEOUT, async (t) => {
  const { ours, theirs } = await pair(t);
  const [error] = await Promise.all([once(theirs, "error"), once(ours, "close"), resetSocket(ours)]);
  assert.equal(error[0].code, "ECONNRESET");
});

test("one whose end has just begun is closed, and no error says otherwise", TIMEOUT, async (t) => {
  const { ours, theirs } = await pair(t);
  theirs.resume();
  ours.end();
  process.nextTick(() => resetSocket(ours));
  // `once` rejects with the socket's error.
  await once(ours, "close");
  assert.equal(ours.destroyed, true);
});

test("one that ends behind bytes that nobody reads is reset at once", TIMEOUT, async (t) => {
  const { ours, theirs } = await pair(t);
  theirs.pause();
  ours.end(Buffer.alloc(64 * 1024 * 1024));
  process.nextTick(() => resetSocket(ours));
  await once(ours, "close");
});
