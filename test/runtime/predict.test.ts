import assert from "node:assert/strict";
import { test } from "node:test";
import { type } from "arktype";
import * as v from "valibot";
import { z } from "zod";
import { Cancellation } from "../../adapter/runtime/call.ts";
import type { Settings } from "../../adapter/runtime/contracts.ts";
import { ColdframeError } from "../../adapter/runtime/errors.ts";
import type { Invocation } from "../../adapter/runtime/model.ts";
import { createRun } from "../../adapter/runtime/predict.ts";
import { sleep } from "./_call.ts";
import { bodyOf, startFunction } from "./_function.ts";
import { logged } from "./_log.ts";

interface Failure {
  error: { code: string; message: string; request_id: string; issues?: { path: string; message: string }[] };
}
const errorOf = (result: { body?: string }) => (bodyOf(result) as Failure).error;

/** A promise that the test settles. */
function gate<T = void>() {
  let resolve: (value: T) => void = () => {};
  let reject: (reason: unknown) => void = () => {};
  const promise = new Promise<T>((...settle) => {
    [resolve, reject] = settle;
  });
  return { promise, resolve, reject };
}

// The three methods

test("preprocess, predict and postprocess in this order, each given what the one before gave", async () => {
  const { post } = startFunction(
    class {
      async preprocess(input: string[]) {
        return [...input, "preprocess"];
      }
      predict(input: string[]) {
        return [...input, "predict"];
      }
      async postprocess(output: string[]) {
        return [...output, "postprocess"];
      }
    },
  );
  assert.deepEqual(bodyOf(await post(["input"])), ["input", "preprocess", "predict", "postprocess"]);
});

test("all three see the same invocation, and `this`", async () => {
  const seen: Invocation[] = [];
  const { post } = startFunction(
    class {
      name = "me";
      preprocess(input: unknown, invocation: Invocation) {
        seen.push(invocation);
        return input;
      }
      predict(_input: unknown, invocation: Invocation) {
        seen.push(invocation);
        return this.name;
      }
      postprocess(output: unknown, invocation: Invocation) {
        seen.push(invocation);
        return output;
      }
    },
  );
  assert.equal(bodyOf(await post({})), "me");
  assert.equal(seen.length, 3);
  assert.equal(new Set(seen).size, 1);
  assert.equal(seen[0]?.id, "request-1");
});

test("methods may be arrow fields, inherited, or of a frozen object", async () => {
  class Arrow {
    #greeting = "hello";
    predict = async (name: string) => `${this.#greeting} ${name}`;
  }
  class Child extends Arrow {
    constructor() {
      super();
      Object.freeze(this);
    }
  }
  class Method {
    predict(name: string) {
      return `hello ${name}`;
    }
  }
  for (const Model of [Arrow, Child, class extends Method {}]) {
    assert.equal(bodyOf(await startFunction(Model).post('"you"')), "hello you");
  }
});

test("predict may throw, reject, or throw what is no error: all masked, all logged", async () => {
  const thrown: unknown[] = [
    new TypeError("the secret reason"),
    "the secret reason",
    undefined,
    null,
    { why: "the secret reason" },
    7n,
  ];
  for (const what of thrown) {
    for (const predict of [
      () => {
        throw what;
      },
      async () => {
        throw what;
      },
    ]) {
      const { post } = startFunction(
        class {
          predict = (_input: unknown) => predict();
        },
      );
      const { result, text, lines } = await logged(() => post({}));
      assert.equal(result.statusCode, 500);
      const error = errorOf(result);
      assert.equal(error.code, "PREDICT_FAILED");
      assert.equal(error.request_id, "request-1");
      assert.ok(!result.body?.includes("secret reason"), result.body);
      const line = lines.find(({ level }) => level === "ERROR");
      assert.equal(line?.["requestId"], "request-1");
      if (what !== undefined && what !== null && typeof what !== "bigint")
        assert.match(text, /the secret reason/);
    }
  }
});

test("the failing method is named, and the slot is free again", async () => {
  for (const member of ["preprocess", "predict", "postprocess"]) {
    let fail = true;
    class Model {
      predict(input: unknown): unknown {
        return input;
      }
    }
    Object.assign(Model.prototype, {
      [member]: async (value: unknown) => {
        if (fail) throw new Error("no");
        return value;
      },
    });
    const { post } = startFunction(Model);
    assert.match(errorOf((await logged(() => post({}))).result).message, new RegExp(member));
    fail = false;
    assert.equal((await post({})).statusCode, 200);
  }
});

