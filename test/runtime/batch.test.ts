import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { test } from "node:test";
import * as fc from "fast-check";
import { type BatchSettings, batching } from "../../adapter/runtime/batch.ts";
import { Cancellation } from "../../adapter/runtime/call.ts";
import type { Observation, Settings } from "../../adapter/runtime/contracts.ts";
import { ColdframeError } from "../../adapter/runtime/errors.ts";
import type { Invocation, Model } from "../../adapter/runtime/model.ts";
import { createRun } from "../../adapter/runtime/predict.ts";
import { makeCancellation, sleep } from "./_call.ts";
import { logged } from "./_log.ts";

/** Longer than any test: a batch that waits for it shows that it should not have waited. */
const NEVER_MS = 1_000_000;

interface Options extends Partial<BatchSettings> {
  readonly maxQueue?: number;
  readonly slots?: number;
  readonly observation?: Observation;
}

/** A model behind createRun; `call` is one caller. */
function start(model: Model, { slots = 1, maxQueue, observation, ...settings }: Options = {}) {
  const run = createRun(
    { predict: () => "predict was called by itself", ...model },
    {},
    { predictConcurrency: slots, maxQueue, streamingReadTimeoutMs: 60_000 } as Settings,
    batching({ maxSize: 32, maxDelayMs: 1, ...settings }),
  );
  return async (input: unknown, cancellation = makeCancellation(), id = `request-${input}`) => {
    const output = await run("predict", input, { id } as Invocation, { cancellation, observation });
    return "value" in output ? output.value : output;
  };
}

/** A model that doubles, and the batches it was given. */
function doubling() {
  const batches: number[][] = [];
  const model = {
    async predictBatch(inputs: number[]) {
      batches.push(inputs);
      return inputs.map((input) => input * 2);
    },
  };
  return { batches, model };
}

/** A model whose batches end when the test says so. */
function held() {
  const batches: { inputs: number[]; end: () => void }[] = [];
  const model = {
    async predictBatch(inputs: number[]) {
      await new Promise<void>((end) => batches.push({ inputs, end }));
      return inputs;
    },
  };
  /** Wait until `count` batches have begun. */
  const begun = async (count: number) => {
    while (batches.length < count) await turn();
    return batches.map(({ inputs }) => inputs);
  };
  return { batches, model, begun };
}

const codeOf = (expected: string) => (error: unknown) =>
  error instanceof ColdframeError && error.code === expected;

// What becomes one batch

test("who comes in one turn of the event loop is one batch, in the order of arrival", async () => {
  const { batches, model } = doubling();
  const call = start(model, { maxDelayMs: NEVER_MS });
  assert.deepEqual(await Promise.all([1, 2, 3].map((input) => call(input))), [2, 4, 6]);
  assert.deepEqual(batches, [[1, 2, 3]]);
});

test("who comes alone waits for nobody", async () => {
  const { batches, model } = doubling();
  const call = start(model, { maxDelayMs: NEVER_MS });
  for (const input of [1, 2, 3]) assert.equal(await call(input), input * 2);
  assert.deepEqual(batches, [[1], [2], [3]]);
});

test("no batch is larger than max_size, and none that is full waits", async () => {
  const { batches, model } = doubling();
  const call = start(model, { maxSize: 2, maxDelayMs: NEVER_MS });
  await Promise.all([1, 2, 3, 4, 5, 6].map((input) => call(input)));
  assert.deepEqual(batches, [
    [1, 2],
    [3, 4],
    [5, 6],
  ]);
});

test("who comes while a batch is computed is in the next one", async () => {
  const { batches, model, begun } = held();
  const call = start(model);
  const first = call(1);
  await begun(1);
  const others = [call(2), call(3)];
  await turn();
  assert.equal(batches.length, 1);
  batches[0]?.end();
  assert.deepEqual(await begun(2), [[1], [2, 3]]);
  batches[1]?.end();
  assert.deepEqual(await Promise.all([first, ...others]), [1, 2, 3]);
});

test("after a batch of three, the next begins when three wait", async () => {
  const { batches, model } = doubling();
  const call = start(model, { maxDelayMs: NEVER_MS });
  await Promise.all([1, 2, 3].map((input) => call(input)));
  const calls = [call(4), call(5)];
  for (let i = 0; i < 5; i++) await turn();
  assert.equal(batches.length, 1);
  await Promise.all([...calls, call(6)]);
  assert.deepEqual(batches[1], [4, 5, 6]);
});

