// Cold starts, and what the platform does to a process: loads that are quick, slow, hanging or failing; freezing,
// killing, starting again; the code cache. The conditions are set by variables of models/loads.

import assert from "node:assert/strict";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { copyOf } from "./_artifacts.ts";
import type { FunctionOptions, RunningFunction } from "./_function.ts";
import { scenario } from "./_scenario.ts";

/** A model that loads in this way; the rest as the function's configuration. */
function loads(
  environment: Readonly<Record<string, string>>,
  options: Partial<FunctionOptions> = {},
): FunctionOptions {
  return { model: "loads", handler: "buffered", environment, ...options };
}

scenario("a load within init", loads({ LOAD_MS: "300" }), async (fn) => {
  assert.equal(fn.lambda.initError, undefined);
  assert.ok(fn.lambda.initMs >= 300, `init took ${fn.lambda.initMs} ms`);
  await fn.logged(/"message":"cold start".*"load":\d/);
  const { body } = await fn.ask(predict());
  assert.deepEqual(JSON.parse(body.toString()), { loads: 1 });
  assert.equal(fn.lambda.restarts, 0);
});

const SHORT_WINDOW = { COLDFRAME_INIT_WINDOW_MS: "800" };

scenario(
  "a load over the init window goes on in the first invocation",
  loads({ ...SHORT_WINDOW, LOAD_MS: "1500" }),
  async (fn) => {
    const { initMs, pid } = fn.lambda;
    assert.ok(initMs < 1_400, `init waited for the load: ${initMs} ms`);
    const { body, head } = await fn.ask(predict());
    assert.deepEqual([head?.statusCode, JSON.parse(body.toString())], [200, { loads: 1 }]);
    const who = await fn.who();
    assert.deepEqual([who.pid, who.loads, fn.lambda.restarts], [pid, 1, 0]);
  },
);

scenario("a load of 10.5 s in the real window of init", loads({ LOAD_MS: "10500" }), async (fn) => {
  const { initMs, pid } = fn.lambda;
  assert.ok(initMs > 8_000 && initMs < 10_000, `init took ${initMs} ms`);
  const { body, head } = await fn.ask(predict());
  assert.deepEqual([head?.statusCode, JSON.parse(body.toString())], [200, { loads: 1 }]);
  const who = await fn.who();
  assert.ok(
    who.ageMs !== undefined && who.ageMs >= 10_400 && who.ageMs < 13_000,
    `answered after ${who.ageMs} ms`,
  );
  assert.deepEqual([who.pid, who.loads, fn.lambda.restarts], [pid, 1, 0]);
  assert.ok(!fn.lines.some((line) => line.startsWith("INIT_REPORT")));
});

scenario(
  "a load longer than the first invocation: 503, and the next one has the model",
  loads({ ...SHORT_WINDOW, LOAD_MS: "2200" }, { timeoutSeconds: 1 }),
  async (fn) => {
    const { pid } = fn.lambda;
    const first = await fn.ask(predict());
    assertRefusal(first, 503, "MODEL_NOT_READY");
    assert.equal(first.head?.headers?.["retry-after"], "1");
    await sleep(300);
    const second = await fn.ask(predict());
    assert.deepEqual(JSON.parse(second.body.toString()), { loads: 1 });
    assert.deepEqual([fn.lambda.pid, fn.lambda.restarts], [pid, 0]);
  },
);

scenario(
  "a stray exception between init and the first invocation",
  loads({ ...SHORT_WINDOW, LOAD: "stray after init", LOAD_MS: "1500" }),
  async (fn) => {
    const { pid } = fn.lambda;
    // Frozen over the timer's moment: it fires when the process is thawed, before the invocation arrives.
    await sleep(400);
    const { head, body, error } = await fn.ask(predict());
    assert.equal(error, undefined, JSON.stringify(error));
    assert.deepEqual([head?.statusCode, JSON.parse(body.toString())], [200, { loads: 1 }]);
    assert.equal(fn.lambda.pid, pid);
    await fn.logged(/a stray exception/);
  },
);

