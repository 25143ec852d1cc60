// What an engine is asked to fetch arrives, byte for byte, in the order it should, with no more connections than allowed.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { LocalSource } from "../../../adapter/runtime/weights/_contracts.ts";
import { keyOf, MIB, newRoot, plan, serveFiles, sourceOf, startEngine } from "./_engine-run.ts";
import { bytesOf, rangeOf, type Received, sendRange } from "./_engine-server.ts";

const LARGE = bytesOf(20 * MIB + 12_345);
const OTHER = bytesOf(9 * MIB, 2);
const SMALL = bytesOf(70_000, 3);
const EMPTY = new Uint8Array();

test("files of every size arrive byte for byte, each told of once", async (t) => {
  const files = { large: LARGE, other: OTHER, small: SMALL, empty: EMPTY };
  const server = await serveFiles(t, files);
  const source = sourceOf(server.origin);
  const planned = Object.entries(files).map(([name, content]) => plan(source, name, content));
  const run = startEngine(t);
  run.engine.add(planned);
  run.engine.end();
  const stats = await run.engine.done;
  for (const file of planned) assert.ok(run.read(file).equals(files[file.path as "large"]), file.path);
  assert.deepEqual(run.complete.toSorted(), ["empty", "large", "other", "small"]);
  const bytes = LARGE.length + OTHER.length + SMALL.length;
  assert.deepEqual(stats, { files: 4, bytes, fetchedBytes: bytes, requests: 6, retries: 0, unverified: 0 });
  assert.deepEqual(run.partials(), []);
  assert.ok(server.connections <= 4);
  // Ranges of 8 MiB of the large ones; plain GETs of what is one part; nothing of what is empty.
  const ranges = server.requests.map((request) => `${keyOf(request)} ${request.headers["range"] ?? "whole"}`);
  assert.deepEqual(ranges.toSorted(), [
    "large bytes=0-8388607",
    "large bytes=16777216-20983864",
    "large bytes=8388608-16777215",
    "other bytes=0-8388607",
    "other bytes=8388608-9437183",
    "small whole",
  ]);
  for (const { headers } of server.requests) assert.equal(headers["if-match"], '"v1"');
});

test("nothing at all is done at once", async (t) => {
  const { engine } = startEngine(t);
  engine.end();
  assert.deepEqual(await engine.done, {
    files: 0,
    bytes: 0,
    fetchedBytes: 0,
    requests: 0,
    retries: 0,
    unverified: 0,
  });
});

test("files may be added while others are fetched", async (t) => {
  const files = { large: LARGE, small: SMALL, other: OTHER };
  const server = await serveFiles(t, files);
  const source = sourceOf(server.origin);
  const run = startEngine(t, {
    onFile({ path }) {
      if (path === "small") run.engine.add([plan(source, "other", OTHER)]);
      if (path === "other") run.engine.end();
    },
  });
  run.engine.add([plan(source, "large", LARGE), plan(source, "small", SMALL)]);
  const { files: count } = await run.engine.done;
  assert.equal(count, 3);
});

test("the same content for two paths is fetched once, also when it is there already", async (t) => {
  const server = await serveFiles(t, { one: SMALL });
  const source = sourceOf(server.origin);
  const one = plan(source, "one", SMALL);
  const run = startEngine(t, {
    onFile({ path }) {
      if (path !== "two") return;
      run.engine.add([{ ...one, path: "three" }]);
      run.engine.end();
    },
  });
  run.engine.add([one, { ...one, path: "two" }]);
  const stats = await run.engine.done;
  assert.deepEqual(run.complete, ["one", "two", "three"]);
  assert.equal(server.requests.length, 1);
  assert.deepEqual([stats.files, stats.bytes, stats.fetchedBytes], [3, 3 * SMALL.length, SMALL.length]);
});

test("no more requests at once than connections, and no more files open than there are parts for", async (t) => {
  const files = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`f${i}`, SMALL]));
  let now = 0;
  let most = 0;
  const server = await serveFiles(t, files, (request, content) => {
    most = Math.max(most, ++now);
    setTimeout(() => {
      now--;
      sendRange(request, content);
    }, 2);
    return true;
  });
  const source = sourceOf(server.origin);
  const run = startEngine(t, { connections: 3 });
  let open = 0;
  const look = setInterval(() => {
    open = Math.max(open, run.partials().length);
  }, 1);
  t.after(() => clearInterval(look));
  run.engine.add(Object.keys(files).map((name) => plan(source, name, SMALL)));
  run.engine.end();
  await run.engine.done;
  assert.equal(most, 3);
  assert.equal(server.connections, 3);
  assert.ok(open <= 12, `${open} of 60 files were open at the same time`);
});

test("what is lazy comes last, in its order, and what is hurried first", async (t) => {
  const names = ["lazy1", "eager", "lazy2", "lazy3", "lazy4"];
  const files = Object.fromEntries(names.map((name) => [name, SMALL]));
  const server = await serveFiles(t, files);
  const source = sourceOf(server.origin);
  const run = startEngine(t, { connections: 1 });
  // Before it is known.
  run.engine.hurry("lazy4");
  run.engine.add(names.map((name) => plan(source, name, SMALL, { lazy: name.startsWith("lazy") })));
  run.engine.hurry("lazy3");
  run.engine.hurry("never");
  run.engine.end();
  await run.engine.done;
  assert.deepEqual(server.requests.map(keyOf), ["lazy4", "lazy3", "eager", "lazy1", "lazy2"]);
});

