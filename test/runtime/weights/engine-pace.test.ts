// How many requests go out at once, which part comes next, what happens to the last late part, and after a freeze.

import assert from "node:assert/strict";
import { test } from "node:test";
import { partBytesOf } from "../../../adapter/runtime/weights/download/download.ts";
import { FreezeWatch } from "../../../adapter/runtime/weights/download/freeze-watch.ts";
import { Pace } from "../../../adapter/runtime/weights/download/pace.ts";
import { FileQueue } from "../../../adapter/runtime/weights/download/queue.ts";
import { RetryBudget, waitMs } from "../../../adapter/runtime/weights/download/retry.ts";
import { TIMING } from "../../../adapter/runtime/weights/download/timing.ts";
import { MIB, plan, serveFiles, sourceOf, startEngine } from "./_engine-run.ts";
import { bytesOf, rangeOf, send, sendRange } from "./_engine-server.ts";

const LARGE = bytesOf(64 * MIB);

// --- pace

test("a slow answer halves the requests once a burst, and clean seconds bring them back one by one", () => {
  const pace = new Pace(16, TIMING);
  for (let i = 0; i < 16; i++) assert.ok(pace.tryEnter());
  assert.equal(pace.tryEnter(), false);
  pace.slow(100, 200);
  pace.slow(150, 210);
  assert.equal(pace.allowed, 8, "the second was asked before the first was known");
  pace.slow(205, 300);
  assert.equal(pace.allowed, 4);
  assert.equal(pace.tick(1200), false);
  assert.equal(pace.tick(1300), true);
  assert.equal(pace.tick(1400), false);
  assert.equal(pace.allowed, 5);
  for (let now = 2300; now < 40_000; now += 1000) pace.tick(now);
  assert.equal(pace.allowed, 16);
  for (let since = 1e6; since < 1e6 + 20; since++) pace.slow(since, since + 0.5);
  assert.equal(pace.allowed, 1);
});

test("another try comes before a new part, when there are fewer requests than allowed", async () => {
  const pace = new Pace(2, TIMING);
  pace.tryEnter();
  pace.tryEnter();
  let entered = false;
  const waiting = pace.enter().then(() => {
    entered = true;
  });
  pace.slow(0, 0);
  pace.leave();
  await new Promise(setImmediate);
  assert.equal(entered, false, "one is allowed, and one goes on");
  pace.leave();
  assert.equal(pace.tryEnter(), false);
  await waiting;
  assert.equal(pace.active, 1);
});

test("late is three times what parts of that size have taken", () => {
  const pace = new Pace(2, TIMING);
  assert.equal(pace.isLate(8 * MIB, 100_000), false, "nothing to compare with");
  for (const ms of [900, 1000, 1100]) pace.sample(8 * MIB, ms);
  pace.sample(100, 1e6);
  assert.equal(pace.isLate(8 * MIB, 2900), false);
  assert.equal(pace.isLate(8 * MIB, 3100), true);
  assert.equal(pace.isLate(4 * MIB, 1600), true);
  assert.equal(pace.isLate(MIB, 900), false, "no part is late within a second");
});

test("waits grow to a limit, are never the same, and are at least what a server asks for", () => {
  const waits = (tries: number) => Array.from({ length: 200 }, () => waitMs(tries, undefined, TIMING));
  assert.ok(Math.max(...waits(1)) <= 100);
  assert.ok(Math.max(...waits(5)) > 800);
  assert.ok(Math.max(...waits(20)) <= 5000);
  assert.ok(new Set(waits(3)).size > 100);
  assert.ok(waitMs(1, 3000, TIMING) >= 3000);
  assert.ok(waitMs(1, 1e9, TIMING) <= 60_000);
});

test("retries of all parts together have a rate", () => {
  const budget = new RetryBudget(4, 10);
  const waits = Array.from({ length: 8 }, () => budget.take());
  assert.deepEqual(waits.slice(0, 4), [0, 0, 0, 0]);
  for (let i = 4; i < 8; i++)
    assert.ok((waits[i] as number) > (i - 4) * 100 && (waits[i] as number) <= (i - 3) * 100);
});

test("a gap in either clock is a freeze, once", () => {
  let now = 0;
  let wall = 1e12;
  const watch = new FreezeWatch({ now: () => now, wall: () => wall }, 2000);
  const pass = (monotonic: number, real: number) => {
    now += monotonic;
    wall += real;
    return watch.look();
  };
  assert.equal(pass(500, 500), false);
  assert.equal(pass(1900, 1900), false);
  assert.equal(pass(500, 3_600_000), true, "a virtual machine that was stopped");
  assert.equal(pass(500, 500), false);
  assert.equal(pass(60_000, 60_000), true, "a process that was stopped");
  assert.equal(pass(500, -3_600_000), false, "a clock that was set back");
});