for (const [name, how, message] of [
  ["a load that fails", "fails", "the weights are torn"],
  ["a constructor that throws", "constructor fails", "no such option"],
  ["a module that throws", "import fails", "a constant is out of range"],
  ["a stray rejection while loading", "stray rejection", "a stray rejection"],
  ["a stray exception while loading", "stray exception", "a stray exception"],
] as const) {
  scenario(`${name} is an init error`, loads({ LOAD: how, LOAD_MS: "50" }), async (fn) => {
    const error = fn.lambda.initError;
    assert.equal(error?.errorType, "MODEL_LOAD_FAILED");
    assert.ok(error.errorMessage.includes(message), error.errorMessage);
    assert.equal(placeOf(error.trace), `model/model.ts:${lineOf("loads", message)}`);
    assert.equal(fn.lambda.pid, undefined, "the process still runs");
    // Lambda runs init again inside the first invocation, which gets its error.
    const answer = await fn.ask(predict());
    assert.deepEqual([answer.kind, answer.error?.errorType], ["error", "MODEL_LOAD_FAILED"]);
  });
}

scenario(
  "a load that fails after init: 503, and the next invocation loads again",
  loads({ ...SHORT_WINDOW, LOAD: "fails twice", LOAD_MS: "500" }),
  async (fn) => {
    const { pid } = fn.lambda;
    assert.equal(fn.lambda.initError, undefined);
    const first = await fn.ask(predict());
    assertRefusal(first, 503, "MODEL_LOAD_FAILED");
    await fn.logged(/the weights are torn \(2\).*model\/model\.ts:\d+/);
    const second = await fn.ask(predict());
    assert.deepEqual([second.head?.statusCode, JSON.parse(second.body.toString())], [200, { loads: 3 }]);
    assert.deepEqual([fn.lambda.pid, fn.lambda.restarts], [pid, 0]);
  },
);

scenario(
  "a handler that the artifact does not have is an init error",
  { model: "loads", handler: "missing", environment: {} },
  async (fn) => {
    assert.equal(fn.lambda.initError?.errorType, "Runtime.HandlerNotFound");
    assert.equal(fn.lambda.pid, undefined, "the process still runs");
    assert.equal((await fn.ask(predict())).error?.errorType, "Runtime.HandlerNotFound");
  },
);

scenario("missing secrets are an init error that names them all", secrets({}), async (fn) => {
  const error = fn.lambda.initError;
  assert.equal(error?.errorType, "SECRET_MISSING");
  for (const name of ["hf-token", "api_key", "COLDFRAME_SECRET_HF_TOKEN", "COLDFRAME_SECRET_API_KEY"]) {
    assert.ok(error.errorMessage.includes(name), error.errorMessage);
  }
  assert.ok(!error.errorMessage.includes("region"));
});

scenario(
  "secrets of the environment, of the default",
  secrets({ COLDFRAME_SECRET_HF_TOKEN: "12345", COLDFRAME_SECRET_API_KEY: "123" }),
  async (fn) => {
    const { body } = await fn.ask(predict());
    assert.deepEqual(JSON.parse(body.toString()), { lengths: [5, 3, "eu-central-1".length] });
  },
);

scenario("the code cache is accepted", { model: "answers", handler: "stream" }, async (fn) => {
  await fn.logged(/"message":"cold start".*"code_cache":"accepted"/);
  await fn.ask({ n: 1 });
});

scenario(
  "a code cache of another V8 is rejected, and the model answers",
  damaged((cache) => {
    const bytes = readFileSync(cache);
    for (let i = 0; i < 16; i++) bytes[i] = (bytes[i] ?? 0) ^ 0xff;
    writeFileSync(cache, bytes);
  }),
  async (fn) => {
    await fn.logged(/"message":"cold start".*"code_cache":"rejected"/);
    assert.equal((await fn.ask({ n: 1 })).body.toString(), '{"n":1}');
  },
);

scenario(
  "a code cache cut in half is rejected, and the model answers",
  damaged((cache) => truncateSync(cache, readFileSync(cache).length / 2)),
  async (fn) => {
    await fn.logged(/"message":"cold start".*"code_cache":"rejected"/);
    assert.equal((await fn.ask({ n: 1 })).body.toString(), '{"n":1}');
  },
);

