import assert from "node:assert/strict";
import { test } from "node:test";
import eventbridge from "../../adapter/runtime/events/eventbridge.ts";
import { context, FakeResponseStream, startFunction } from "./_function.ts";
import { logged } from "./_log.ts";
import { fixture, startRecords } from "./events/_records.ts";

const PINGS = [
  { source: "serverless-plugin-warmup" },
  { source: "serverless-plugin-warmup", anything: 1 },
  { warmer: true },
  { warmer: true, concurrency: 3 },
  {
    warmer: true,
    __WARMER_INVOCATION__: 2,
    __WARMER_CONCURRENCY__: 3,
    __WARMER_CORRELATIONID__: "a",
  },
  { coldframe: "warm-up" },
];

const counting = () => {
  const seen = { predicted: 0 };
  class Model {
    predict(input: unknown) {
      seen.predicted++;
      return input;
    }
  }
  return { Model, seen };
};

for (const ping of PINGS) {
  test(`${JSON.stringify(ping)} is answered on both wires, and not by the model`, async () => {
    const { Model, seen } = counting();
    const { invoke, stream } = startFunction(Model);
    assert.deepEqual(await invoke(ping), { warm: true });
    const out = new FakeResponseStream();
    await stream(ping, out, context());
    assert.equal(out.parse().body, '{"warm":true}');
    assert.equal(out.ended, true);
    assert.equal(seen.predicted, 0);
  });
}

test("an input with such a word is an input", async () => {
  const { Model } = counting();
  const { invoke } = startFunction(Model);
  for (const input of [
    { warmer: true, room: "kitchen" },
    { warmer: "yes" },
    { source: "a book" },
    { coldframe: 1 },
  ]) {
    assert.deepEqual(await invoke(input), input);
  }
});

test("a ping waits for a load that has begun, and the environment that it keeps is warm", async () => {
  let loaded = false;
  const { invoke } = startFunction(
    class {
      async load() {
        await new Promise((resolve) => setTimeout(resolve, 30));
        loaded = true;
      }
      predict() {}
    },
  );
  await invoke({ coldframe: "warm-up" });
  assert.equal(loaded, true);
});

test("a ping to a model that does not load is an error, with its reason in the log", async () => {
  const { invoke } = startFunction(
    class {
      load() {
        throw new Error("the weights are gone");
      }
      predict() {}
    },
  );
  const { text } = await logged(() =>
    assert.rejects(invoke({ warmer: true }), { name: "MODEL_LOAD_FAILED" }),
  );
  assert.match(text, /the weights are gone/);
});

test("a rule of EventBridge is no ping: it is its source's, or unknown", async () => {
  const { Model, seen } = counting();
  await logged(() =>
    assert.rejects(startFunction(Model).invoke(fixture("eventbridge")), { name: "EVENT_UNKNOWN" }),
  );
  assert.equal(seen.predicted, 0);
  await startRecords(Model, eventbridge).invoke(fixture("eventbridge"));
  assert.equal(seen.predicted, 1);
});