test("those who waited and those who were answered may all come again: the next batch begins when as many wait", async () => {
  const { batches, model, begun } = held();
  const call = start(model, { maxDelayMs: NEVER_MS });
  const first = call(1);
  await begun(1);
  const others = [call(2), call(3)];
  batches[0]?.end();
  await first;
  for (let i = 0; i < 5; i++) await turn();
  assert.equal(batches.length, 1);
  const again = call(4);
  assert.deepEqual(await begun(2), [[1], [2, 3, 4]]);
  batches[1]?.end();
  assert.deepEqual(await Promise.all([...others, again]), [2, 3, 4]);
});

test("it waits for the others no longer than max_delay_ms", async () => {
  const { batches, model } = doubling();
  const call = start(model);
  await Promise.all([1, 2, 3].map((input) => call(input)));
  assert.equal(await call(4), 8);
  assert.deepEqual(batches[1], [4]);
});

test("it waits for those of the batch before as long as they may come, and not when they have stayed away", async (t) => {
  const { batches, model } = doubling();
  const call = start(model, { maxDelayMs: 7 });
  const timers = t.mock.method(globalThis, "setTimeout");
  const waited = () => timers.mock.calls.filter((it) => it.arguments[1] === 7).length;
  const company = () => Promise.all([1, 2, 3].map((input) => call(input)));
  await company();
  await call(4);
  assert.equal(waited(), 1);
  await company();
  await sleep(30);
  await call(5);
  assert.equal(waited(), 1);
  assert.deepEqual(batches, [[1, 2, 3], [4], [1, 2, 3], [5]]);
});

test("it does not wait for who has left: when the last one leaves, the slot is free", async () => {
  const { batches, model } = doubling();
  const call = start(model, { maxDelayMs: NEVER_MS });
  await Promise.all([1, 2, 3].map((input) => call(input)));
  const cancellation = makeCancellation();
  const left = call(4, cancellation);
  await turn();
  cancellation.cancel(new ColdframeError("CANCELLED", "the caller left."));
  await assert.rejects(left, codeOf("CANCELLED"));
  await Promise.all([5, 6, 7].map((input) => call(input)));
  assert.deepEqual(batches, [
    [1, 2, 3],
    [5, 6, 7],
  ]);
});

test("slots are counted in batches", async () => {
  const { batches, model, begun } = held();
  const call = start(model, { slots: 2, maxSize: 2 });
  const calls = [1, 2, 3, 4, 5, 6].map((input) => call(input));
  await begun(2);
  for (let i = 0; i < 5; i++) await turn();
  assert.equal(batches.length, 2);
  for (let i = 0; i < 3; i++) {
    await begun(i + 1);
    batches[i]?.end();
  }
  assert.deepEqual(await Promise.all(calls), [1, 2, 3, 4, 5, 6]);
  assert.deepEqual(
    batches.map(({ inputs }) => inputs),
    [
      [1, 2],
      [3, 4],
      [5, 6],
    ],
  );
});

test("who finds the queue full is refused; who gathers in a free slot is in no queue", async () => {
  const { batches, model, begun } = held();
  const call = start(model, { maxSize: 4, maxQueue: 2, maxDelayMs: NEVER_MS });
  const first = call(1);
  await begun(1);
  const others = [call(2), call(3)];
  await assert.rejects(call(4), codeOf("QUEUE_FULL"));
  batches[0]?.end();
  await first;
  await turn();
  const again = call(5);
  assert.deepEqual(await begun(2), [[1], [2, 3, 5]]);
  batches[1]?.end();
  assert.deepEqual(await Promise.all([...others, again]), [2, 3, 5]);
});

test("without a queue, one is computed or refused", async () => {
  const { batches, model, begun } = held();
  const call = start(model, { maxQueue: 0 });
  const first = call(1);
  await begun(1);
  await assert.rejects(call(2), codeOf("QUEUE_FULL"));
  batches[0]?.end();
  assert.equal(await first, 1);
  const again = call(3);
  await begun(2);
  batches[1]?.end();
  assert.equal(await again, 3);
});

/** A model that is asked by the clients of OpenAI; `call` is one caller. */
function startEmbeddings(model: Model) {
  const run = createRun(
    { predictBatch: () => [], embeddings: (request: unknown) => ({ alone: request }), ...model },
    {},
    { predictConcurrency: 1, streamingReadTimeoutMs: 60_000 } as Settings,
    batching({ maxSize: 8, maxDelayMs: 1 }),
  );
  return async (request: unknown) => {
    const output = await run("embeddings", request, {} as Invocation, { cancellation: makeCancellation() });
    return "value" in output ? output.value : output;
  };
}

