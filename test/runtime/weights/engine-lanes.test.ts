// Threads: the bytes are the same with one and with several, and a thread that dies takes nothing with it.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { MessageChannel } from "node:worker_threads";
import { lanesFor, startLaneThread } from "../../../adapter/runtime/weights/download/lane-thread.ts";
import { LANE_FILE, MIB, newRoot, plan, serveFiles, sourceOf, startEngine } from "./_engine-run.ts";
import { bytesOf, send, sendRange } from "./_engine-server.ts";

const LARGE = bytesOf(40 * MIB + 12_345);
const OTHER = bytesOf(17 * MIB, 2);
const SMALL = bytesOf(70_000, 3);

test("two and three threads write the same bytes as one", async (t) => {
  const files = { large: LARGE, other: OTHER, small: SMALL };
  for (const lanes of [2, 3]) {
    const server = await serveFiles(t, files, (request, content) => {
      // Something goes wrong in every thread.
      if (request.nth % 3 !== 1) return false;
      sendRange(request, content, { cut: 30_000 });
      request.socket.end();
      return true;
    });
    const source = sourceOf(server.origin);
    const planned = Object.entries(files).map(([name, content]) =>
      plan(source, name, content, {
        checksum: { algorithm: "sha256", value: createHash("sha256").update(content).digest("hex") },
      }),
    );
    const run = startEngine(t, { lanes, connections: 6 });
    run.engine.add(planned);
    run.engine.end();
    const { retries } = await run.engine.done;
    for (const file of planned) assert.ok(run.read(file).equals(files[file.path as "large"]), file.path);
    assert.ok(retries > 0);
    assert.deepEqual(run.log, []);
  }
});

test("checksums that Node does not have are computed in every thread", async (t) => {
  const server = await serveFiles(t, { large: LARGE });
  const { createChecksum } = await import("../../../adapter/runtime/weights/files/checksum.ts");
  for (const algorithm of ["crc32c", "crc64nvme"] as const) {
    const checksum = createChecksum(algorithm);
    checksum.update(LARGE);
    const file = plan(sourceOf(server.origin), "large", LARGE, {
      checksum: { algorithm, value: checksum.digest() },
    });
    const run = startEngine(t, { lanes: 2 });
    run.engine.add([file]);
    run.engine.end();
    assert.equal((await run.engine.done).unverified, 0);
    assert.ok(run.read(file).equals(LARGE));
  }
});

test("a thread that cannot start, or dies, is told of, and its parts are fetched by another", async (t) => {
  const folder = newRoot(t);
  const dying = join(folder, "dying.mjs");
  writeFileSync(
    dying,
    'import { parentPort } from "node:worker_threads"; parentPort.on("message", ({ kind }) => kind === "run" && process.exit(3));',
  );
  for (const laneFile of [join(folder, "nowhere.mjs"), dying]) {
    const server = await serveFiles(t, { large: LARGE });
    const file = plan(sourceOf(server.origin), "large", LARGE);
    const run = startEngine(t, { lanes: 2, laneFile });
    run.engine.add([file]);
    run.engine.end();
    await run.engine.done;
    assert.ok(run.read(file).equals(LARGE));
    assert.match(run.log.join(), /a thread of the download .*; the download goes on without it/);
  }
});

test("a thread that was started early is used, and ends with the download", async (t) => {
  const server = await serveFiles(t, { large: LARGE });
  const file = plan(sourceOf(server.origin), "large", LARGE);
  const { early, exited } = startEarly(LANE_FILE);
  const run = startEngine(t, { lanes: 2, laneFile: "/nowhere.mjs", earlyLane: early });
  run.engine.add([file]);
  run.engine.end();
  await run.engine.done;
  assert.ok(run.read(file).equals(LARGE));
  assert.deepEqual(run.log, []);
  await exited;
});

test("an early thread that was not needed ends with its port", async () => {
  const { early, exited } = startEarly(LANE_FILE);
  early.port.close();
  await exited;
  await early.gone;
});

test("an early thread that is gone is told of, and another does its work", async (t) => {
  const folder = newRoot(t);
  const broken = join(folder, "broken.mjs");
  writeFileSync(broken, "process.exit(3);");
  const dying = join(folder, "dying.mjs");
  writeFileSync(
    dying,
    'import { workerData } from "node:worker_threads"; workerData.port.on("message", ({ kind }) => kind === "run" && process.exit(3));',
  );
  for (const laneFile of [broken, dying]) {
    const server = await serveFiles(t, { large: LARGE });
    const file = plan(sourceOf(server.origin), "large", LARGE);
    const { early, exited } = startEarly(laneFile);
    if (laneFile === broken) await exited;
    const run = startEngine(t, { lanes: 2, earlyLane: early });
    run.engine.add([file]);
    run.engine.end();
    await run.engine.done;
    assert.ok(run.read(file).equals(LARGE));
    assert.match(run.log.join(), /a thread of the download has ended; the download goes on without it/);
  }
});

function startEarly(laneFile: string) {
  const { port1: port, port2 } = new MessageChannel();
  const gone = once(port, "close").then(() => {});
  const exited = once(startLaneThread(laneFile, port2), "exit");
  return { early: { port, gone }, exited };
}

test("a failure and a stop end the threads", async (t) => {
  for (const failing of [true, false]) {
    const server = await serveFiles(t, { large: LARGE }, (request) => {
      if (failing) send(request, "404 Not Found");
      return true;
    });
    const run = startEngine(t, { lanes: 2, timing: { headMs: 1e8 } });
    run.engine.add([plan(sourceOf(server.origin), "large", LARGE)]);
    if (!failing) {
      while (server.requests.length < 4) await new Promise((resolve) => setImmediate(resolve));
      run.engine.stop(new Error("enough"));
    }
    await assert.rejects(run.engine.done);
    assert.deepEqual(run.partials(), []);
    while (server.sockets.size > 0) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(!process.getActiveResourcesInfo().includes("MessagePort"));
  }
});

test("a second thread is for many bytes, where there are cores and memory", () => {
  const cores = availableParallelism() >= 2;
  assert.equal(lanesFor(256 * MIB, {}), 1);
  assert.equal(lanesFor(256 * MIB + 1, {}), cores ? 2 : 1);
  assert.equal(lanesFor(10_000 * MIB, { AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "5119" }), 1);
  assert.equal(lanesFor(10_000 * MIB, { AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "5120" }), cores ? 2 : 1);
});
