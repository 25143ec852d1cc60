// The beginning of a server's life: where it listens, what it answers while the model loads, and how it ends when the
// model does not. Its calls are server/calls.test.ts, its end is server/shutdown.test.ts.

import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, test } from "node:test";
import { makeFolder } from "../../build/_project.ts";
import { buildServer, freePort, pause, startServer } from "./_server.ts";
import { MODEL } from "./server/_model.ts";

const artifact = await buildServer({ "model/model.ts": MODEL });

describe("while the model loads", () => {
  test("it listens, is alive and not ready, and sends callers away", async (t) => {
    const gate = join(makeFolder(), "gate");
    const server = await startServer(t, artifact, { env: { GATE: gate }, until: "listening" });
    assert.equal((await server.get("/")).status, 200);
    assert.equal((await server.get("/health/live")).status, 200);
    assert.equal((await server.get("/ping")).status, 204);
    const ready = await server.get("/health/ready");
    assert.equal(ready.status, 503);
    assert.equal(ready.headers.get("retry-after"), "1");
    const refused = await server.post({ a: 1 });
    assert.equal(refused.status, 503);
    assert.equal(refused.json.error.code, "MODEL_NOT_READY");
    assert.equal(refused.headers.get("retry-after"), "1");

    writeFileSync(gate, "");
    await server.logged("cold start");
    assert.equal((await server.get("/ping")).status, 200);
    assert.equal((await server.get("/health/ready")).status, 200);
    assert.deepEqual((await server.post({ a: 1 })).json, { got: { a: 1 } });
  });

  test("a call waits where nobody would send it again: on Lambda", async (t) => {
    const gate = join(makeFolder(), "gate");
    const env = { GATE: gate, AWS_LAMBDA_HTTP_ENDPOINT: "127.0.0.1:0" };
    const server = await startServer(t, artifact, { env, until: "listening" });
    let answered = false;
    const answer = server.post({ a: 1 }).finally(() => {
      answered = true;
    });
    // Answered in order, this comes after the call that waits has been seen.
    assert.equal((await server.get("/ping")).status, 204);
    assert.equal(answered, false);
    writeFileSync(gate, "");
    assert.deepEqual((await answer).json, { got: { a: 1 } });
  });
});

describe("a model that does not load", () => {
  test("ends the process, with the author's own stack in the log", async (t) => {
    const server = await startServer(t, artifact, { env: { FAIL: "yes" }, until: "nothing" });
    assert.equal(await server.ended, 1);
    const line = server.log().find(({ level }) => level === "ERROR");
    assert.equal(line?.["code"], "MODEL_LOAD_FAILED");
    assert.equal(line?.message, "model/model.ts: load() failed: Error: no weights here");
    assert.match(
      (line?.["stackTrace"] as string[]).join("\n"),
      /^Error: no weights here\n {4}at .*model\/model\.ts:/,
    );
  });

  test("is told to the calls that waited for it", async (t) => {
    const gate = join(makeFolder(), "gate");
    const env = { GATE: gate, FAIL: "yes", AWS_LAMBDA_RUNTIME_API: "127.0.0.1:9001" };
    const server = await startServer(t, artifact, { env, until: "listening" });
    const answer = server.post({ a: 1 });
    assert.equal((await server.get("/ping")).status, 204);
    writeFileSync(gate, "");
    assert.equal((await answer).json.error.code, "MODEL_LOAD_FAILED");
    assert.equal(await server.ended, 1);
  });

  test("ends it too when nobody awaited the error", async (t) => {
    const server = await startServer(t, artifact, { env: { FAIL: "stray" }, until: "nothing" });
    assert.equal(await server.ended, 1);
    assert.ok(
      server.log().some(({ message }) => /nothing awaited an error while loading: .*a stray/.test(message)),
    );
  });

  test("keeps it, by config, to tell whoever asks", async (t) => {
    const stays = await buildServer({
      "model/model.ts": MODEL,
      "config.yaml": "server:\n  exit_on_failed_load: false\n",
    });
    const server = await startServer(t, stays, { env: { FAIL: "yes" }, until: "listening" });
    await server.logged("model/model.ts: load() failed: Error: no weights here");
    for (const path of ["/ping", "/health/ready"]) assert.equal((await server.get(path)).status, 503, path);
    assert.equal((await server.get("/health/live")).status, 200);
    assert.equal((await server.post({})).json.error.code, "MODEL_LOAD_FAILED");
    assert.equal(server.child.exitCode, null);
  });
});

