// Whatever a network, a server or a disk does: the right bytes, or an error with a code that names what happened, and
// nothing under the final name that is not whole.

import assert from "node:assert/strict";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { crc32 } from "node:zlib";
import type { ColdframeError } from "../../../adapter/runtime/errors.ts";
import type { LocalSource, PlannedFile } from "../../../adapter/runtime/weights/_contracts.ts";
import type { EngineOptions } from "../../../adapter/runtime/weights/download/engine.ts";
import {
  keyOf,
  MIB,
  newRoot,
  type PlanOptions,
  plan,
  type Run,
  serveFiles,
  sourceOf,
  startEngine,
} from "./_engine-run.ts";
import { bytesOf, freePort, type Received, rangeOf, send, sendRange } from "./_engine-server.ts";
import { mountTmpfs } from "./_ground.ts";

const LARGE = bytesOf(20 * MIB + 12_345);
const SMALL = bytesOf(70_000, 3);
/** Served instead. */
const REPLACED = bytesOf(20 * MIB + 12_345, 4);

interface Fetch extends Run {
  readonly file: PlannedFile;
  readonly requests: readonly Received[];
}

/** Begins to fetch LARGE from a server that does what `script` says. */
async function fetchLarge(
  t: TestContext,
  script: (request: Received, content: Uint8Array) => unknown,
  options: Partial<EngineOptions> & { root?: string; file?: PlanOptions } = {},
): Promise<Fetch> {
  const server = await serveFiles(t, { large: LARGE }, script);
  const file = plan(sourceOf(server.origin), "large", LARGE, options.file);
  const run = startEngine(t, options);
  run.engine.add([file]);
  run.engine.end();
  return { ...run, file, requests: server.requests };
}

async function failure(run: Run): Promise<ColdframeError> {
  const error = await run.engine.done.then(
    () => assert.fail("it should have failed"),
    (reason: ColdframeError) => reason,
  );
  assert.doesNotMatch(`${error.message} ${error.fix}`, /hidden/, "no signature in a message");
  return error;
}

const nothingWhole = (run: Run) =>
  assert.deepEqual(
    readdirSync(join(run.root, "blobs")).filter((name) => !name.includes(".")),
    [],
  );

// --- what the bytes survive

const MISFORTUNES: Readonly<Record<string, (request: Received, content: Uint8Array) => void>> = {
  "a reset before the head": ({ socket }) => socket.resetAndDestroy(),
  "a reset in the middle": (request, content) => {
    sendRange(request, content, { cut: 3 * MIB });
    setTimeout(() => request.socket.resetAndDestroy(), 30);
  },
  "a body that ends early": (request, content) => {
    sendRange(request, content, { cut: 1_234_567 });
    request.socket.end();
  },
  "another range": (request, content) =>
    sendRange(request, content, { contentRange: `bytes 1-${8 * MIB}/${content.length}` }),
  "another length": (request, content) => sendRange(request, content, { contentLength: 77 }),
  "all of it": (request) => send(request, "200 OK", "x".repeat(1000)),
  "a busy server": (request) => send(request, "503 Slow Down", "<Code>SlowDown</Code>"),
  "a broken server": (request) => {
    request.socket.write(
      "HTTP/1.1 500 Internal\r\nTransfer-Encoding: chunked\r\n\r\n3\r\noh \r\n2\r\nno\r\n0\r\n\r\n",
    );
  },
  "credentials that ran out": (request) => send(request, "401 Unauthorized", "ExpiredToken"),
};

for (const [name, misfortune] of Object.entries(MISFORTUNES)) {
  test(`${name}: the bytes arrive all the same`, async (t) => {
    // The first request of every part.
    const seen = new Set<number>();
    const run = await fetchLarge(t, (request, content) => {
      const { start } = rangeOf(request, 0);
      const part = Math.floor(start / (8 * MIB));
      if (seen.has(part)) return false;
      seen.add(part);
      misfortune(request, content);
      return true;
    });
    const { requests, retries } = await run.engine.done;
    assert.ok(run.read(run.file).equals(LARGE));
    assert.equal(requests, 6);
    assert.equal(retries, name === "credentials that ran out" ? 0 : 3);
  });
}