test("a method for a vendor's clients takes a slot by itself", async () => {
  const call = startEmbeddings({});
  assert.deepEqual(await Promise.all([call(1), call(2)]), [{ alone: 1 }, { alone: 2 }]);
});

test("with an embeddingsBatch, calls of embeddings go together, each with its own answer or error", async () => {
  const batches: number[][] = [];
  const call = startEmbeddings({
    embeddingsBatch: (requests: number[]) => {
      batches.push(requests);
      return requests.map((it) =>
        it === 2 ? new ColdframeError("INPUT_INVALID", "two is too much.") : { together: it },
      );
    },
  });
  const [one, two, three] = await Promise.allSettled([call(1), call(2), call(3)]);
  assert.deepEqual(batches, [[1, 2, 3]]);
  assert.deepEqual(one, { status: "fulfilled", value: { together: 1 } });
  assert.ok(two?.status === "rejected" && codeOf("INPUT_INVALID")(two.reason));
  assert.deepEqual(three, { status: "fulfilled", value: { together: 3 } });
});

test("predict and embeddings are never in one batch, and share the slots", async () => {
  const began: string[] = [];
  const ends: (() => void)[] = [];
  const method = (name: string) => async (inputs: number[]) => {
    began.push(`${name} ${inputs}`);
    await new Promise<void>((end) => ends.push(end));
    return inputs;
  };
  const run = createRun(
    {
      predict: method("predict alone"),
      embeddings: method("embeddings alone"),
      predictBatch: method("predict"),
      embeddingsBatch: method("embeddings"),
    },
    {},
    { predictConcurrency: 1, streamingReadTimeoutMs: 60_000 } as Settings,
    batching({ maxSize: 8, maxDelayMs: 1 }),
  );
  const origin = { cancellation: makeCancellation() };
  const answers = (["predict", "embeddings", "predict", "embeddings"] as const).map((member, i) =>
    run(member, i, {} as Invocation, origin),
  );
  while (ends.length < 1) await turn();
  await turn();
  assert.deepEqual(began, ["predict 0,2"]);
  ends[0]?.();
  while (ends.length < 2) await turn();
  assert.deepEqual(began, ["predict 0,2", "embeddings 1,3"]);
  ends[1]?.();
  assert.deepEqual(
    await Promise.all(answers),
    [0, 1, 2, 3].map((value) => ({ value })),
  );
});

// To each its own

test("preprocess and postprocess see single inputs, predictBatch each one's invocation", async () => {
  const call = start({
    preprocess: (input: number) => input + 1,
    predictBatch: (inputs: number[], invocations) =>
      inputs.map((input, i) => `${invocations[i]?.id}: ${input}`),
    postprocess: (output: string) => `${output}!`,
  });
  assert.deepEqual(await Promise.all([call(1), call(2)]), ["request-1: 2!", "request-2: 3!"]);
});

test("an Error fails only its own caller, with its code when it is ours and masked when it is not", async () => {
  const call = start({
    predictBatch: (inputs: number[]) =>
      inputs.map((input) => {
        if (input === 2) return new Error("my own business");
        return input === 3 ? new ColdframeError("INPUT_INVALID", "not 3.") : input;
      }),
  });
  const [one, two, three] = [call(1), call(2), call(3)];
  const masked = (error: Error) => codeOf("PREDICT_FAILED")(error) && !error.message.includes("business");
  await Promise.all([
    assert.rejects(two, masked),
    assert.rejects(three, codeOf("INPUT_INVALID")),
    one.then((value) => assert.equal(value, 1)),
  ]);
});

test("an output may be a promise", async () => {
  const call = start({
    predictBatch: (inputs: number[]) =>
      inputs.map(async (input) => {
        if (input === 2) throw new Error("2");
        return input;
      }),
  });
  const two = call(2);
  const [one] = await Promise.all([call(1), assert.rejects(two, codeOf("PREDICT_FAILED"))]);
  assert.equal(one, 1);
});