test("a model's own ColdframeError passes with its status, its way out and its issues", async () => {
  const { post } = startFunction(
    class {
      predict() {
        throw new ColdframeError("INPUT_INVALID", "the picture is upside down.", {
          fix: "Turn it.",
          issues: [{ path: "picture", message: "upside down" }],
        });
      }
    },
  );
  const result = await post({});
  assert.equal(result.statusCode, 400);
  assert.deepEqual(errorOf(result), {
    code: "INPUT_INVALID",
    message: "the picture is upside down. Turn it.",
    request_id: "request-1",
    issues: [{ path: "picture", message: "upside down" }],
  });
});

test("an error code that does not exist is a 500 and not a crash", async () => {
  const { post } = startFunction(
    class {
      predict() {
        throw new ColdframeError("NO_SUCH_CODE" as never, "hm");
      }
    },
  );
  assert.equal((await logged(() => post({}))).result.statusCode, 500);
});

// Input

test("an empty body is refused, unless predict takes no input", async () => {
  const refused = await startFunction(
    class {
      predict(input: unknown) {
        return input;
      }
    },
  ).post("");
  assert.equal(refused.statusCode, 400);
  assert.equal(errorOf(refused).code, "INPUT_INVALID");
  for (const Model of [
    class {
      predict() {
        return "fine";
      }
    },
    class {
      predict(input = "fine") {
        return input;
      }
    },
    class {
      static input = z.string().default("fine");
      predict(input: unknown) {
        return input;
      }
    },
  ]) {
    assert.equal(bodyOf(await startFunction(Model).post("")), "fine");
  }
});

const schemas = {
  zod: z.object({ items: z.array(z.object({ text: z.string() })), n: z.number().default(64) }),
  valibot: v.object({ items: v.array(v.object({ text: v.string() })), n: v.optional(v.number(), 64) }),
  arktype: type({ items: type({ text: "string" }).array(), n: "number = 64" }),
};

for (const [library, schema] of Object.entries(schemas)) {
  test(`${library}: the model sees what the schema made of the input; a misfit never reaches it`, async () => {
    let calls = 0;
    const { post } = startFunction(
      class {
        static input = schema;
        preprocess(input: unknown) {
          calls++;
          return input;
        }
        predict(input: unknown) {
          return input;
        }
      },
    );
    assert.deepEqual(bodyOf(await post({ items: [] })), { items: [], n: 64 });
    const misfit = await post({ items: [{ text: "a" }, { text: 7 }] });
    assert.equal(misfit.statusCode, 400);
    const { code, message, issues } = errorOf(misfit);
    assert.equal(code, "INPUT_INVALID");
    assert.equal(issues?.[0]?.path, "items[1].text");
    assert.match(message, /items\[1\]\.text: /);
    assert.equal(calls, 1);
  });
}

test("a schema that throws is a masked 500", async () => {
  const { post } = startFunction(
    class {
      static input = z.unknown().refine(() => {
        throw new Error("the secret reason");
      });
      predict(input: unknown) {
        return input;
      }
    },
  );
  const { result } = await logged(() => post({}));
  assert.equal(result.statusCode, 500);
  assert.ok(!result.body?.includes("secret reason"));
});

test("a schema that never answers ends with the invocation", async () => {
  const { post } = startFunction(
    class {
      static input = z.unknown().refine(() => new Promise<boolean>(() => {}));
      predict(input: unknown) {
        return input;
      }
    },
  );
  const { result } = await logged(() => post({}, {}, 60));
  assert.equal(result.statusCode, 504);
});

// Output

class WithOutput {
  static output = z.object({ n: z.number() });
  predict(input: unknown): unknown {
    return input;
  }
}

test("an output that does not fit is a masked 500 whose places are in the log", async () => {
  const { post } = startFunction(WithOutput);
  assert.deepEqual(bodyOf(await post({ n: 1, more: 2 })), { n: 1 }, "the schema's own reading of it leaves");
  const { result, text } = await logged(() => post({ n: "seven" }));
  assert.equal(result.statusCode, 500);
  const { code, issues, message } = errorOf(result);
  assert.equal(code, "OUTPUT_INVALID");
  assert.equal(issues, undefined);
  assert.doesNotMatch(message, /number|string|"n"/);
  assert.match(text, /"path":"n"/);
});