test("credentials that run out while many parts are on their way run out once", async (t) => {
  let expired = 0;
  const content = bytesOf(64 * MIB, 5);
  const server = await serveFiles(t, { large: content }, (request) => {
    if (request.nth >= 8) return false;
    expired++;
    send(request, "401 Unauthorized", "ExpiredToken");
    return true;
  });
  const run = startEngine(t, { connections: 8 });
  const file = plan(sourceOf(server.origin), "large", content);
  run.engine.add([file]);
  run.engine.end();
  await run.engine.done;
  assert.equal(expired, 8);
  assert.ok(run.read(file).equals(content));
});

test("a server that stalls, before the head or in the middle, is left for a new connection", async (t) => {
  const run = await fetchLarge(
    t,
    (request, content) => {
      if (request.nth === 0) return true;
      if (request.nth !== 1) return false;
      sendRange(request, content, { cut: 2 * MIB });
      return true;
    },
    { timing: { headMs: 150, stallMs: 150 } },
  );
  await run.engine.done;
  assert.ok(run.read(run.file).equals(LARGE));
  assert.notEqual(run.requests.at(-1)?.connection, 0);
});

test("after a failure only what is missing is asked for", async (t) => {
  const run = await fetchLarge(
    t,
    (request, content) => {
      if (request.nth > 0) return false;
      sendRange(request, content, { cut: 3 * MIB });
      request.socket.end();
      return true;
    },
    { connections: 1 },
  );
  await run.engine.done;
  const [first, second] = run.requests as [Received, Received];
  assert.equal(first.headers["range"], "bytes=0-8388607");
  assert.equal(second.headers["range"], `bytes=${3 * MIB}-8388607`);
  assert.notEqual(second.connection, first.connection);
});

test("a server that is busy is asked again on another connection", async (t) => {
  const run = await fetchLarge(t, (request) => request.nth === 0 && (send(request, "503 Slow Down"), true), {
    connections: 1,
  });
  await run.engine.done;
  assert.deepEqual(
    run.requests.slice(0, 2).map(({ connection }) => connection),
    [0, 1],
  );
});

test("a weak ETag pins by what comes, for no server matches it", async (t) => {
  const etag = 'W/"v1"';
  const run = await fetchLarge(
    t,
    (request, content) => {
      assert.equal(request.headers["if-match"], undefined);
      sendRange(request, content, { etag });
      return true;
    },
    { file: { etag } },
  );
  await run.engine.done;
  assert.ok(run.read(run.file).equals(LARGE));
});

test("a server that cuts every answer short still gives the file, as long as it gives something", async (t) => {
  const run = await fetchLarge(
    t,
    (request, content) => {
      sendRange(request, content, { cut: 1_100_000 });
      request.socket.end();
      return true;
    },
    { file: { partSize: 20 * MIB } },
  );
  const { retries } = await run.engine.done;
  assert.ok(run.read(run.file).equals(LARGE));
  assert.equal(retries, 19);
});

test("a server that closes each connection while it is idle costs no tries", async (t) => {
  const run = await fetchLarge(
    t,
    (request, content) => {
      if (request.nth % 2 === 0) return false;
      if (request.connection === run.requests[request.nth - 1]?.connection) request.socket.resetAndDestroy();
      else sendRange(request, content);
      return true;
    },
    { connections: 1 },
  );
  const { retries } = await run.engine.done;
  assert.equal(retries, 0);
  assert.ok(run.read(run.file).equals(LARGE));
});

test("a part with wrong bytes is fetched once more, on another connection", async (t) => {
  const blocks = {
    algorithm: "crc32",
    size: 8 * MIB,
    values: blockChecksums(LARGE),
  } as const;
  const run = await fetchLarge(
    t,
    (request, content) => {
      if (request.nth !== 1) return false;
      const flipped = Buffer.from(content);
      flipped[rangeOf(request, 0).start + 5] = (flipped[rangeOf(request, 0).start + 5] as number) ^ 1;
      sendRange(request, flipped);
      return true;
    },
    { file: { blocks }, connections: 1 },
  );
  await run.engine.done;
  assert.ok(run.read(run.file).equals(LARGE));
  assert.equal(run.requests.length, 4);
  assert.match(run.log.join(), /large: a part came with wrong bytes/);
});