test("more connections are all used at once, unless a server has asked for less", () => {
  const pace = new Pace(8, TIMING);
  pace.widen(4);
  assert.equal(pace.allowed, 8);
  pace.widen(20);
  assert.equal(pace.allowed, 20);
  pace.slow(100, 200);
  pace.widen(32);
  assert.equal(pace.allowed, 10);
  for (let now = 1200; now < 100_000; now += 1000) pace.tick(now);
  assert.equal(pace.allowed, 32);
});

// --- order

function queued(size: number, parts: number, more: { lazy?: boolean } = {}) {
  const indices = Array.from({ length: parts }, (_, i) => i);
  return { size, lazy: more.lazy ?? false, small: parts <= 1, free: indices };
}

test("large files take turns, the largest first; small ones get a tenth of the connections", () => {
  const large = [queued(300, 3), queued(500, 3), queued(400, 3)];
  const small = Array.from({ length: 5 }, () => queued(1, 1));
  const queue = new FileQueue<ReturnType<typeof queued>>();
  queue.add(...large, ...small);
  const opened = [];
  for (let file = queue.nextToOpen(16); file; file = queue.nextToOpen(16)) opened.push(file);
  assert.deepEqual(
    opened.map(({ size }) => size),
    [1, 1, 1, 1, 1, 500, 400, 300],
  );
  for (const file of opened) queue.opened(file);
  const taken = (smallRunning: number) => {
    const { file, index } = queue.take(smallRunning, 16) ?? assert.fail();
    return `${file.size}/${index}`;
  };
  // Two of sixteen; then one part of each large file after the other.
  const order = [0, 1, 2, 2, 2, 2, 1].map(taken);
  assert.deepEqual(order, ["1/0", "1/0", "500/0", "400/0", "300/0", "500/1", "1/0"]);
});

test("no more than a window of files is opened ahead, and lazy ones only when no other waits", () => {
  const queue = new FileQueue<ReturnType<typeof queued>>();
  const eager = Array.from({ length: 10 }, (_, i) => queued(100 + i, 3));
  const lazy = [queued(1, 1, { lazy: true }), queued(9, 3, { lazy: true })];
  queue.add(...lazy, ...eager);
  const first = [queue.nextToOpen(2), queue.nextToOpen(2), queue.nextToOpen(2)];
  assert.deepEqual(first, [eager[9], eager[8], undefined]);
  queue.opened(eager[9] as ReturnType<typeof queued>);
  assert.equal(queue.nextToOpen(2), undefined);
  for (let i = 0; i < 3; i++) queue.take(0, 2);
  assert.equal(queue.nextToOpen(2), eager[7], "when all its parts are taken, another is opened");
  for (const file of eager) queue.forget(file);
  assert.equal(queue.empty, false);
  for (const file of lazy) {
    assert.equal(queue.nextToOpen(2), file);
    queue.opened(file);
  }
  assert.equal(queue.take(0, 2)?.file, lazy[0]);
  assert.equal(queue.take(0, 2)?.file, lazy[1]);
  queue.putBack(lazy[0] as ReturnType<typeof queued>, 0);
  assert.equal(queue.take(0, 2)?.file, lazy[0], "in their order, whatever comes back");
  queue.take(0, 2);
  queue.take(0, 2);
  assert.equal(queue.take(0, 2), undefined);
  assert.equal(queue.empty, true);
});

test("parts are whole parts of the upload, of a size that is good to ask for", () => {
  const parts = (partSize?: number) =>
    partBytesOf({ path: "", key: "", size: 1e9, ...(partSize && { partSize }) }) / MIB;
  assert.equal(parts(), 8);
  assert.equal(parts(5 * MIB), 10);
  assert.equal(parts(8 * MIB), 8);
  assert.equal(parts(17 * MIB), 17);
  assert.equal(parts(64 * MIB), 64);
  assert.equal(parts(100 * MIB), 50);
  assert.equal(parts(5000 * MIB), 62.5);
  assert.equal(parts(67 * MIB + 1), 64, "a prime is not to be had in pieces");
  assert.equal(partBytesOf({ path: "", key: "", size: 1e9, ranges: false }), 1e9);
  assert.equal(partBytesOf({ path: "", key: "", size: 0, ranges: false }), 1);
});

// --- in an engine

test("many tiny files are asked for by more requests at once, and large ones by no more than before", async (t) => {
  const SMALL = bytesOf(1024);
  const tiny = Array.from({ length: 400 }, (_, i) => `tiny-${i}`);
  const most = { tiny: 0, large: 0 };
  const now = { tiny: 0, large: 0 };
  // Eight parts each.
  const contents = { one: LARGE, other: LARGE, ...Object.fromEntries(tiny.map((name) => [name, SMALL])) };
  const server = await serveFiles(t, contents, (request, content) => {
    const kind = content.length > MIB ? "large" : "tiny";
    most[kind] = Math.max(most[kind], ++now[kind]);
    setTimeout(() => {
      now[kind]--;
      sendRange(request, content);
    }, 30);
    return true;
  });
  const run = startEngine(t, { connections: "auto", environment: { AWS_LAMBDA_FUNCTION_NAME: "f" } });
  run.engine.add([
    plan(sourceOf(server.origin), "one", LARGE),
    plan(sourceOf(server.origin), "other", LARGE),
    ...tiny.map((name) => plan(sourceOf(server.origin), name, SMALL)),
  ]);
  run.engine.end();
  await run.engine.done;
  assert.equal(run.complete.length, 402);
  assert.ok(most.large <= 8, `${most.large} parts of a large file at once`);
  // One for eight of them.
  assert.ok(most.tiny > 25 && most.tiny <= 50, `${most.tiny} tiny files at once`);
});