test("postprocess comes before the output schema", async () => {
  const { post } = startFunction(
    class extends WithOutput {
      postprocess(n: number) {
        return { n };
      }
    },
  );
  assert.deepEqual(bodyOf(await post("7")), { n: 7 });
});

test("on a stream the output schema is for each item", async () => {
  const { postStream } = startFunction(
    class {
      static output = z.object({ n: z.number().default(0) });
      async *predict(items: unknown[]) {
        yield* items;
      }
    },
  );
  assert.equal((await postStream([{}, { n: 2 }])).body, '{"n":0}\n{"n":2}\n');
  const early = await logged(() => postStream([{ n: "x" }]));
  assert.equal(early.result.prelude?.statusCode, 500);
  const late = await logged(() => postStream([{ n: 1 }, { n: "x" }]));
  assert.equal(late.result.prelude?.statusCode, 200);
  assert.match(late.result.body, /^\{"n":1\}\n\{"error":\{"code":"OUTPUT_INVALID"/);
  assert.equal(late.result.failure?.name, "OUTPUT_INVALID");
});

test("a stream that meets a postprocess is refused, and the slot is free again", async () => {
  const { post } = startFunction(
    class {
      predict(input: { how: string }) {
        if (input.how === "stream") return ["a"].values();
        return input.how === "response" ? new Response("x") : input.how;
      }
      postprocess(output: unknown) {
        return output;
      }
    },
  );
  for (const how of ["stream", "response"]) {
    const { result } = await logged(() => post({ how }));
    assert.equal(result.statusCode, 500);
    assert.equal(errorOf(result).code, "OUTPUT_INVALID");
  }
  assert.equal(bodyOf(await post({ how: "value" })), "value");
});

// Time

test("predict that never settles: 504 before the platform gives up, signal aborted, slot free", async () => {
  let signal: AbortSignal | undefined;
  const { post } = startFunction(
    class {
      predict(input: string, invocation: Invocation) {
        if (input !== "hang") return "fine";
        signal = invocation.signal;
        return new Promise(() => {});
      }
    },
  );
  const { result, lines } = await logged(() => post('"hang"', {}, 60));
  assert.equal(result.statusCode, 504);
  assert.equal(errorOf(result).code, "PREDICT_TIMEOUT");
  assert.match(errorOf(result).message, /serverless\.timeout/);
  assert.equal(signal?.aborted, true);
  assert.equal(lines.find(({ level }) => level === "ERROR")?.["code"], "PREDICT_TIMEOUT");
  assert.equal(bodyOf(await post('"go"')), "fine");
});

test("what a left model does later disturbs nobody", async () => {
  const strays: unknown[] = [];
  const onStray = (error: unknown) => strays.push(error);
  process.on("unhandledRejection", onStray);
  try {
    const late = gate();
    const { post } = startFunction(
      class {
        predict(input: string) {
          return input === "late" ? late.promise : "fine";
        }
      },
    );
    await logged(() => post('"late"', {}, 40));
    late.reject(new Error("much later"));
    assert.equal(bodyOf(await post('"go"')), "fine");
    await sleep(5);
    assert.deepEqual(strays, []);
  } finally {
    process.off("unhandledRejection", onStray);
  }
});

// Concurrency

/** A model whose calls wait for the test. */
function heldModel() {
  const calls: { input: unknown; finish: ReturnType<typeof gate<unknown>> }[] = [];
  class Model {
    async predict(input: unknown) {
      const finish = gate<unknown>();
      calls.push({ input, finish });
      return finish.promise;
    }
  }
  return { Model, calls };
}

for (const predictConcurrency of [1, 2]) {
  test(`predict_concurrency ${predictConcurrency}: that many at once, the others in order`, async () => {
    const { Model, calls } = heldModel();
    const { post } = startFunction(Model, { settings: { predictConcurrency } });
    const answers = ["a", "b", "c", "d"].map((input) => post(JSON.stringify(input)));
    const expected = ["a", "b", "c", "d"];
    for (let done = 0; done < 4; done++) {
      await sleep(3);
      const running = Math.min(4, done + predictConcurrency);
      assert.deepEqual(
        calls.map(({ input }) => input),
        expected.slice(0, running),
      );
      calls[done]?.finish.resolve(done);
    }
    assert.deepEqual(
      (await Promise.all(answers)).map((answer) => bodyOf(answer)),
      [0, 1, 2, 3],
    );
  });
}

test("preprocess and postprocess need no slot", async () => {
  const open = gate();
  let inPreprocess = 0;
  const { post } = startFunction(
    class {
      async preprocess(input: unknown) {
        inPreprocess++;
        await open.promise;
        return input;
      }
      predict(input: unknown) {
        return input;
      }
    },
  );
  const answers = [post("1"), post("2"), post("3")];
  await sleep(3);
  assert.equal(inPreprocess, 3);
  open.resolve();
  assert.deepEqual((await Promise.all(answers)).map(bodyOf), [1, 2, 3]);
});

test("a caller whose time is up in the queue is answered then, and never runs", async () => {
  const { Model, calls } = heldModel();
  const { post } = startFunction(Model);
  const first = post('"first"');
  await sleep(2);
  const { result } = await logged(() => post('"second"', {}, 40));
  assert.equal(result.statusCode, 504);
  const third = post('"third"');
  calls[0]?.finish.resolve(1);
  await first;
  await sleep(3);
  assert.deepEqual(
    calls.map(({ input }) => input),
    ["first", "third"],
    "the slot went past the caller that had left",
  );
  calls[1]?.finish.resolve(3);
  assert.equal(bodyOf(await third), 3);
  const fourth = post('"fourth"');
  await sleep(3);
  calls[2]?.finish.resolve(4);
  assert.equal(bodyOf(await fourth), 4, "one slot, and still there");
});

test("a slot is given back once: two at most, whatever happened before", async () => {
  let running = 0;
  let most = 0;
  const { post } = startFunction(
    class {
      async predict(input: string, { signal }: Invocation) {
        running++;
        most = Math.max(most, running);
        try {
          await sleep(5);
          if (input === "throw") throw new Error("no");
          if (input === "hang") await new Promise((_, reject) => signal.addEventListener("abort", reject));
          return input;
        } finally {
          running--;
        }
      }
    },
    { settings: { predictConcurrency: 2 } },
  );
  const inputs = ["go", "throw", "hang", "go", "hang", "throw", "go", "go"];
  await logged(() =>
    Promise.all(inputs.map((input) => post(JSON.stringify(input), {}, input === "hang" ? 60 : 30_000))),
  );
  most = 0;
  const all = await Promise.all(inputs.map(() => post('"go"')));
  assert.ok(all.every(({ statusCode }) => statusCode === 200));
  assert.equal(most, 2);
});

test("a stream holds its slot until it ends", async () => {
  const finish = gate();
  const started: string[] = [];
  const { post } = startFunction(
    class {
      async *predict(input: string) {
        started.push(input);
        yield input;
        await finish.promise;
      }
    },
  );
  const first = post('"a"');
  const second = post('"b"');
  await sleep(5);
  assert.deepEqual(started, ["a"]);
  finish.resolve();
  await Promise.all([first, second]);
  assert.deepEqual(started, ["a", "b"]);
});

test("an invocation that is cancelled before predict never runs it", async () => {
  let predicted = 0;
  const { post } = startFunction(
    class {
      async preprocess(input: unknown) {
        await sleep(40);
        return input;
      }
      predict() {
        predicted++;
        return 1;
      }
    },
  );
  const { result } = await logged(() => post({}, {}, 40));
  assert.equal(result.statusCode, 504);
  await sleep(40);
  assert.equal(predicted, 0);
});

// What has nothing to wait for

test("what a model gives at once is there at once, with its one slot free again", async () => {
  const settings = { predictConcurrency: 1, streamingReadTimeoutMs: 1000 } as Settings;
  const model = {
    predict(input: unknown) {
      if (input === "fail") throw new RangeError("this one fails");
      return input === "later" ? Promise.resolve(input) : input;
    },
  };
  const run = createRun(model, {}, settings);
  const call = (input: unknown) =>
    run("predict", input, {} as Invocation, { cancellation: new Cancellation() });
  assert.deepEqual(call("first"), { value: "first" });
  assert.throws(() => call("fail"), { code: "PREDICT_FAILED" });
  assert.deepEqual(call("second"), { value: "second" });
  // Who holds the slot makes the others wait.
  const [later, waiting] = [call("later"), call("third")];
  assert.ok(waiting instanceof Promise);
  assert.deepEqual(await Promise.all([later, waiting]), [{ value: "later" }, { value: "third" }]);
  assert.deepEqual(call("fourth"), { value: "fourth" });
});