describe("where it listens", () => {
  const ports: [name: string, env: (port: number) => Record<string, string>][] = [
    ["PORT", (port) => ({ PORT: String(port) })],
    ["Vertex AI's AIP_HTTP_PORT before it", (port) => ({ AIP_HTTP_PORT: String(port), PORT: "1" })],
    [
      "exactly Lambda's AWS_LAMBDA_HTTP_ENDPOINT",
      (port) => ({ AWS_LAMBDA_HTTP_ENDPOINT: `127.0.0.1:${port}`, PORT: "1" }),
    ],
  ];
  for (const [name, env] of ports) {
    test(name, async (t) => {
      const port = await freePort();
      const server = await startServer(t, artifact, { env: env(port) });
      assert.equal(server.port, port);
      assert.equal((await server.get("/")).status, 200);
    });
  }

  test("every address of the machine, unless one is named", async (t) => {
    const server = await startServer(t, artifact, { env: { COLDFRAME_HOST: "" } });
    assert.equal((await server.get("/")).status, 200);
    const line = await server.logged("listening");
    assert.equal(line["port"], server.port);
  });

  test("RunPod's PORT_HEALTH as well", async (t) => {
    const port = await freePort();
    await startServer(t, artifact, { env: { PORT_HEALTH: String(port) } });
    assert.equal((await fetch(`http://127.0.0.1:${port}/ping`)).status, 200);
  });

  test("a port that is taken ends it, with the reason", async (t) => {
    const first = await startServer(t, artifact);
    const second = await startServer(t, artifact, { env: { PORT: String(first.port) }, until: "nothing" });
    assert.equal(await second.ended, 1);
    const line = second.log().find(({ level }) => level === "ERROR");
    assert.equal(line?.["code"], "PORT_UNAVAILABLE");
    assert.match(line?.message ?? "", new RegExp(`cannot listen on port ${first.port}: .*EADDRINUSE`));
  });

  test("a variable that names no port ends it too", async (t) => {
    const server = await startServer(t, artifact, { env: { PORT: "eighty" }, until: "nothing" });
    assert.equal(await server.ended, 1);
    assert.match(server.log()[0]?.message ?? "", /^PORT=eighty names no port/);
  });
});

describe("how it is started", () => {
  test("SageMaker's argument means nothing", async (t) => {
    const server = await startServer(t, artifact, { args: ["serve"] });
    assert.equal((await server.get("/ping")).status, 200);
  });

  test("Lambda Web Functions run index.js", async (t) => {
    const server = await startServer(t, artifact, { main: "index.js" });
    assert.equal((await server.get("/")).status, 200);
  });

  test("any user may run it", { skip: process.getuid?.() !== 0 && "needs root" }, async (t) => {
    for (let at = artifact; at.includes("coldframe-test-"); at = resolve(at, "..")) chmodSync(at, 0o755);
    const server = await startServer(t, artifact, { uid: 65_534 });
    assert.deepEqual((await server.post({ a: 1 })).json, { got: { a: 1 } });
  });
});

test("an error that nobody awaited is logged, and the process goes on", async (t) => {
  const server = await startServer(t, artifact);
  await server.post({ stray: true });
  await server.logged("nothing awaited an error; the process goes on");
  await pause();
  assert.deepEqual((await server.post({ a: 1 })).json, { got: { a: 1 } });
});