test("a file without ranges is fetched in one piece, from the start again after a failure", async (t) => {
  const server = await serveFiles(t, { large: LARGE }, (request, content) => {
    assert.equal(request.headers["range"], undefined);
    if (request.nth > 0) return false;
    sendRange(request, content, { cut: 9 * MIB });
    request.socket.end();
    return true;
  });
  const file = plan(sourceOf(server.origin), "large", LARGE, { ranges: false });
  const run = startEngine(t);
  run.engine.add([file]);
  run.engine.end();
  const { requests, retries } = await run.engine.done;
  assert.ok(run.read(file).equals(LARGE));
  assert.deepEqual([requests, retries], [2, 1]);
});

test("ranges follow the parts of the upload", async (t) => {
  const server = await serveFiles(t, { large: LARGE });
  const run = startEngine(t);
  run.engine.add([plan(sourceOf(server.origin), "large", LARGE, { partSize: 5 * MIB })]);
  run.engine.end();
  await run.engine.done;
  const starts = server.requests.map((request) => rangeOf(request, 0).start / MIB);
  assert.deepEqual(
    starts.toSorted((a, b) => a - b),
    [0, 10, 20],
  );
});

test("a file of this machine goes the same way, and is proved the same way", async (t) => {
  const folder = newRoot(t);
  writeFileSync(join(folder, "large"), LARGE);
  const source: LocalSource = { kind: "local", list: () => assert.fail() };
  const file = plan(source, "large", LARGE, {
    checksum: { algorithm: "sha256", value: createHash("sha256").update(LARGE).digest("hex") },
  });
  const good = { ...file, file: { ...file.file, key: join(folder, "large") } };
  const run = startEngine(t);
  run.engine.add([good]);
  run.engine.end();
  const stats = await run.engine.done;
  assert.ok(run.read(good).equals(LARGE));
  assert.equal(stats.requests, 0);

  const bad = {
    ...good,
    file: { ...good.file, checksum: { algorithm: "sha256", value: "0".repeat(64) } as const },
  };
  const again = startEngine(t);
  again.engine.add([bad]);
  again.engine.end();
  await assert.rejects(again.engine.done, { code: "WEIGHTS_CORRUPT" });
});

test("what was there when it was stopped is not fetched again", async (t) => {
  const root = newRoot(t);
  const enough = Promise.withResolvers<void>();
  let first = true;
  const server = await serveFiles(t, { large: LARGE }, (request, content) => {
    // The last part never ends.
    if (!first || rangeOf(request, 0).start < 16 * MIB) return false;
    sendRange(request, content, { cut: 1000 });
    enough.resolve();
    return true;
  });
  const file = plan(sourceOf(server.origin), "large", LARGE);
  const stopped = startEngine(t, { root, connections: 1 });
  stopped.engine.add([file]);
  await enough.promise;
  const reason = new Error("the environment goes away");
  stopped.engine.stop(reason);
  await assert.rejects(stopped.engine.done, reason);
  assert.ok(stopped.partials().length > 0);

  first = false;
  const before = server.requests.length;
  const run = startEngine(t, { root });
  run.engine.add([file]);
  run.engine.end();
  const stats = await run.engine.done;
  assert.ok(run.read(file).equals(LARGE));
  assert.deepEqual(
    server.requests.slice(before).map((request: Received) => rangeOf(request, 0).start),
    [16 * MIB],
  );
  assert.deepEqual([stats.bytes, stats.fetchedBytes], [LARGE.length, LARGE.length - 16 * MIB]);
  assert.deepEqual(run.partials(), []);
});

test("progress grows to the whole", async (t) => {
  const server = await serveFiles(t, { large: LARGE, small: SMALL });
  const source = sourceOf(server.origin);
  const run = startEngine(t);
  const seen: number[] = [];
  const look = setInterval(() => seen.push(run.engine.progress().bytes), 1);
  t.after(() => clearInterval(look));
  run.engine.add([plan(source, "large", LARGE), plan(source, "small", SMALL)]);
  const total = LARGE.length + SMALL.length;
  assert.deepEqual(run.engine.progress(), {
    bytes: 0,
    totalBytes: total,
    files: 0,
    totalFiles: 2,
    connections: 0,
  });
  run.engine.end();
  await run.engine.done;
  assert.deepEqual(run.engine.progress(), {
    bytes: total,
    totalBytes: total,
    files: 2,
    totalFiles: 2,
    connections: 0,
  });
  assert.deepEqual(
    seen,
    seen.toSorted((a, b) => a - b),
  );
});

test("without verification nothing is hashed, and every file is reported so", async (t) => {
  const server = await serveFiles(t, { large: LARGE });
  const run = startEngine(t, { verify: false });
  const file = plan(sourceOf(server.origin), "large", LARGE, {
    checksum: { algorithm: "crc32", value: "00000000" },
  });
  run.engine.add([file]);
  run.engine.end();
  assert.equal((await run.engine.done).unverified, 1);
  assert.ok(run.read(file).equals(LARGE));
});

test("a file that no checksum is known of is reported so", async (t) => {
  const server = await serveFiles(t, { large: LARGE, small: SMALL });
  const source = sourceOf(server.origin);
  const run = startEngine(t);
  run.engine.add([plan(source, "large", LARGE, { unchecked: true }), plan(source, "small", SMALL)]);
  run.engine.end();
  assert.equal((await run.engine.done).unverified, 1);
});

test("what onFile throws ends the download", async (t) => {
  const server = await serveFiles(t, { small: SMALL });
  const run = startEngine(t, { onFile: () => Promise.reject(new Error("no link")) });
  run.engine.add([plan(sourceOf(server.origin), "small", SMALL)]);
  run.engine.end();
  await assert.rejects(run.engine.done, { message: "no link" });
});