test("SlowDown: fewer requests at once, and all the bytes", async (t) => {
  let now = 0;
  const atOnce: number[] = [];
  let burst = 8;
  const server = await serveFiles(t, { large: LARGE }, (request, content) => {
    if (burst-- > 0) {
      send(request, "503 Slow Down", "SlowDown");
      return true;
    }
    atOnce.push(++now);
    setTimeout(() => {
      now--;
      sendRange(request, content);
    }, 5);
    return true;
  });
  const run = startEngine(t, { connections: 8 });
  const file = plan(sourceOf(server.origin), "large", LARGE);
  run.engine.add([file]);
  run.engine.end();
  const { retries } = await run.engine.done;
  assert.ok(run.read(file).equals(LARGE));
  assert.equal(retries, 8);
  assert.ok(Math.max(...atOnce) <= 4, `${Math.max(...atOnce)} at once after a burst of SlowDown`);
});

for (const lanes of [1, 2]) {
  test(`${lanes} lanes: the last part, when it is late, goes on from where it is on another connection`, async (t) => {
    const skew = { now: 0 };
    const last = LARGE.length - 8 * MIB;
    const server = await serveFiles(t, { large: LARGE }, (request, content) => {
      const { start, end } = rangeOf(request, 0);
      if (start !== last) return false;
      // A trickle that never stalls, and that takes very long once something has arrived.
      sendRange(request, content, { cut: 2 * MIB });
      let at = start + 2 * MIB;
      const trickle = setInterval(() => {
        request.socket.write(content.subarray(at, Math.min(++at, end)));
        if (run.engine.progress().bytes > last + MIB) skew.now = 1e6;
      }, 5);
      request.socket.on("close", () => clearInterval(trickle));
      return true;
    });
    const run = startEngine(t, {
      lanes,
      connections: 2,
      timing: { tickMs: 20, minLateMs: 1e5, frozenMs: 1e9 },
      clock: { now: () => performance.now() + skew.now, wall: () => 0 },
    });
    const file = plan(sourceOf(server.origin), "large", LARGE);
    run.engine.add([file]);
    run.engine.end();
    const { retries } = await run.engine.done;
    assert.ok(run.read(file).equals(LARGE));
    assert.equal(retries, 0, "being late is no failure");
    const again = server.requests.at(-1) ?? assert.fail();
    assert.ok(rangeOf(again, 0).start > last + MIB, "what it had is not fetched again");
  });

  test(`${lanes} lanes: after a freeze every connection is made anew, and no try is counted`, async (t) => {
    const skew = { now: 0 };
    let frozen = false;
    const server = await serveFiles(t, { large: LARGE }, (request, content) => {
      if (frozen) return false;
      // Two connections that will never say another byte.
      sendRange(request, content, { cut: MIB });
      if (request.nth === 1) {
        frozen = true;
        skew.now = 3_600_000;
      }
      return true;
    });
    const run = startEngine(t, {
      lanes,
      connections: 2,
      timing: { tickMs: 10, minLateMs: 1e9 },
      clock: { now: () => performance.now() + skew.now, wall: () => Date.now() + skew.now },
    });
    const file = plan(sourceOf(server.origin), "large", LARGE);
    run.engine.add([file]);
    run.engine.end();
    const { retries } = await run.engine.done;
    assert.ok(run.read(file).equals(LARGE));
    assert.equal(retries, 0);
    for (const { connection } of server.requests.slice(2)) assert.ok(connection >= 2);
    assert.match(run.log.join(), /frozen/);
  });
}

test("a connection that breaks in the freeze is noticed first, and is no failure either", async (t) => {
  const skew = { now: 0 };
  const server = await serveFiles(t, { large: LARGE }, (request) => {
    if (request.nth > 0) return false;
    skew.now = 10_000;
    request.socket.resetAndDestroy();
    return true;
  });
  const run = startEngine(t, {
    connections: 1,
    // The tick is not what notices.
    timing: { tickMs: 1_000_000 },
    clock: { now: () => performance.now() + skew.now, wall: () => Date.now() + skew.now },
  });
  const file = plan(sourceOf(server.origin), "large", LARGE);
  run.engine.add([file]);
  run.engine.end();
  const { retries } = await run.engine.done;
  assert.equal(retries, 0);
  assert.ok(run.read(file).equals(LARGE));
});
