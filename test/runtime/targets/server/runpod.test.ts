// A server as a worker of RunPod's queue: chosen by its variables, and spoken with as the SDK speaks with it.

import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import {
  createRunpodApi,
  readRunpod,
  type RunpodSettings,
} from "../../../../adapter/runtime/targets/server/runpod-api.ts";
import { type FakeRunpod, startRunpod } from "../_runpod.ts";
import { buildServer, startServer, type TestServer } from "../_server.ts";

const MODEL = `
import { ColdframeError } from "coldframe";

const gates = new Map();
let running = 0;

export default class Model {
  isHealthy() {
    for (const open of gates.values()) open();
    return true;
  }

  async predict(input, { id, source, event, request, signal, log }) {
    if (input.about) return { id, source, request: request === undefined, job: { id: event.id, extra: event.extra } };
    if (input.fail) throw new Error("secret reason");
    if (input.refuse) throw new ColdframeError("INPUT_INVALID", "no such voice.");
    if (input.bytes) return "x".repeat(input.bytes);
    if (input.progress) {
      event.progress("begun");
      event.progress({ percent: 50 });
      if (input.progress === "fail") throw new Error("secret reason");
      return "done";
    }
    if (input.block) {
      for (const end = Date.now() + input.block; Date.now() < end; );
      return "free";
    }
    if (input.hold) {
      log.info("holds " + input.hold);
      signal.addEventListener("abort", () => log.info("aborted " + input.hold));
      running++;
      await new Promise((resolve) => gates.set(input.hold, resolve));
      return { most: running-- };
    }
    if (input.words) return this.speak(input);
    return input.value;
  }

  async *speak({ words, failAt }) {
    for (const [index, word] of words.entries()) {
      if (index === failAt) throw new Error("secret reason");
      yield word;
    }
  }

  async *chatCompletions({ messages }) {
    for (const { content } of messages) {
      yield { id: "1", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta: { content } }] };
    }
  }
}
`;

const [one, three] = await Promise.all([
  buildServer({ "model/model.ts": MODEL }),
  buildServer({
    "model/model.ts": MODEL,
    "config.yaml": "model_name: test\nruntime: { predict_concurrency: 3 }\n",
  }),
]);

interface Started {
  readonly runpod: FakeRunpod;
  readonly server: TestServer;
}

/** A worker that did nothing that RunPod refuses. */
async function start(t: TestContext, artifact = one, heartbeatMs?: number): Promise<Started> {
  const runpod = await startRunpod(t, heartbeatMs);
  const server = await startServer(t, artifact, { env: runpod.env });
  t.after(() => assert.deepEqual(runpod.complaints, []));
  return { runpod, server };
}

const errorOf = (error: string | undefined) => JSON.parse(error ?? "null");

