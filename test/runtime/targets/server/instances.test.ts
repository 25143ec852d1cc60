// Many inputs in one body, as KServe's version 1 and Vertex AI send them, beside the plain bodies of Truss's clients on
// the same path.

import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { describe, type TestContext, test } from "node:test";
import { makeProject, withPackages } from "../../../build/_project.ts";
import { type Answer, buildServer, startServer, type TestServer } from "../_server.ts";

const PLAIN = `
let running = 0;

export default class Model {
  async predict(input, { event, log, signal }) {
    if (input?.fail) throw new Error("secret reason");
    if (input?.wait) {
      log.info("waits");
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    }
    if (input?.count) {
      const now = ++running;
      await new Promise((resolve) => setTimeout(resolve, 5));
      running--;
      return now;
    }
    if (input?.stream) return ["a", "b"].values();
    if (input?.event) return event;
    return { got: input };
  }
}
`;

const STRICT = `
import { z } from "zod";

export default class Model {
  static input = z.object({ text: z.string(), times: z.number().default(1) });
  predict({ text, times }) { return text.repeat(times); }
}
`;

const OWN_KEY = `
import { z } from "zod";

export default class Model {
  static input = z.object({ instances: z.array(z.number()) });
  predict({ instances }) { return { sum: instances.reduce((a, b) => a + b, 0) }; }
}
`;

const BATCHED = `
export default class Model {
  predict(input) { return { alone: input }; }
  predictBatch(inputs) { return inputs.map((input) => ({ input, of: inputs.length })); }
}
`;

const withZod = (model: string) =>
  buildServer({}, withPackages(makeProject({ "model/model.ts": model, "config.yaml": "model_name: m\n" })));

const [plain, strict, ownKey, batched] = await Promise.all([
  buildServer({
    "model/model.ts": PLAIN,
    "config.yaml": "model_name: m\nruntime: { predict_concurrency: 3 }\nserver: { max_queue: 0 }\n",
  }),
  withZod(STRICT),
  withZod(OWN_KEY),
  buildServer({
    "model/model.ts": BATCHED,
    "config.yaml": "model_name: m\nruntime: { batch: { max_size: 4, max_delay_ms: 1000 } }\n",
  }),
]);

const predict = (server: TestServer, body: unknown, path = "/v1/models/m:predict"): Promise<Answer> =>
  server.get(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });

const started = (t: TestContext, artifact = plain): Promise<TestServer> => startServer(t, artifact);

describe("KServe's version 1", () => {
  test("has a prediction for each instance, in their order", async (t) => {
    const server = await started(t);
    const answer = await predict(server, { instances: [1, "a", { b: 2 }] });
    assert.deepEqual(answer.json, { predictions: [{ got: 1 }, { got: "a" }, { got: { b: 2 } }] });
    assert.deepEqual((await predict(server, { instances: [] })).json, { predictions: [] });
    assert.deepEqual((await predict(server, { instances: [{ stream: true }] })).json, {
      predictions: ["ab"],
    });
  });

  test("tells of the model what OpenAI's clients and Truss read too", async (t) => {
    const { json } = await (await started(t)).get("/v1/models/m");
    assert.equal(json.name, "m");
    assert.equal(json.ready, true);
    assert.equal(json.object, "model");
  });

  test("may say of all instances what each does not say itself", async (t) => {
    const server = await started(t, strict);
    const instances = [{ text: "a" }, { text: "b", times: 3 }];
    const answer = await predict(server, { instances, parameters: { times: 2 }, signature_name: "x" });
    assert.deepEqual(answer.json, { predictions: ["aa", "bbb"] });
    const body = { instances: [{ event: true }], parameters: { a: 1 } };
    assert.deepEqual((await predict(await started(t), body)).json.predictions, [body]);
  });

  test("keeps to the model's concurrency, and refuses no instance for it", async (t) => {
    const server = await started(t);
    const { json } = await predict(server, { instances: Array(20).fill({ count: true }) });
    assert.equal(json.predictions.length, 20);
    assert.equal(Math.max(...json.predictions), 3);
  });

  test("is one batch where the model takes them", async (t) => {
    const { json } = await predict(await started(t, batched), { instances: [1, 2, 3, 4] });
    assert.deepEqual(
      json.predictions,
      [1, 2, 3, 4].map((input) => ({ input, of: 4 })),
    );
  });

  test("fails as a whole, names the instance, and ends the others", async (t) => {
    const server = await started(t, strict);
    const answer = await predict(server, { instances: [{ text: "a" }, { text: 1 }] });
    assert.equal(answer.status, 400);
    assert.match(answer.json.error.message, /^instances\[1\]: the input does not fit/);
    assert.equal(answer.json.error.issues[0].path, "instances[1].text");

    const masked = await predict(await started(t), { instances: [{ wait: true }, { fail: true }] });
    assert.equal(masked.status, 500);
    assert.match(masked.json.error.message, /^instances\[1\]: the model failed/);
    assert.doesNotMatch(masked.text, /secret reason/);
  });

  test("ends with its caller", async (t) => {
    const server = await started(t);
    const caller = new AbortController();
    const asked = fetch(`${server.url}/v1/models/m:predict`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ instances: [{ wait: true }, { wait: true }, { wait: true }] }),
      signal: caller.signal,
    });
    await server.logged("waits");
    caller.abort();
    await assert.rejects(asked);
    // All three slots are free again: nobody may wait for one here.
    for (let tries = 0; (await predict(server, 1)).status !== 200; tries++) assert.ok(tries < 1000);
  });

  test("may be compressed", async (t) => {
    const server = await started(t);
    const response = await fetch(`${server.url}/v1/models/m:predict`, {
      method: "POST",
      headers: { "content-type": "application/json", "content-encoding": "gzip" },
      body: gzipSync(JSON.stringify({ instances: [1] })),
    });
    assert.deepEqual(await response.json(), { predictions: [{ got: 1 }] });
  });
});

describe("what is no envelope", () => {
  const cases: [what: string, body: unknown][] = [
    ["anything else", { text: "instances" }],
    ["a text with the word", '"instances"'],
    ["a list", [{ instances: [1] }]],
    ["instances beside other keys", { instances: [1], prompt: "a" }],
    ["instances that are no list", { instances: { a: 1 } }],
    ["inputs, of a model that may call its own so", { inputs: ["a"] }],
  ];
  for (const [what, body] of cases) {
    test(what, async (t) => assert.deepEqual((await predict(await started(t), body)).json, { got: body }));
  }

  test("a key that the model's own input has", async (t) => {
    const answer = await predict(await started(t, ownKey), { instances: [1, 2] });
    assert.deepEqual(answer.json, { sum: 3 });
  });

  test("a call of another path", async (t) => {
    const body = { instances: [1] };
    for (const path of ["/predict", "/invocations"]) {
      assert.deepEqual((await predict(await started(t), body, path)).json, { got: body });
    }
  });
});

test("`inputs` are an envelope where a schema says that they are not the model's", async (t) => {
  const answer = await predict(await started(t, strict), { inputs: [{ text: "a" }] });
  assert.deepEqual(answer.json, { predictions: ["a"] });
});