scenario("a process that the platform ends is replaced", loads({}), async (fn) => {
  const before = await fn.who();
  await fn.lambda.kill();
  assert.equal(fn.lambda.pid, undefined);
  const { body } = await fn.ask(predict());
  assert.deepEqual(JSON.parse(body.toString()), { loads: 1 });
  const after = await fn.who();
  assert.notEqual(after.pid, before.pid);
  assert.notEqual(after.load, before.load);
  assert.equal(fn.lambda.restarts, 1);
});

scenario("a frozen process has no timers", { model: "answers", handler: "buffered" }, async (fn) => {
  const before = await fn.who();
  await fn.ask({ do: "tick", ms: 20 });
  await sleep(800);
  const { ticks: frozen } = await fn.who();
  assert.ok(frozen !== undefined && frozen <= 5, `${frozen} ticks while frozen, 40 without`);
  await fn.ask({ do: "sleep", ms: 400 });
  const after = await fn.who();
  assert.ok(after.ticks !== undefined && after.ticks >= 10, `${after.ticks} ticks while thawed`);
  assert.deepEqual([after.pid, after.load], [before.pid, before.load]);
});

scenario(
  "a load that is frozen half way goes on in the first invocation",
  loads({ ...SHORT_WINDOW, LOAD_MS: "1200" }),
  async (fn) => {
    const { pid } = fn.lambda;
    await sleep(1_500);
    const { body } = await fn.ask(predict());
    assert.deepEqual(JSON.parse(body.toString()), { loads: 1 });
    assert.equal(fn.lambda.pid, pid);
  },
);

scenario(
  "an init over the platform's limit is run again inside the first invocation",
  loads({ LOAD_MS: "900" }, { initTimeoutMs: 600 }),
  async (fn) => {
    assert.equal(fn.lambda.pid, undefined);
    assert.ok(fn.lines.some((line) => /^INIT_REPORT .*Phase: init\tStatus: timeout$/.test(line)));
    const { body, head } = await fn.ask(predict());
    assert.deepEqual([head?.statusCode, JSON.parse(body.toString())], [200, { loads: 1 }]);
    assert.equal(fn.lambda.restarts, 1);
  },
);

scenario(
  "a load that blocks the thread over the platform's limit costs the first init, not the first answer",
  loads({ LOAD: "blocks", LOAD_MS: "900" }, { initTimeoutMs: 600 }),
  async (fn) => {
    assert.equal(fn.lambda.pid, undefined);
    const { body } = await fn.ask(predict());
    assert.deepEqual(JSON.parse(body.toString()), { loads: 1 });
    assert.equal(fn.lambda.restarts, 1);
  },
);

function secrets(environment: Readonly<Record<string, string>>): FunctionOptions {
  return { model: "secrets", handler: "buffered", environment };
}

/** The model of answers, with a code cache that something happened to. */
function damaged(damage: (cache: string) => void): () => Promise<FunctionOptions> {
  return async () => {
    const artifact = await copyOf("answers");
    damage(join(artifact, "bundle.cjs.cache"));
    return { model: "answers", handler: "stream", artifact };
  };
}

/** `file:line` of the first frame. */
function placeOf(trace: readonly string[]): string | undefined {
  const frame = trace.find((line) => /^\s+at /.test(line)) ?? "";
  return /([^\s()]+:\d+):\d+\)?$/.exec(frame)?.[1];
}

/** Where a model's file throws this message. */
function lineOf(model: string, message: string): number {
  const lines = readFileSync(join(import.meta.dirname, "models", model, "model.ts"), "utf8").split("\n");
  return lines.findIndex((line) => line.includes(`Error("${message}`)) + 1;
}

/** A function URL's event, so that an error has a status. */
function predict() {
  return {
    version: "2.0",
    rawPath: "/predict",
    rawQueryString: "",
    headers: { "content-type": "application/json" },
    requestContext: { stage: "$default", http: { method: "POST", path: "/predict" } },
    body: "{}",
    isBase64Encoded: false,
  };
}

function assertRefusal(
  { head, body, error }: Awaited<ReturnType<RunningFunction["ask"]>>,
  status: number,
  code: string,
): void {
  assert.equal(error, undefined, JSON.stringify(error));
  const answer = JSON.parse(body.toString()) as { error?: { code: string } };
  assert.deepEqual([head?.statusCode, answer.error?.code], [status, code], body.toString());
}
