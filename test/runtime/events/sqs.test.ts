import assert from "node:assert/strict";
import { test } from "node:test";
import type { SQSEvent } from "aws-lambda";
import sqs from "../../../adapter/runtime/events/sqs.ts";
import type { Invocation } from "../../../adapter/runtime/model.ts";
import { sleep } from "../_call.ts";
import { context, FakeResponseStream } from "../_function.ts";
import { logged } from "../_log.ts";
import { failedIds, fifoEvent, fixture, queueEvent, startRecords } from "./_records.ts";

/** Fails for every input that says so. */
class Fails {
  seen: unknown[] = [];
  predict(input: unknown) {
    if (String(input).includes("poison")) throw new Error("a secret reason");
    return input;
  }
}

/** Asked quietly: failures are logged. */
async function ask(
  fn: ReturnType<typeof startRecords>,
  event: unknown,
  timeoutMs?: number,
): Promise<unknown> {
  const { result } = await logged(() => fn.invoke(event, timeoutMs).catch((error: unknown) => ({ error })));
  if (typeof result === "object" && result && "error" in result) throw result.error;
  return result;
}

// Inputs

test("JSON is JSON and everything else is the text that was sent", () => {
  const inputs: [string, unknown][] = [
    ['{"text":"hello"}', { text: "hello" }],
    ["[1,2]", [1, 2]],
    [' \n{"a":1} ', { a: 1 }],
    ['"quoted"', "quoted"],
    ["hello", "hello"],
    ["{not json", "{not json"],
    ["[sic] he said", "[sic] he said"],
    ["2024", "2024"],
    ["true", "true"],
    ["null", "null"],
    ["", ""],
    ['{"__proto__":1}', JSON.parse('{"__proto__":1}')],
  ];
  const records = sqs.toRecords(queueEvent(inputs.map(([body]) => body)) as never);
  assert.deepEqual(
    records.map(({ input }) => input),
    inputs.map(([, input]) => input),
  );
});

test("the model sees its message, with the attributes, as the event", async () => {
  const seen: Invocation[] = [];
  const event = fixture<SQSEvent>("sqs.batch");
  const fn = startRecords(
    class {
      predict(_input: unknown, invocation: Invocation) {
        seen.push(invocation);
      }
    },
    sqs,
  );
  assert.deepEqual(await fn.invoke(event), { batchItemFailures: [] });
  assert.deepEqual(
    seen.map(({ event: own }) => own),
    event.Records,
  );
  assert.equal(seen[0]?.source, "sqs");
  assert.equal(seen[0]?.request, undefined);
});

test("that S3 tries a queue is no message for the model", async () => {
  const inputs: unknown[] = [];
  const fn = startRecords(
    class {
      predict(input: unknown) {
        inputs.push(input);
      }
    },
    sqs,
  );
  const trial = JSON.stringify(fixture("s3.test-event"));
  assert.deepEqual(await fn.invoke(queueEvent([trial])), { batchItemFailures: [] });
  assert.deepEqual(await fn.invoke(queueEvent([trial, "a text of s3:TestEvent"])), { batchItemFailures: [] });
  assert.deepEqual(inputs, ["a text of s3:TestEvent"]);
});

// Failures

test("a poison message is sent again, and its neighbours are done", async () => {
  const fn = startRecords(Fails, sqs);
  const result = await ask(fn, queueEvent(["a", "poison", "b", "poison too", "c"]));
  assert.deepEqual(result, { batchItemFailures: [{ itemIdentifier: "m-1" }, { itemIdentifier: "m-3" }] });
});

test("where every message failed, so did the function: its error is counted, and the batch comes again", async () => {
  const fn = startRecords(Fails, sqs);
  await assert.rejects(ask(fn, queueEvent(["poison", "poison"])), (error: Error) => {
    assert.equal(error.name, "PREDICT_FAILED");
    assert.doesNotMatch(`${error.message}${error.stack}`, /secret/);
    return true;
  });
});

