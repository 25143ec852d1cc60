import assert from "node:assert/strict";
import { test } from "node:test";
import { ColdframeError } from "../../../adapter/runtime/errors.ts";
import type { StreamedAnswer } from "../../../adapter/runtime/targets/_receiver.ts";
import { respond, STREAMING } from "../../../adapter/runtime/targets/_response-stream.ts";
import { makeCancellation, sleep } from "../_call.ts";
import { FakeResponseStream } from "../_function.ts";

const HEAD = { statusCode: 201, headers: { "content-type": "text/plain" }, cookies: ["a=1", "b=2"] };

const write = (
  stream: FakeResponseStream,
  reply: StreamedAnswer["reply"],
  head: StreamedAnswer["head"] = HEAD,
  cancellation = makeCancellation(),
) => respond(stream, cancellation, Promise.resolve({ head, reply }));

test("the symbol is the one that AWS's runtime client looks for", () => {
  assert.equal(STREAMING, Symbol.for("aws.lambda.runtime.handler.streaming"));
});

test("prelude, 8 NUL bytes, body", async () => {
  const stream = new FakeResponseStream();
  await write(stream, { body: "hello" });
  assert.equal(stream.contentType, "application/vnd.awslambda.http-integration-response");
  assert.equal(Buffer.concat(stream.chunks).toString(), `${JSON.stringify(HEAD)}${"\0".repeat(8)}hello`);
  assert.equal(stream.ended, true);
});

test("the prelude leaves before the body's first chunk, in one write", async () => {
  const stream = new FakeResponseStream();
  await write(stream, {
    body: (async function* () {
      assert.equal(stream.chunks.length, 1);
      assert.deepEqual(stream.parse().prelude, HEAD);
      yield "x";
    })(),
  });
});

test("an empty body still sends its prelude, and an empty plain body its type", async () => {
  for (const body of [undefined, "", new Uint8Array(), (async function* () {})()]) {
    const stream = new FakeResponseStream();
    await write(stream, { body });
    assert.deepEqual(stream.parse(), { prelude: HEAD, body: "" });
    assert.equal(stream.ended, true);
  }
  const plain = new FakeResponseStream();
  let touched = false;
  plain.once("written", () => {
    touched = true;
  });
  await write(plain, { body: undefined }, "application/json");
  assert.equal(plain.contentType, "application/json");
  assert.equal(touched, true, "without a write the head never leaves");
});

test("a full stream is waited for, and the body is not asked for more meanwhile", async () => {
  const stream = new FakeResponseStream();
  let made = 0;
  const done = write(stream, {
    body: (async function* () {
      for (; made < 3; ) yield String(++made);
    })(),
  });
  stream.full = true;
  await sleep(5);
  assert.equal(made, 1);
  stream.drain();
  await done;
  assert.equal(stream.parse().body, "123");
  assert.equal(stream.listenerCount("drain"), 0);
});

test("a failing body: a frame if its format has one, then the error, and the stream stays open for trailers", async () => {
  for (const errorFrame of [undefined, (error: ColdframeError) => `[${error.code}]`]) {
    const stream = new FakeResponseStream();
    const failure = new ColdframeError("PREDICT_FAILED", "no");
    await assert.rejects(
      write(stream, {
        body: (async function* () {
          yield "a";
          throw failure;
        })(),
        ...(errorFrame && { errorFrame }),
      }),
      failure,
    );
    assert.equal(stream.parse().body, errorFrame === undefined ? "a" : "a[PREDICT_FAILED]");
    assert.equal(stream.ended, false);
  }
});

test("a body that fails with what is no error is masked in its frame", async () => {
  const stream = new FakeResponseStream();
  await assert.rejects(
    write(stream, {
      body: (async function* () {
        yield* [] as string[];
        throw "a secret";
      })(),
      errorFrame: (error) => `[${error.code} ${error.message}]`,
    }),
  );
  assert.match(stream.parse().body, /PREDICT_FAILED/);
  assert.doesNotMatch(stream.parse().body, /secret/);
});

test("the other side goes away: the invocation is cancelled, and nothing more is written", async () => {
  const stream = new FakeResponseStream();
  const cancellation = makeCancellation();
  const body = (async function* () {
    yield "a";
    await new Promise<void>((resolve) => cancellation.onCancel(() => resolve()));
    yield "b";
    throw cancellation.reason;
  })();
  const done = write(stream, { body, errorFrame: () => assert.fail("nobody reads it") }, HEAD, cancellation);
  await sleep(2);
  stream.close();
  // Whether it rejects is not the point: that it ends, and leaves the stream alone, is.
  await done.catch(() => {});
  assert.equal((cancellation.reason as ColdframeError).code, "CANCELLED");
  assert.equal(stream.parse().body, "a");
});

test("a stream that is full when the other side goes away is not waited for", async () => {
  const stream = new FakeResponseStream();
  const cancellation = makeCancellation();
  stream.full = true;
  const body = (async function* () {
    yield "a";
    throw cancellation.reason;
  })();
  const done = write(stream, { body }, HEAD, cancellation);
  await sleep(2);
  stream.close();
  await done.catch(() => {});
  assert.equal(stream.listenerCount("drain"), 0);
});

test("a stream that is full at the deadline is not waited for: the platform would kill the process", async () => {
  const stream = new FakeResponseStream();
  const cancellation = makeCancellation(20);
  stream.full = true;
  const body = {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: async () => {
      if (cancellation.reason !== undefined) throw cancellation.reason;
      return { done: false, value: "a" } as const;
    },
  };
  await assert.rejects(write(stream, { body }, HEAD, cancellation), { message: "too late" });
});

test("nor is one that fills up after the invocation was cancelled", async () => {
  const stream = new FakeResponseStream();
  const cancellation = makeCancellation();
  cancellation.cancel(new ColdframeError("CANCELLED", "shutting down"));
  stream.full = true;
  const body = (async function* () {
    yield "a";
    throw cancellation.reason;
  })();
  await assert.rejects(write(stream, { body }, HEAD, cancellation), { code: "CANCELLED" });
});

test("a complete answer whose connection closes later cancels nothing", async () => {
  const stream = new FakeResponseStream();
  const cancellation = makeCancellation();
  await write(stream, { body: "x" }, HEAD, cancellation);
  stream.close();
  assert.equal(cancellation.reason, undefined);
});

test("a thousand waits leave no listeners behind", async () => {
  const stream = new FakeResponseStream();
  stream.on("written", () => {
    stream.full = true;
    setImmediate(() => stream.drain());
  });
  await write(stream, {
    body: (async function* () {
      for (let i = 0; i < 1000; i++) yield "x";
    })(),
  });
  assert.equal(stream.parse().body.length, 1000);
  assert.equal(stream.listenerCount("drain"), 0);
  assert.ok(stream.listenerCount("close") <= 1);
});
