import assert from "node:assert/strict";
import { test } from "node:test";
import { HEARTBEAT, withHeartbeat } from "../../adapter/runtime/heartbeat.ts";
import { collect, sleep } from "./_call.ts";

const EVERY_MS = 10;

async function* events(...waits: number[]) {
  for (const [i, wait] of waits.entries()) {
    if (wait > 0) await sleep(wait);
    yield `event ${i}`;
  }
}

test("busy events pass unchanged", async () => {
  assert.deepEqual(await collect(withHeartbeat(events(0, 0, 0), 1000)), ["event 0", "event 1", "event 2"]);
});

test("a silence is filled, and the event after it arrives once and in order", async () => {
  const all = await collect(withHeartbeat(events(0, 45, 0), EVERY_MS));
  assert.ok(all.filter((chunk) => chunk === HEARTBEAT.value).length >= 2);
  assert.deepEqual(
    all.filter((chunk) => chunk !== HEARTBEAT.value),
    ["event 0", "event 1", "event 2"],
  );
});

// A reader that is busy with the heartbeat, because its socket is full, is not asking when the event comes.
test("an event that comes while the reader is busy with a heartbeat is not lost", async () => {
  const reader = withHeartbeat(events(20, 0), EVERY_MS);
  assert.equal((await reader.next()).value, HEARTBEAT.value);
  await sleep(30);
  assert.equal((await reader.next()).value, "event 0");
  assert.equal((await reader.next()).value, "event 1");
  assert.equal((await reader.next()).done, true);
});

test("nor is a failure: an incomplete answer never ends cleanly", async () => {
  const failing = async function* () {
    await sleep(20);
    yield* [] as string[];
    throw new Error("in the middle");
  };
  const reader = withHeartbeat(failing(), EVERY_MS);
  assert.equal((await reader.next()).value, HEARTBEAT.value);
  await sleep(30);
  await assert.rejects(reader.next(), { message: "in the middle" });
});

test("a failure during the silence reaches the reader", async () => {
  const failing = async function* () {
    await sleep(25);
    yield* [] as string[];
    throw new Error("in the middle");
  };
  await assert.rejects(collect(withHeartbeat(failing(), EVERY_MS)), { message: "in the middle" });
});

test("a reader that leaves is passed on", async () => {
  let cleaned = false;
  const source = async function* () {
    try {
      for (;;) yield "x";
    } finally {
      cleaned = true;
    }
  };
  const reader = withHeartbeat(source(), EVERY_MS);
  await reader.next();
  assert.deepEqual(await reader.return?.(), { done: true, value: undefined });
  assert.equal(cleaned, true);
});