test("a message that is in the batch twice is named once", async () => {
  const fn = startRecords(Fails, sqs);
  const event = queueEvent(["poison", "poison", "fine"], (i) => ({ messageId: i < 2 ? "same" : "other" }));
  assert.deepEqual(failedIds(await ask(fn, event)), ["same"]);
});

test("a failed message that has no id fails the batch: no list could name it", async () => {
  const fn = startRecords(Fails, sqs);
  for (const messageId of [undefined, "", 7]) {
    const event = queueEvent(["poison", "fine"], (i) => (i === 0 ? { messageId } : {}));
    await assert.rejects(ask(fn, event), /messageId/);
  }
});

test("each failure is in the log, with its reason, and which messages come again", async () => {
  const fn = startRecords(Fails, sqs);
  const { lines } = await logged(() => fn.invoke(queueEvent(["a", "poison"])));
  assert.match(JSON.stringify(lines), /a secret reason/);
  const summary = lines.find(({ message_ids }) => message_ids);
  assert.deepEqual(
    [summary?.level, summary?.["message_ids"], summary?.["requestId"]],
    ["WARN", ["m-1"], "request-1"],
  );
});

// How many at once, and in which order

for (const predictConcurrency of [1, 3]) {
  test(`${predictConcurrency} of a batch run at once`, async () => {
    let running = 0;
    let most = 0;
    const order: unknown[] = [];
    const fn = startRecords(
      class {
        async predict(input: { n: number }) {
          most = Math.max(most, ++running);
          await sleep(2);
          running--;
          order.push(input.n);
        }
      },
      sqs,
      { settings: { predictConcurrency } },
    );
    const bodies = Array.from({ length: 10 }, (_, n) => ({ n }));
    assert.deepEqual(await fn.invoke(queueEvent(bodies)), { batchItemFailures: [] });
    assert.equal(most, predictConcurrency);
    assert.equal(order.length, 10);
    if (predictConcurrency === 1) assert.deepEqual(order, [...order].sort());
  });
}

test("a group is in its order, and its first failure stops it and no other", async () => {
  const begun: string[] = [];
  const fn = startRecords(
    class {
      async predict(input: string) {
        begun.push(input);
        await sleep(input.startsWith("a") ? 4 : 1);
        if (input === "a2" || input === "b1") throw new Error("no");
      }
    },
    sqs,
    { settings: { predictConcurrency: 10 } },
  );
  const bodies = ["a1", "b1", "c1", "a2", "b2", "a3", "c2", "a4"];
  const { result, lines } = await logged(() => fn.invoke(fifoEvent(bodies)));
  assert.deepEqual(
    failedIds(result).map((id) => bodies[Number(id.slice(2))]),
    ["b1", "a2", "b2", "a3", "a4"],
  );
  assert.deepEqual(begun.toSorted(), ["a1", "a2", "b1", "c1", "c2"]);
  assert.ok(begun.indexOf("a1") < begun.indexOf("a2") && begun.indexOf("c1") < begun.indexOf("c2"));
  assert.match(JSON.stringify(lines), /3 of 8 records were not begun/);
});

test("groups of a queue that is not FIFO promise no order, and stop nothing", async () => {
  const fn = startRecords(Fails, sqs);
  const event = queueEvent(["poison", "b", "c"], () => ({ attributes: { MessageGroupId: "tenant-1" } }));
  assert.deepEqual(failedIds(await ask(fn, event)), ["m-0"]);
});

// The deadline

test("what is not done when the time is over is sent again, and what is done is not", async () => {
  const begun: string[] = [];
  const fn = startRecords(
    class {
      async predict(input: string) {
        begun.push(input);
        if (input !== "quick") await new Promise(() => {});
      }
    },
    sqs,
  );
  assert.deepEqual(failedIds(await ask(fn, queueEvent(["quick", "hangs", "waits"]), 100)), ["m-1", "m-2"]);
  assert.deepEqual(begun, ["quick", "hangs"]);
});