test("a file with wrong bytes somewhere is fetched once more from the start", async (t) => {
  let wrong = true;
  const run = await fetchLarge(t, (request, content) => {
    if (!wrong) return false;
    wrong = false;
    const flipped = Buffer.from(content);
    flipped[rangeOf(request, 0).start] = (flipped[rangeOf(request, 0).start] as number) ^ 1;
    sendRange(request, flipped);
    return true;
  });
  const stats = await run.engine.done;
  assert.ok(run.read(run.file).equals(LARGE));
  assert.equal(run.requests.length, 6);
  assert.equal(run.engine.progress().bytes, LARGE.length);
  assert.equal(stats.bytes, LARGE.length);
});

test("a file whose checksum was a guess is looked at itself when its bytes do not fit, once", async (t) => {
  const guess = { algorithm: "md5", value: "e".repeat(32) } as const;
  for (const truth of ["none", "right", "wrong"] as const) {
    const server = await serveFiles(t, { small: SMALL });
    let confirmed = 0;
    const source = sourceOf(server.origin);
    const file = plan(source, "small", SMALL, { checksum: guess });
    source.confirm = async ({ checksum: _guess, ...known }) => {
      confirmed++;
      if (truth === "none") return known;
      return truth === "right" ? { ...known, checksum: checksumOf(SMALL) } : { ...known, checksum: guess };
    };
    const run = startEngine(t);
    run.engine.add([file]);
    run.engine.end();
    if (truth === "wrong") assert.equal((await failure(run)).code, "WEIGHTS_CORRUPT");
    else {
      const { files, bytes, unverified } = await run.engine.done;
      assert.deepEqual([files, bytes, unverified], [1, SMALL.length, truth === "none" ? 1 : 0]);
      assert.deepEqual(run.complete, ["small"]);
      assert.equal(run.engine.progress().totalBytes, SMALL.length);
      assert.equal(server.requests.length, 2);
      assert.equal(confirmed, 1);
    }
  }
});

// --- what ends it

test("wrong bytes twice: WEIGHTS_CORRUPT with both checksums, of a part and of the whole", async (t) => {
  const liar = (request: Received, content: Uint8Array) => {
    const flipped = Buffer.from(content);
    flipped[100] = (flipped[100] as number) ^ 1;
    sendRange(request, flipped);
    return true;
  };
  const blocks = { algorithm: "crc32", size: 8 * MIB, values: blockChecksums(LARGE) } as const;
  for (const file of [{ blocks }, {}]) {
    const run = await fetchLarge(t, liar, { file });
    const error = await failure(run);
    assert.equal(error.code, "WEIGHTS_CORRUPT");
    assert.match(
      error.message,
      /^large came twice with wrong bytes: the crc32 of bytes \d+-\d+ is [0-9a-f]{8}, expected [0-9a-f]{8}\.$/,
    );
    nothingWhole(run);
  }
});

test("a server that is down: WEIGHTS_UNREACHABLE after eight tries, with the last error and how far it came", async (t) => {
  const run = startEngine(t);
  const source = sourceOf(`http://127.0.0.1:${await freePort()}`);
  run.engine.add([plan(source, "large", LARGE)]);
  const error = await failure(run);
  assert.equal(error.code, "WEIGHTS_UNREACHABLE");
  assert.match(
    error.message,
    /^http:\/\/127\.0\.0\.1:\d+\/large could not be fetched after 8 tries: .*ECONNREFUSED.*; 0 of \d+ bytes of this part had arrived\.$/,
  );
  assert.ok(error.fix);
  nothingWhole(run);
});