describe("a job", () => {
  test("gives its input to predict, and RunPod what that gave", async (t) => {
    const { runpod } = await start(t);
    runpod.give({ id: "1", input: { value: { text: "hi" } } });
    assert.deepEqual(await runpod.done("1"), { body: { output: { text: "hi" } }, isStream: false });
    for (const [id, value] of Object.entries({ a: "text", b: 7, c: false, d: [1], e: null })) {
      runpod.give({ id, input: { value } });
      assert.deepEqual((await runpod.done(id)).body, { output: value });
    }
  });

  test("is what the model sees as its event", async (t) => {
    const { runpod } = await start(t);
    runpod.give({ id: "1", input: { about: true }, extra: "field" });
    assert.deepEqual((await runpod.done("1")).body.output, {
      id: "1",
      source: "runpod",
      request: true,
      job: { id: "1", extra: "field" },
    });
  });

  test("that fails is told of without the reason, which is in the log", async (t) => {
    const { runpod, server } = await start(t);
    runpod.give({ id: "1", input: { fail: true } });
    const { error = "" } = (await runpod.done("1")).body;
    assert.equal(errorOf(error).error_type, "PREDICT_FAILED");
    assert.equal(errorOf(error).worker_id, "worker-1");
    assert.doesNotMatch(error, /secret reason/);
    assert.ok(server.log().some((line) => /secret reason/.test(line.message) && line["requestId"] === "1"));
    runpod.give({ id: "2", input: { refuse: true } });
    assert.equal(errorOf((await runpod.done("2")).body.error).error_message, "no such voice.");
    runpod.give({ id: "3" });
    assert.match(errorOf((await runpod.done("3")).body.error).error_message, /has no `input`/);
  });

  test("may say that it failed, and that the worker is to be replaced, as functions of the SDK's users do", async (t) => {
    const { runpod } = await start(t);
    runpod.give({ id: "1", input: { value: { error: "no luck" } } });
    assert.deepEqual((await runpod.done("1")).body, { error: "no luck" });
    runpod.give({ id: "2", input: { value: { text: "hi", refresh_worker: true } } });
    assert.deepEqual((await runpod.done("2")).body, { output: { text: "hi" }, stopPod: true });
  });

  test("may tell how far it is", async (t) => {
    const { runpod } = await start(t);
    runpod.give({ id: "1", input: { progress: true } });
    assert.deepEqual((await runpod.done("1")).body, { output: "done" });
    runpod.give({ id: "2", input: { progress: "fail" } });
    assert.equal(errorOf((await runpod.done("2")).body.error).error_type, "PREDICT_FAILED");
    for (const id of ["1", "2"]) assert.deepEqual(runpod.progress(id), ["begun", { percent: 50 }]);
  });

  test("that streams sends each item, and all of them at its end", async (t) => {
    const { runpod } = await start(t);
    runpod.give({ id: "1", input: { words: ["a", { b: 1 }, "c"] } });
    assert.deepEqual(await runpod.done("1"), { body: { output: ["a", { b: 1 }, "c"] }, isStream: true });
    assert.deepEqual(runpod.chunks("1"), ["a", { b: 1 }, "c"]);
    runpod.give({ id: "2", input: { words: ["a", "b"], failAt: 1 } });
    assert.equal(errorOf((await runpod.done("2")).body.error).error_type, "PREDICT_FAILED");
    assert.deepEqual(runpod.chunks("2"), ["a"]);
  });

  test("over RunPod's limits fails with the way round them", async (t) => {
    const { runpod } = await start(t);
    const cases: [id: string, input: object, fits: boolean][] = [
      ["run", { bytes: 9_900_000 }, true],
      ["run-large", { bytes: 10_000_000 }, false],
      ["sync-1", { bytes: 19_900_000 }, true],
      ["sync-large", { bytes: 20_000_000 }, false],
      ["item", { words: ["x".repeat(1_000_000)] }, false],
    ];
    for (const [id, input, fits] of cases) {
      runpod.give({ id, input });
      const { body } = await runpod.done(id);
      assert.equal("output" in body, fits, id);
      if (fits) continue;
      assert.equal(errorOf(body.error).error_type, "OUTPUT_TOO_LARGE");
      assert.match(errorOf(body.error).error_message, /MB and RunPod takes (1|10|20) MB\. Upload it to/);
    }
  });

  test("of RunPod's OpenAI address goes to the member that such a client calls", async (t) => {
    const { runpod } = await start(t);
    const openai_input = { messages: [{ role: "user", content: "hi" }] };
    runpod.give({ id: "1", input: { openai_route: "/v1/chat/completions", openai_input } });
    const whole = await runpod.done("1");
    const [document] = runpod.chunks("1") as { choices: { message: { content: string } }[] }[];
    assert.equal(document?.choices[0]?.message.content, "hi");
    assert.deepEqual(whole, { body: { output: [document] }, isStream: true });

    runpod.give({ id: "2", input: { openai_input: { ...openai_input, stream: true } } });
    await runpod.done("2");
    const text = runpod.chunks("2").join("");
    assert.match(text, /^data: \{.*"content":"hi"/);
    assert.match(text, /data: \[DONE\]\n\n$/);

    runpod.give({ id: "3", input: { openai_route: "/v1/models" } });
    assert.equal(((await runpod.done("3")).body.output as { object: string }[])[0]?.object, "list");
    runpod.give({ id: "4", input: { openai_route: "/v1/embeddings", openai_input: { input: "a" } } });
    assert.match((await runpod.done("4")).body.error ?? "", /"error".*no embeddings/);
  });
});

describe("taking jobs", () => {
  test("is one at a time for a model that does one at a time", async (t) => {
    const { runpod, server } = await start(t);
    runpod.give({ id: "1", input: { hold: "1" } }, { id: "2", input: { value: 2 } });
    await server.logged("holds 1");
    assert.deepEqual(
      runpod.takes.map(({ path, query }) => [path, query.get("batch_size"), query.get("job_in_progress")]),
      [["/v2/endpoint/job-take/worker-1", null, "0"]],
    );
    assert.equal(runpod.takes[0]?.query.get("gpu"), "A100");
    await server.get("/health/ready");
    assert.deepEqual((await runpod.done("2")).body, { output: 2 });
  });

  test("is as many as predict_concurrency has room for, together", async (t) => {
    const { runpod, server } = await start(t, three);
    runpod.give({ id: "1", input: { hold: "1" } });
    await server.logged("holds 1");
    await runpod.until(() => runpod.takes.length >= 2);
    runpod.give({ id: "2", input: { hold: "2" } });
    await server.logged("holds 2");
    await runpod.until(() => runpod.takes.length >= 3);
    assert.deepEqual(
      runpod.takes
        .slice(0, 3)
        .map(({ path, query }) => [
          path.split("/")[3],
          query.get("batch_size"),
          query.get("job_in_progress"),
        ]),
      [
        ["job-take-batch", "3", "0"],
        ["job-take-batch", "2", "1"],
        ["job-take", null, "1"],
      ],
    );
    await server.get("/health/ready");
    assert.deepEqual((await runpod.done("1")).body.output, { most: 2 });
  });

  test("goes on after nothing, a refusal and nonsense", async (t) => {
    const runpod = await startRunpod(t);
    runpod.refuse("/job-take/", 204, 400, 500, 200);
    const server = await startServer(t, one, { env: runpod.env });
    runpod.give({ input: {} }, { id: "1", input: { value: 1 } });
    assert.deepEqual((await runpod.done("1")).body, { output: 1 });
    await server.logged("taking jobs failed; trying again");
    await server.logged("RunPod gave a job without an id");
    assert.deepEqual(runpod.complaints, []);
  });

  test("begins when the model is there", async (t) => {
    const runpod = await startRunpod(t);
    const failing = await buildServer({
      "model/model.ts": "export default class Model { load() { throw new Error('no'); } predict() {} }",
    });
    const server = await startServer(t, failing, { env: runpod.env, until: "nothing" });
    assert.equal(await server.ended, 1);
    assert.deepEqual(runpod.takes, []);
  });

  test("leaves the server what it is", async (t) => {
    const { server } = await start(t);
    assert.deepEqual((await server.post({ value: 1 })).json, 1);
    assert.equal((await server.get("/ping")).status, 200);
  });
});

test("a job that RunPod stops is ended, frees its place and is not answered", async (t) => {
  const { runpod, server } = await start(t);
  runpod.give({ id: "1", input: { hold: "1" } }, { id: "2", input: { value: 2 } });
  await server.logged("holds 1");
  runpod.stop("1");
  await server.logged("aborted 1");
  assert.deepEqual((await runpod.done("2")).body, { output: 2 });
  assert.equal(runpod.isDone("1"), false);
});

test("the heartbeat goes on while predict leaves the event loop no time", async (t) => {
  const everyMs = 100;
  const { runpod } = await start(t, one, everyMs);
  runpod.give({ id: "1", input: { block: 10 * everyMs } });
  await runpod.done("1");
  const during = runpod.pings.filter((jobs) => jobs === "1").length;
  assert.ok(during >= 3, `${during} pings named the job`);
  const before = runpod.pings.length;
  await runpod.until(() => runpod.pings.length > before && runpod.pings.at(-1) === null);
});

describe("the end of a worker", () => {
  test("takes no more jobs, and waits for those in flight", async (t) => {
    const { runpod, server } = await start(t, three);
    runpod.give({ id: "1", input: { block: 300 } }, { id: "2", input: { words: ["a", "b"] } });
    await runpod.until(() => runpod.pings.length > 0 && runpod.takes.length > 1);
    server.child.kill("SIGTERM");
    await server.logged("shutting down");
    runpod.give({ id: "late", input: { value: 1 } });
    assert.deepEqual((await runpod.done("1")).body, { output: "free" });
    assert.deepEqual((await runpod.done("2")).body, { output: ["a", "b"] });
    assert.equal(await server.ended, 0);
    assert.equal(runpod.isDone("late"), false);
  });

  test("gives up what does not end in time, for another worker to do", async (t) => {
    const runpod = await startRunpod(t);
    const env = { ...runpod.env, SHUTDOWN_GRACE_MS: "500" };
    const server = await startServer(t, one, { env });
    runpod.give({ id: "1", input: { hold: "1" } });
    await server.logged("holds 1");
    server.child.kill("SIGTERM");
    await server.logged("aborted 1");
    assert.equal(await server.ended, 0);
    assert.equal(runpod.isDone("1"), false);
    assert.deepEqual(runpod.complaints, []);
  });
});

describe("sending", () => {
  async function sender(t: TestContext) {
    const runpod = await startRunpod(t);
    const waits: number[] = [];
    const pause = async (ms: number) => void waits.push(ms);
    const api = createRunpodApi(readRunpod(runpod.env) as RunpodSettings, pause);
    runpod.give({ id: "1", input: {} });
    await api.take(1, false, AbortSignal.timeout(10_000));
    return { runpod, api, waits };
  }

  test("is tried three times, with the SDK's pauses", async (t) => {
    const { runpod, api, waits } = await sender(t);
    runpod.refuse("/job-done/", 500, 503);
    await api.output("1", '{"output":1}', false);
    assert.deepEqual((await runpod.done("1")).body, { output: 1 });
    assert.deepEqual(waits, [2000, 3000]);
  });

  test("fails then, for the log", async (t) => {
    const { runpod, api } = await sender(t);
    runpod.refuse("/job-stream/", 500, 500, 500);
    await assert.rejects(api.stream("1", '{"output":1}'), {
      code: "RESULT_NOT_SENT",
      message: "RunPod did not take what job 1 gave: status 500.",
    });
    assert.equal(runpod.chunks("1").length, 0);
  });
});

test("a container without RunPod's variables is no worker", () => {
  assert.equal(readRunpod({}), undefined);
  assert.equal(readRunpod({ RUNPOD_POD_ID: "a", RUNPOD_AI_API_KEY: "b" }), undefined);
});
