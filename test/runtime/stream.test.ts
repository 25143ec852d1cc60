import assert from "node:assert/strict";
import { test } from "node:test";
import type { Cancellation } from "../../adapter/runtime/call.ts";
import { ColdframeError } from "../../adapter/runtime/errors.ts";
import { itemStream } from "../../adapter/runtime/stream.ts";
import { collect, makeCancellation, sleep, streamOf } from "./_call.ts";

function open(
  source: AsyncIterable<unknown> | Iterable<unknown>,
  {
    cancellation = makeCancellation(),
    gapMs = 10_000,
    toItem,
  }: { cancellation?: Cancellation; gapMs?: number; toItem?: (item: unknown) => unknown } = {},
) {
  const ends = { count: 0 };
  const stream = itemStream(source, cancellation, gapMs, () => ends.count++, toItem);
  return { stream, ends, cancellation };
}

const gone = () => new ColdframeError("CANCELLED", "gone");

test("items in order, from every kind of source", async () => {
  const sources: (() => AsyncIterable<unknown> | Iterable<unknown>)[] = [
    async function* () {
      yield 1;
      yield 2;
    },
    function* () {
      yield 1;
      yield Promise.resolve(2);
    },
    () => new Set([1, 2]),
    () => streamOf([1, 2]),
    () => [1, 2].values(),
  ];
  for (const source of sources) {
    const { stream, ends } = open(source());
    assert.deepEqual(await collect(stream), [1, 2]);
    assert.equal(ends.count, 1);
  }
});

test("the model is not asked for what nobody has read", async () => {
  let made = 0;
  const { stream } = open(
    (async function* () {
      for (;;) yield ++made;
    })(),
  );
  await stream.next();
  await sleep(5);
  assert.equal(made, 1);
  await stream.return();
});

test("a failure is masked, ends the stream once and reaches the reader", async () => {
  const cause = new Error("weights of 7");
  const { stream, ends } = open(
    (async function* () {
      yield 1;
      throw cause;
    })(),
  );
  await stream.next();
  await assert.rejects(stream.next(), { code: "PREDICT_FAILED", cause });
  assert.equal(ends.count, 1);
});

test("a rejected promise among the items of a synchronous generator fails the stream and runs its finally", async () => {
  let cleaned = false;
  const { stream, ends } = open(
    (function* () {
      try {
        yield Promise.reject(new Error("no"));
        yield 2;
      } finally {
        cleaned = true;
      }
    })(),
  );
  await assert.rejects(stream.next(), { code: "PREDICT_FAILED" });
  assert.equal(cleaned, true);
  assert.equal(ends.count, 1);
});

test("an item that does not fit fails the stream and runs the model's finally", async () => {
  let cleaned = false;
  const { stream, ends } = open(
    (async function* () {
      try {
        yield 1;
        yield 2;
      } finally {
        cleaned = true;
      }
    })(),
    {
      toItem: async (item) => {
        if (item === 2) throw new ColdframeError("OUTPUT_INVALID", "no");
        return item;
      },
    },
  );
  await stream.next();
  await assert.rejects(stream.next(), { code: "OUTPUT_INVALID" });
  await sleep(1);
  assert.equal(cleaned, true);
  assert.equal(ends.count, 1);
});

test("a reader that leaves lets the model's finally run", async () => {
  for (const items of [
    async function* (cleaned: () => void) {
      try {
        for (;;) yield 1;
      } finally {
        cleaned();
      }
    },
    function* (cleaned: () => void) {
      try {
        for (;;) yield 1;
      } finally {
        cleaned();
      }
    },
  ]) {
    let cleaned = 0;
    const { stream, ends } = open(items(() => cleaned++));
    await stream.next();
    await stream.return();
    await stream.return();
    await sleep(1);
    assert.equal(cleaned, 1);
    assert.equal(ends.count, 1);
    assert.deepEqual(await stream.next(), { done: true, value: undefined });
  }
});

test("leaving before the first item ends it, too", async () => {
  const { stream, ends } = open(
    (async function* () {
      yield assert.fail("was started");
    })(),
  );
  await stream.return();
  assert.equal(ends.count, 1);
  assert.deepEqual(await stream.next(), { done: true, value: undefined });
});

test("cancelling interrupts a silent model, and its finally runs when it wakes", async () => {
  let wake = () => {};
  let cleaned = false;
  const { stream, ends, cancellation } = open(
    (async function* () {
      try {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        yield 1;
      } finally {
        cleaned = true;
      }
    })(),
  );
  const next = stream.next();
  cancellation.cancel(gone());
  await assert.rejects(next, { code: "CANCELLED" });
  assert.equal(ends.count, 1);
  await assert.rejects(
    stream.next(),
    { code: "CANCELLED" },
    "and again: an incomplete answer never ends cleanly",
  );
  wake();
  await sleep(1);
  assert.equal(cleaned, true);
});