test("a server that only ever says 503, resets, or sends what was not asked for: WEIGHTS_UNREACHABLE", async (t) => {
  for (const [misfortune, message] of [
    [MISFORTUNES["a busy server"], /answered 503: status 503 <Code>SlowDown/],
    [MISFORTUNES["a reset before the head"], /ECONNRESET/],
    [MISFORTUNES["all of it"], /answered 200 to a request for bytes/],
    [MISFORTUNES["another range"], /answered bytes 1-8388608\/20983865 to a request/],
  ] as const) {
    const run = await fetchLarge(
      t,
      (request, content) => {
        misfortune?.(request, content);
        return true;
      },
      { connections: 1 },
    );
    const error = await failure(run);
    assert.equal(error.code, "WEIGHTS_UNREACHABLE");
    assert.match(error.message, message);
    assert.equal(run.requests.length, 8);
  }
});

test("credentials that stay bad end it with the source's own error, after three more tries", async (t) => {
  const run = await fetchLarge(t, (request) => (send(request, "401 Unauthorized", "ExpiredToken"), true), {
    connections: 1,
  });
  assert.equal((await failure(run)).message, "status 401 ExpiredToken");
  assert.equal(run.requests.length, 4);
});

test("what the source says cannot get better ends it at once, and everything else with it", async (t) => {
  const server = await serveFiles(t, { large: LARGE }, (request) => keyOf(request) === "large");
  const run = startEngine(t);
  const source = sourceOf(server.origin);
  run.engine.add([plan(source, "large", LARGE), plan(source, "gone", SMALL)]);
  assert.equal((await failure(run)).message, "status 404 NoSuchKey");
  while (server.sockets.size > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(run.partials(), []);
});

test("what a source throws when it is asked for a target ends it", async (t) => {
  const run = startEngine(t);
  const source = {
    ...sourceOf("http://127.0.0.1:1"),
    target: () => Promise.reject(new Error("no credentials")),
  };
  run.engine.add([plan(source, "large", LARGE)]);
  assert.equal((await failure(run)).message, "no credentials");
});

test("an object that changed: WEIGHTS_CHANGED, by the server's word or by its ETag, and nothing is kept", async (t) => {
  for (const [answer, message] of [
    [(r: Received) => send(r, "412 Precondition Failed"), /status 412/],
    [(r: Received) => send(r, "416 Range Not Satisfiable"), /status 416/],
    [
      (r: Received) => sendRange(r, REPLACED, { etag: '"v2"' }),
      /large is not what was pinned: .*"v1", found the ETag "v2"/,
    ],
  ] as const) {
    const run = await fetchLarge(t, (request) => {
      if (request.nth === 0) return false;
      answer(request);
      return true;
    });
    const error = await failure(run);
    assert.match(error.message, message);
    if (/pinned/.test(error.message)) assert.equal(error.code, "WEIGHTS_CHANGED");
    nothingWhole(run);
    assert.deepEqual(run.partials(), []);
  }
});

test("an object that changed and is not pinned is fetched anew, and two versions are never mixed", async (t) => {
  const asked: PlannedFile[] = [];
  const run = await fetchLarge(
    t,
    (request) => {
      // The first version is gone as soon as a piece of it has been given.
      if (request.nth === 0) return false;
      if (request.headers["if-match"] === '"v1"') send(request, "412 Precondition Failed");
      else sendRange(request, REPLACED, { etag: '"v2"' });
      return true;
    },
    {
      async onChanged(planned) {
        asked.push(planned);
        const { file } = plan(planned.source, "large", REPLACED, { etag: '"v2"' });
        return { ...planned, file, id: "ff" };
      },
    },
  );
  const stats = await run.engine.done;
  assert.equal(asked.length, 1);
  assert.ok(run.read({ ...run.file, id: "ff" }).equals(REPLACED));
  assert.equal(existsSync(join(run.root, "blobs", run.file.id)), false);
  assert.deepEqual(run.partials(), []);
  assert.equal(stats.files, 1);
  assert.equal(run.engine.progress().bytes, REPLACED.length);
});

test("an object that keeps changing is looked up once", async (t) => {
  let asked = 0;
  const run = await fetchLarge(t, (request) => (send(request, "412 Precondition Failed"), true), {
    async onChanged(planned) {
      asked++;
      return { ...planned, id: `aa${asked}` };
    },
  });
  assert.equal((await failure(run)).message, "status 412");
  assert.equal(asked, 1);
});

test("a lazy file that cannot be fetched lets the others come first", async (t) => {
  const server = await serveFiles(t, { large: LARGE }, (request, content) => {
    setTimeout(() => sendRange(request, content), 30);
    return true;
  });
  const source = sourceOf(server.origin);
  const run = startEngine(t);
  run.engine.hurry("gone");
  run.engine.add([plan(source, "large", LARGE), plan(source, "gone", SMALL, { lazy: true })]);
  run.engine.end();
  assert.equal((await failure(run)).message, "status 404 NoSuchKey");
  assert.deepEqual(run.complete, ["large"]);
});

test("a full disk: WEIGHTS_NO_ROOM, and what cannot be used is removed", async (t) => {
  // Room for the first part.
  const disk = mountTmpfs(12);
  if ("skip" in disk) return t.skip(disk.skip);
  const { root } = disk;
  const run = await fetchLarge(t, () => false, { root, connections: 1 });
  const error = await failure(run);
  assert.equal(error.code, "WEIGHTS_NO_ROOM");
  assert.match(error.message, new RegExp(root));
  assert.ok(error.fix);
  assert.equal(run.requests.length, 2);
  assert.deepEqual(run.partials(), []);
});

test("a data root that cannot be written is named", async (t) => {
  const root = join(newRoot(t), "blobs", "file");
  writeFileSync(root, "");
  const run = startEngine(t, { root });
  run.engine.add([plan(sourceOf("http://127.0.0.1:1"), "large", LARGE)]);
  const error = await failure(run);
  assert.ok(error.code === "WEIGHTS_NO_ROOM", error.message);
  assert.match(error.message, new RegExp(`${root}.* cannot be written: .*ENOTDIR|EEXIST`));
});

test("a local file that is not there, or is another one now, is named", async (t) => {
  const folder = newRoot(t);
  const source: LocalSource = { kind: "local", list: () => assert.fail() };
  const run = startEngine(t);
  run.engine.add([plan(source, join(folder, "gone"), SMALL)]);
  const error = await failure(run);
  assert.equal(error.code, "WEIGHTS_NOT_FOUND");
  assert.match(error.message, /gone cannot be read/);

  writeFileSync(join(folder, "grown"), LARGE);
  const other = startEngine(t);
  other.engine.add([plan(source, join(folder, "grown"), SMALL)]);
  assert.equal((await failure(other)).code, "WEIGHTS_CHANGED");
});

test("a stop ends whatever is going on, and leaves nothing open", async (t) => {
  const ways: ((request: Received, content: Uint8Array) => unknown)[] = [
    () => true,
    (request, content) => (sendRange(request, content, { cut: 1000 }), true),
    (request) => (send(request, "503 Slow Down"), true),
  ];
  for (const way of ways) {
    const server = await serveFiles(t, { large: LARGE }, way);
    // Nothing but the stop ends anything.
    const never = 1e8;
    const timing = { headMs: never, stallMs: never, backoffMs: never, maxBackoffMs: never };
    const run = startEngine(t, { connections: 2, timing });
    run.engine.add([plan(sourceOf(server.origin), "large", LARGE)]);
    const waits = way === ways[2];
    while (server.requests.length < 2 || (waits && run.engine.stats().retries < 2)) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    const reason = new Error("enough");
    run.engine.stop(reason);
    await assert.rejects(run.engine.done, reason);
    assert.deepEqual(run.partials(), []);
  }
});

function blockChecksums(content: Buffer): string {
  const values = [];
  for (let at = 0; at < content.length; at += 8 * MIB) {
    const value = Buffer.alloc(4);
    value.writeUInt32BE(crc32(content.subarray(at, at + 8 * MIB)));
    values.push(value);
  }
  return Buffer.concat(values).toString("base64");
}

const checksumOf = (content: Uint8Array) =>
  ({ algorithm: "crc32", value: crc32(content).toString(16).padStart(8, "0") }) as const;
