// The end of a server: what is in flight is finished, or ended so that its reader knows; nobody new is let in; the model
// is unloaded and the process ends by itself.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, test } from "node:test";
import { makeFolder } from "../../../build/_project.ts";
import { buildServer, isWhole, pause, rawPost, startServer, type TestServer } from "../_server.ts";
import { MODEL } from "./_model.ts";

const artifact = await buildServer({
  "model/model.ts": MODEL,
  "config.yaml": "runtime:\n  predict_concurrency: 8\n",
});

const unloaded = (server: TestServer) => server.log().some(({ message }) => message.includes("unloaded"));

async function refusesConnections(server: TestServer): Promise<boolean> {
  return fetch(server.url).then(
    () => false,
    (error: Error) => /ECONNREFUSED/.test(String(error.cause)),
  );
}

describe("SIGTERM", () => {
  test("with nothing to do unloads the model and ends", async (t) => {
    const server = await startServer(t, artifact);
    server.child.kill("SIGTERM");
    assert.equal(await server.ended, 0);
    assert.ok(unloaded(server));
  });

  test("lets a stream and an answer finish, and nobody new in", async (t) => {
    const server = await startServer(t, artifact);
    const stream = await server.connect();
    const held = await server.connect();
    stream.write(rawPost({ words: 100 }));
    held.write(rawPost({ name: "held", words: 50 }, { accept: "application/json" }));
    await stream.reads(/"word":2/);
    await server.logged("ran held");
    server.child.kill("SIGTERM");
    await server.logged("shutting down");
    assert.ok(await refusesConnections(server));
    assert.ok(isWhole((await stream.closed()).text));
    assert.match((await held.closed()).text, /\{"word":49\}\]$/);
    assert.equal(await server.ended, 0);
    assert.ok(unloaded(server));
  });

  test("closes connections that are idle, and answers no second call on one that was not", async (t) => {
    const server = await startServer(t, artifact);
    const idle = await server.connect();
    idle.write(rawPost({ a: 1 }));
    await idle.reads(/\}\}$/);
    const busy = await server.connect();
    busy.write(rawPost({ words: 30 }));
    await busy.reads(/"word":1/);
    server.child.kill("SIGTERM");
    await idle.closed();
    busy.write(rawPost({ late: true }));
    const { text } = await busy.closed();
    assert.match(text, /"word":29[^]*0\r\n\r\n/);
    assert.doesNotMatch(text, /"late"/);
    assert.equal(await server.ended, 0);
  });

  test("ends what outlasts the grace, and its reader knows", async (t) => {
    const server = await startServer(t, artifact, { env: { SHUTDOWN_GRACE_MS: "800" } });
    const stream = await server.connect();
    const thinker = server.post({ name: "thinker", never: true });
    stream.write(rawPost({ name: "endless", words: 1_000_000 }));
    await stream.reads(/"word":2/);
    await server.logged("ran thinker");
    server.child.kill("SIGTERM");
    const answer = await thinker;
    assert.equal(answer.status, 503);
    assert.equal(answer.json.error.message, "this instance is shutting down; try again.");
    const { text } = await stream.closed();
    assert.match(text, /"code":"MODEL_NOT_READY"/);
    assert.ok(!isWhole(text));
    assert.equal(await server.ended, 0);
    await server.logged("aborted endless");
    assert.ok(unloaded(server));
  });

  test("gives a server under Kubernetes time to be forgotten: not ready, and still answering", async (t) => {
    const env = { KUBERNETES_SERVICE_HOST: "10.0.0.1", SHUTDOWN_GRACE_MS: "6000" };
    const server = await startServer(t, artifact, { env });
    server.child.kill("SIGTERM");
    await server.logged("shutting down");
    const ready = await server.get("/health/ready");
    assert.equal(ready.status, 503);
    assert.equal((await server.get("/ping")).status, 503);
    assert.equal((await server.get("/health/live")).status, 200);
    const answer = await server.post({ a: 1 });
    assert.deepEqual(answer.json, { got: { a: 1 } });
    assert.equal(answer.headers.get("connection"), "close");
    assert.equal(await server.ended, 0);
  });

  test("a second one ends it at once", async (t) => {
    const server = await startServer(t, artifact);
    void server.post({ name: "thinker", never: true }).catch(() => {});
    await server.logged("ran thinker");
    server.child.kill("SIGTERM");
    await server.logged("shutting down");
    server.child.kill("SIGTERM");
    assert.equal(await server.ended, 143);
  });

  test("while the model loads ends it", async (t) => {
    const env = { GATE: join(makeFolder(), "never") };
    const server = await startServer(t, artifact, { env, until: "listening" });
    server.child.kill("SIGTERM");
    assert.equal(await server.ended, 0);
  });

  test("a model that cannot be unloaded is told about, and the process ends", async (t) => {
    const stuck = await buildServer({
      "model/model.ts": 'export default class Model { predict() {} unload() { throw new Error("stuck"); } }',
    });
    const server = await startServer(t, stuck);
    server.child.kill("SIGINT");
    assert.equal(await server.ended, 0);
    await server.logged("unload() failed");
  });

  test("reaches process 1", { skip: !canUnshare() && "needs namespaces" }, async (t) => {
    const before = ["unshare", "--pid", "--fork", "--kill-child"];
    const server = await startServer(t, artifact, { before });
    const pids = execFileSync("pgrep", ["-P", String(server.child.pid)], { encoding: "utf8" });
    process.kill(Number(pids.trim()), "SIGTERM");
    await server.logged("shutting down");
    assert.equal(await server.ended, 0);
  });
});

function canUnshare(): boolean {
  try {
    execFileSync("unshare", ["--pid", "--fork", "true"], { stdio: "ignore" });
    execFileSync("which", ["pgrep"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

test("a drained process has not waited for its grace", async (t) => {
  const server = await startServer(t, artifact, { env: { SHUTDOWN_GRACE_MS: "3600000" } });
  server.child.kill("SIGTERM");
  await pause();
  assert.equal(await server.ended, 0);
});