test("what a model throws because it was cancelled is the cancellation", async () => {
  const cancellation = makeCancellation();
  const { stream } = open(
    (async function* () {
      yield await new Promise((_resolve, reject) => {
        cancellation.signal.addEventListener("abort", () => reject(new Error("aborted")));
      });
    })(),
    { cancellation },
  );
  const next = stream.next();
  await sleep(1);
  cancellation.cancel(gone());
  await assert.rejects(next, { code: "CANCELLED" });
});

test("a stream of an invocation that is cancelled already starts nothing", async () => {
  const cancellation = makeCancellation();
  cancellation.cancel(gone());
  const { stream, ends } = open(
    (async function* () {
      yield assert.fail("was started");
    })(),
    { cancellation },
  );
  await assert.rejects(stream.next(), { code: "CANCELLED" });
  assert.equal(ends.count, 1);
});

test("a synchronous generator that cancels its own invocation is no crash", async () => {
  const cancellation = makeCancellation();
  const { stream } = open(
    (function* () {
      cancellation.cancel(gone());
      yield 1;
    })(),
    { cancellation },
  );
  await assert.rejects(stream.next(), { code: "CANCELLED" });
});

test("a finally that throws, or never ends, has no reader any more", async () => {
  const strays: unknown[] = [];
  const onStray = (error: unknown) => strays.push(error);
  process.on("unhandledRejection", onStray);
  try {
    for (const cleanUp of [() => Promise.reject(new Error("in finally")), () => new Promise(() => {})]) {
      const { stream } = open(
        (async function* () {
          try {
            for (;;) yield 1;
          } finally {
            await cleanUp();
          }
        })(),
      );
      await stream.next();
      assert.deepEqual(await stream.return(), { done: true, value: undefined });
    }
    await sleep(5);
    assert.deepEqual(strays, []);
  } finally {
    process.off("unhandledRejection", onStray);
  }
});

test("too long a silence is STREAM_TIMEOUT, before the first item and after it", async () => {
  for (const before of [0, 1]) {
    const { stream, ends } = open(
      (async function* () {
        for (let i = 0; i < before; i++) yield i;
        await new Promise(() => {});
      })(),
      { gapMs: 15 },
    );
    for (let i = 0; i < before; i++) await stream.next();
    await assert.rejects(stream.next(), { code: "STREAM_TIMEOUT", message: /streaming_read_timeout/ });
    assert.equal(ends.count, 1);
  }
});

test("a slow reader is no silence, and the silence after it is noticed", async () => {
  let silent = false;
  const { stream } = open(
    (async function* () {
      yield 1;
      yield 2;
      silent = true;
      await new Promise(() => {});
    })(),
    { gapMs: 20 },
  );
  await stream.next();
  await sleep(50);
  assert.deepEqual(await stream.next(), { done: false, value: 2 });
  await assert.rejects(stream.next(), { code: "STREAM_TIMEOUT" });
  assert.equal(silent, true);
});

test("an item that comes after the silence was given up is dropped", async () => {
  const { stream } = open(
    (async function* () {
      await sleep(30);
      yield 1;
    })(),
    { gapMs: 10 },
  );
  await assert.rejects(stream.next(), { code: "STREAM_TIMEOUT" });
  await sleep(30);
  assert.equal((await stream.next()).done, true);
});

// The async iterator of a ReadableStream waits for its read before it cancels.
test("a ReadableStream that is silent is cancelled at once", async () => {
  let cancelled = false;
  const { stream, cancellation } = open(
    new ReadableStream({
      cancel() {
        cancelled = true;
      },
    }),
  );
  const next = stream.next();
  await sleep(1);
  cancellation.cancel(gone());
  await assert.rejects(next, { code: "CANCELLED" });
  await sleep(1);
  assert.equal(cancelled, true);
});

test("a generator that never waits is still interrupted by time", async () => {
  for (const endless of [
    async function* () {
      for (;;) yield "x";
    },
    function* () {
      for (;;) yield "x";
    },
  ]) {
    const { stream } = open(endless(), { cancellation: makeCancellation(20) });
    let count = 0;
    await assert.rejects(
      async () => {
        // Ten seconds of items, were it not for the deadline.
        for await (const _item of stream) if (++count > 5_000_000) return;
      },
      { message: "too late" },
    );
  }
});

test("a stream that is over leaves no timer behind", async () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  const cancellation = makeCancellation();
  cancellation.onCancel(() => {});
  await new Promise(setImmediate);
  const before = timers();
  const thought = Promise.withResolvers<number>();
  async function* slow() {
    yield await thought.promise;
  }
  const { stream } = open(slow(), { cancellation });
  const first = stream.next();
  await new Promise(setImmediate);
  assert.equal(timers(), before + 1);
  thought.resolve(1);
  await first;
  await collect(stream);
  assert.equal(timers(), before);
});