for (const [name, event, waitsFirst] of [
  ["a queue", queueEvent(["1", "2", "3", "4", "5"]), false],
  ["a group", fifoEvent(["a1", "a2", "a3", "a4", "a5"]), false],
  ["a group whose first message takes longer", fifoEvent(["a1", "a2", "a3", "a4", "a5"]), true],
] as const) {
  test(`a model that seldom waits is not begun again after the time, for ${name}`, async () => {
    let begun = 0;
    const fn = startRecords(
      class {
        predict(input: string) {
          if (input === "warm") return;
          // The first one is over when all others have been told to wait for it.
          if (++begun === 1 && waitsFirst) return sleep(20);
          for (const until = Date.now() + 60; Date.now() < until; );
        }
      },
      sqs,
    );
    // Loaded: nobody waits for the model any more, and with it for the deadline.
    await fn.invoke(queueEvent(["warm"]));
    const failed = failedIds(await ask(fn, event, 120));
    assert.ok(begun < 5, `${begun} were begun`);
    assert.equal(failed.length, 5 - begun);
  });
}

test("a load that does not end in time: the batch comes again", async () => {
  const fn = startRecords(
    class {
      load() {
        return new Promise(() => {});
      }
      predict() {}
    },
    sqs,
    // Or its timer would be waited for.
    { settings: { loadTimeoutMs: 500 } },
  );
  await assert.rejects(ask(fn, queueEvent(["a", "b"]), 60), { name: /MODEL_NOT_READY|PREDICT_TIMEOUT/ });
});

// Results

test("a stream is read to its end, and an answer that says it failed is a failure", async () => {
  let ended = 0;
  const fn = startRecords(
    class {
      async *predict(input: string) {
        yield "a";
        if (input === "poison") throw new Error("no");
        yield "b";
        ended++;
      }
    },
    sqs,
  );
  assert.deepEqual(failedIds(await ask(fn, queueEvent(["x", "poison"]))), ["m-1"]);
  assert.equal(ended, 1);
  const responds = startRecords(
    class {
      predict(input: string) {
        return new Response("", { status: input === "poison" ? 500 : 200 });
      }
    },
    sqs,
  );
  assert.deepEqual(failedIds(await ask(responds, queueEvent(["x", "poison"]))), ["m-1"]);
});

test("a result of any size is no failure: nobody reads it", async () => {
  const fn = startRecords(
    class {
      predict() {
        return "x".repeat(7 * 1024 * 1024);
      }
    },
    sqs,
  );
  assert.deepEqual(await fn.invoke(queueEvent(["a"])), { batchItemFailures: [] });
});

test("a result is delivered before its message is done, and what is not delivered is sent again", async () => {
  const delivered: unknown[] = [];
  const fn = startRecords(Fails, sqs, {
    steps: {
      async deliver({ value }, { event }) {
        if (value === "undeliverable") throw new Error("the sink is gone");
        delivered.push([(event as { messageId: string }).messageId, value]);
      },
    },
  });
  assert.deepEqual(failedIds(await ask(fn, queueEvent(["a", "undeliverable", "poison", '{"n":1}']))), [
    "m-1",
    "m-2",
  ]);
  assert.deepEqual(delivered, [
    ["m-0", "a"],
    ["m-3", { n: 1 }],
  ]);
});

test("the streaming handler gives a batch the same result, as one document", async () => {
  const { stream } = startRecords(Fails, sqs);
  const out = new FakeResponseStream();
  await logged(() => stream(queueEvent(["a", "poison"]), out, context()));
  assert.match(out.contentType, /^application\/json/);
  assert.deepEqual(failedIds(JSON.parse(out.parse().body)), ["m-1"]);
  assert.equal(out.ended, true);
  const failed = new FakeResponseStream();
  await logged(() =>
    assert.rejects(stream(queueEvent(["poison"]), failed, context()), { name: "PREDICT_FAILED" }),
  );
  assert.equal(failed.ended, false);
});