test("when predictBatch throws, it is tried again in halves: who is to blame fails alone", async () => {
  const batches: number[][] = [];
  const call = start({
    predictBatch(inputs: number[]) {
      batches.push(inputs);
      if (inputs.includes(3)) throw new ColdframeError("INPUT_INVALID", "not 3.");
      return inputs;
    },
  });
  const { lines, result } = await logged(() => Promise.allSettled([1, 2, 3, 4].map((input) => call(input))));
  assert.deepEqual(
    result.map((it) => (it.status === "fulfilled" ? it.value : it.reason.code)),
    [1, 2, "INPUT_INVALID", 4],
  );
  assert.deepEqual(batches, [[1, 2, 3, 4], [1, 2], [3, 4], [3], [4]]);
  const [line] = lines.filter(({ message }) => message.startsWith("predictBatch failed"));
  assert.deepEqual(line?.["request_ids"], ["request-1", "request-2", "request-3", "request-4"]);
});

test("as many outputs as inputs, or nobody has an answer", async () => {
  for (const outputs of [[1], [1, 2, 3], "ab", undefined]) {
    let calls = 0;
    const call = start({
      predictBatch() {
        calls++;
        return outputs as unknown[];
      },
    });
    const refused = (error: Error) =>
      codeOf("OUTPUT_INVALID")(error) && /predictBatch returned .* for 2 inputs/.test(error.message);
    await Promise.all([assert.rejects(call(1), refused), assert.rejects(call(2), refused)]);
    assert.equal(calls, 1);
    // The slot is free again.
    await Promise.all([assert.rejects(call(1), refused), assert.rejects(call(2), refused)]);
  }
});

test("a model without predictBatch is refused when it starts", () => {
  assert.throws(() => start({ predictBatch: undefined } as unknown as Model), codeOf("MODEL_INVALID"));
});

// Who leaves

test("what is not computed yet is not computed for a caller who left, nor has it a place in a batch", async () => {
  const { batches, model, begun } = held();
  const call = start(model, { maxSize: 2 });
  const first = call(1);
  await begun(1);
  const cancellation = makeCancellation();
  const left = call(2, cancellation);
  const stay = [call(3), call(4)];
  cancellation.cancel(new ColdframeError("CANCELLED", "the caller left."));
  await assert.rejects(left, codeOf("CANCELLED"));
  batches[0]?.end();
  assert.deepEqual(await begun(2), [[1], [3, 4]]);
  batches[1]?.end();
  assert.deepEqual(await Promise.all([first, ...stay]), [1, 3, 4]);
});

test("a deadline ends the wait of its own caller, before and during the computation", async () => {
  const { batches, model, begun } = held();
  const call = start(model);
  const late = (input: number) => {
    const cancellation = new Cancellation(
      Date.now() + 5,
      () => new ColdframeError("PREDICT_TIMEOUT", "too late."),
    );
    return assert.rejects(call(input, cancellation), codeOf("PREDICT_TIMEOUT"));
  };
  const stays = call(1);
  const computed = late(2);
  await begun(1);
  await Promise.all([computed, late(3)]);
  batches[0]?.end();
  assert.equal(await stays, 1);
});

test("a batch that everybody left gives its slot back, whether or not predictBatch ends", async () => {
  const { model, begun } = held();
  const call = start(model);
  const cancellation = makeCancellation();
  const left = [call(1, cancellation), call(2, cancellation)];
  await begun(1);
  cancellation.cancel(new ColdframeError("CANCELLED", "the caller left."));
  await Promise.allSettled(left);
  call(3);
  assert.deepEqual(await begun(2), [[1, 2], [3]]);
});

// What is told of it

test("each caller's wait is over before the computation begins", async () => {
  const told: string[] = [];
  const observation: Observation = {
    step(name, run) {
      told.push(`${name} begins`);
      const result = run();
      const end = () => told.push(`${name} ends`);
      Promise.resolve(result).then(end, end);
      return result;
    },
    items: (items) => items,
    answered() {},
    failed() {},
    end() {},
  };
  const call = start(
    {
      predictBatch(inputs: number[]) {
        told.push("predictBatch");
        return inputs;
      },
    },
    { observation },
  );
  await call(1);
  assert.deepEqual(told, ["queue begins", "queue ends", "predict begins", "predictBatch", "predict ends"]);
});

// All of it at once

/** What one caller does, and what its input does to the model. */
const caller = fc.record({
  /** Turns of the event loop after which it comes, and after which it leaves. */
  comes: fc.nat(12),
  leaves: fc.option(fc.nat(12), { freq: 3 }),
  fate: fc.oneof(
    { weight: 6, arbitrary: fc.constant("answer" as const) },
    fc.constantFrom("error", "rejection", "throw"),
  ),
});

