// Streams whose reader decides: slow, gone, or patient enough for 190 MB. None of it may cost memory or the process.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startFunctionUrl } from "../../adapter/local/function-url.ts";
import type { Streamed } from "../../adapter/local/local-lambda.ts";
import { CLIENTS, type RunningFunction, startFunction } from "./_function.ts";
import { scenario } from "./_scenario.ts";

const MEGABYTE = 1024 * 1024;
const ANSWERS = { model: "answers", handler: "stream" } as const;
/** Bytes that are not looked at one by one are not kept. */
const UNRECORDED = { ...ANSWERS, record: false } as const;

scenario("a slow reader of 60 MB costs the process no memory", UNRECORDED, async (fn) => {
  const who = await fn.who();
  // The first flood pays for what any stream costs: sockets, buffers, compiled code.
  await fn.ask({ do: "flood", bytes: 2 * MEGABYTE });
  const before = peakMemory(who.pid);
  const { body, completion } = await streamed(fn, { do: "flood", bytes: 60 * MEGABYTE });
  const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  await chunks.next();
  await sleep(1_500);
  const paused = peakMemory(who.pid);
  let unread = 0;
  let received = 0;
  for (let { done, value } = await chunks.next(); !done; { done, value } = await chunks.next()) {
    received += value.length;
    unread += value.length;
    if (unread < 4 * MEGABYTE) continue;
    unread = 0;
    await sleep(50);
  }
  assert.equal(await completion, undefined);
  assert.ok(received > 59 * MEGABYTE);
  assert.ok(paused - before < 30 * MEGABYTE, `${paused - before} bytes more while nobody read`);
  const grown = peakMemory(who.pid) - before;
  assert.ok(grown < 60 * MEGABYTE, `${grown} bytes more`);
  await assertSame(fn, who);
});

scenario("190 MB arrive", UNRECORDED, async (fn) => {
  const who = await fn.who();
  const bytes = 190 * MEGABYTE;
  const chunk = MEGABYTE;
  const { body, completion, contentType } = await streamed(fn, { do: "flood", bytes, chunk });
  const { length, hash } = await digest(body as AsyncIterable<Buffer>);
  assert.equal(await completion, undefined);
  assert.equal(length, bytes);
  const expected = createHash("sha256");
  for (let i = 0; i < bytes / chunk; i++) expected.update(Buffer.alloc(chunk, i));
  assert.equal(hash, expected.digest("hex"));
  await assertSame(fn, who);
  return { contentType, length, hash };
});

scenario("over 200 MB the platform ends the stream, and the process lives", UNRECORDED, async (fn) => {
  const who = await fn.who();
  const { body, completion } = await streamed(fn, { do: "flood", bytes: 210 * MEGABYTE, chunk: MEGABYTE });
  const { length } = await digest(body as AsyncIterable<Buffer>);
  const error = await completion;
  assert.equal(length, 200 * MEGABYTE);
  await assertSame(fn, who);
  return error;
});

for (const [name, leave] of [
  ["goes away", (stream: Streamed) => void stream.body.destroy()],
  ["is cut off by a reset of the socket", (stream: Streamed) => stream.reset()],
] as const) {
  for (const [what, payload] of [
    ["a drip", { do: "drip", ms: 20 }],
    ["a flood", { do: "flood", bytes: 150 * MEGABYTE }],
  ] as const) {
    scenario(`a reader of ${what} ${name}: the generator's finally runs`, UNRECORDED, async (fn) => {
      const who = await fn.who();
      const stream = await streamed(fn, payload);
      const chunks = stream.body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
      await chunks.next();
      leave(stream);
      // What was under way still comes; a destroyed body says so.
      while (!(await chunks.next().catch(() => ({ done: true }))).done);
      assert.notEqual(await stream.completion, undefined);
      // A process that dies of it may still be dying.
      await sleep(100);
      const after = await assertSame(fn, who);
      assert.equal(after.finals, 1);
    });
  }
}

for (const client of CLIENTS) {
  test(`a browser that leaves in the middle of events, ${client}`, { timeout: 20_000 }, async (t) => {
    const fn = await startFunction(client, ANSWERS);
    t.after(() => fn.close());
    const front = await startFunctionUrl({ lambda: () => fn.lambda });
    t.after(() => front.close());
    const who = await fn.who();
    const leaving = new AbortController();
    const answer = await post(front.url, { do: "drip", ms: 20 }, leaving.signal);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("content-type"), "text/event-stream; charset=utf-8");
    const first = await answer.body?.getReader().read();
    assert.equal(Buffer.from(first?.value ?? []).toString(), "data: 0\ndata: \n\n");
    leaving.abort();
    // The generator is in the middle of its own 20 ms, and comes to its finally after them.
    await sleep(100);
    const after = (await (await post(front.url, { do: "who" })).json()) as typeof who;
    assert.deepEqual([after.pid, after.load, after.finals], [who.pid, who.load, 1]);
  });

  test(`a stream that fails looks broken to an HTTP client, ${client}`, { timeout: 20_000 }, async (t) => {
    const fn = await startFunction(client, ANSWERS);
    t.after(() => fn.close());
    const front = await startFunctionUrl({ lambda: () => fn.lambda });
    t.after(() => front.close());
    const who = await fn.who();
    const answer = await post(front.url, { do: "fail after", items: ["one "] });
    assert.equal(answer.status, 200);
    await assert.rejects(answer.text());
    await assertSame(fn, who);
  });
}

async function post(url: string, body: unknown, signal: AbortSignal | null = null): Promise<Response> {
  const wanted = signal === null ? "application/json, text/plain" : "text/event-stream";
  const headers = { "content-type": "application/json", accept: wanted };
  return fetch(`${url}/predict`, { method: "POST", headers, body: JSON.stringify(body), signal });
}

async function streamed(fn: RunningFunction, payload: unknown): Promise<Streamed> {
  const outcome = await fn.lambda.invoke(payload);
  assert.ok(outcome.kind === "streamed", JSON.stringify(outcome));
  return outcome;
}

async function assertSame(fn: RunningFunction, before: { pid: number; load: string }) {
  const after = await fn.who();
  assert.deepEqual([after.pid, after.load], [before.pid, before.load], "another process or model answers");
  return after;
}

async function digest(body: AsyncIterable<Buffer>): Promise<{ length: number; hash: string }> {
  const hash = createHash("sha256");
  let length = 0;
  for await (const chunk of body) {
    hash.update(chunk);
    length += chunk.length;
  }
  return { length, hash: hash.digest("hex") };
}

/** The most bytes of memory that the process ever had; 0 where there is no /proc. */
function peakMemory(pid: number): number {
  if (process.platform !== "linux") return 0;
  const kilobytes = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kilobytes) * 1024;
}