const company = fc.record({
  callers: fc.array(caller, { minLength: 1, maxLength: 40 }),
  slots: fc.integer({ min: 1, max: 3 }),
  maxSize: fc.integer({ min: 1, max: 9 }),
  maxDelayMs: fc.nat(2),
  /** Turns that a batch takes; 0: predictBatch returns at once. */
  turns: fc.nat(3),
});

test("every caller settles once, with its own answer, whoever comes, leaves and fails", async () => {
  await fc.assert(
    fc.asyncProperty(company, async ({ callers, slots, maxSize, maxDelayMs, turns }) => {
      const running = new Set<number[]>();
      const computed = new Map<number, number>();
      const order: number[] = [];
      const predictBatch = async (inputs: number[], invocations: readonly Invocation[]) => {
        assert.ok(inputs.length > 0 && inputs.length <= maxSize, "no batch is empty or too large");
        assert.deepEqual(
          invocations.map(({ id }) => id),
          inputs.map((input) => `request-${input}`),
        );
        running.add(inputs);
        const held = [...running].filter((batch) => batch.some((input) => !cancellations[input]?.reason));
        assert.ok(held.length <= slots, "no more batches than slots, but for those that everybody left");
        for (const input of inputs) {
          assert.equal(cancellations[input]?.reason, undefined, "who has left is not computed");
          if (!computed.has(input)) order.push(input);
          computed.set(input, (computed.get(input) ?? 0) + 1);
        }
        for (let i = 0; i < turns; i++) await turn();
        running.delete(inputs);
        if (inputs.some((input) => callers[input]?.fate === "throw")) throw new Error("the whole batch");
        return inputs.map((input) => {
          const fate = callers[input]?.fate;
          if (fate === "error") return new Error(`${input}`);
          return fate === "rejection" ? Promise.reject(new Error(`${input}`)) : { of: input };
        });
      };
      const cancellations = callers.map(() => new Cancellation());
      const call = start({ predictBatch }, { slots, maxSize, maxDelayMs });
      const arrived: number[] = [];

      const settle = async ({ comes, leaves, fate }: (typeof callers)[number], i: number) => {
        for (let n = 0; n < comes; n++) await turn();
        arrived.push(i);
        const cancellation = cancellations[i] as Cancellation;
        const leaving = async () => {
          for (let n = 0; n < (leaves ?? 0); n++) await turn();
          cancellation.cancel(new ColdframeError("CANCELLED", "the caller left."));
        };
        const answer = call(i, cancellation).then(
          (value) => ({ value }),
          (error: ColdframeError) => ({ code: error.code }),
        );
        if (leaves !== null) leaving();
        const outcome = await answer;
        const owed = fate === "answer" ? { value: { of: i } } : { code: "PREDICT_FAILED" };
        const left = leaves !== null && "code" in outcome && outcome.code === "CANCELLED";
        if (!left) assert.deepEqual(outcome, owed);
      };
      await logged(() => Promise.all(callers.map(settle)));

      assert.deepEqual(
        order,
        arrived.filter((i) => computed.has(i)),
        "first come, first served",
      );
      // The model can still be asked, and by as many at once as ever.
      const after = await Promise.all([0, 1, 2].map(() => call(callers.length)));
      assert.deepEqual(after, Array(3).fill({ of: callers.length }));
    }),
    { numRuns: 300 },
  );
});

test("a model whose only batch is that of its embeddings has it, and its predict answers one by one", async () => {
  const batches: unknown[] = [];
  const model = {
    predict: (input: unknown) => input,
    embeddings: (request: unknown) => request,
    embeddingsBatch(requests: unknown[]) {
      batches.push(requests);
      return requests;
    },
  } as unknown as Model;
  const run = createRun(
    model,
    {},
    { predictConcurrency: 1, maxQueue: undefined, streamingReadTimeoutMs: 60_000 } as unknown as Settings,
    batching({ maxSize: 32, maxDelayMs: 1 }),
  );
  const ask = (member: "predict" | "embeddings", input: unknown) =>
    run(member, input, { id: "one" } as Invocation, {
      cancellation: makeCancellation(),
      observation: undefined,
    });
  assert.deepEqual(await ask("predict", 1), { value: 1 });
  await Promise.all([ask("embeddings", 2), ask("embeddings", 3)]);
  assert.deepEqual(batches, [[2, 3]]);
});
