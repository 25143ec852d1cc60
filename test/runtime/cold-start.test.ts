import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import type { ModelContext } from "../../adapter/runtime/model.ts";
import { sleep } from "./_call.ts";
import { runScript } from "./_child.ts";
import { bodyOf, startFunction } from "./_function.ts";
import { logged } from "./_log.ts";

afterEach(() => {
  delete process.env["COLDFRAME_ENVIRONMENT"];
  delete process.env["COLDFRAME_SECRET_KEY"];
});

const errorOf = (result: { body?: string }) =>
  (bodyOf(result) as { error: { code: string; message: string } }).error;

test("the constructor gets config, dataDir, secrets and environment", async () => {
  process.env["COLDFRAME_SECRET_KEY"] = "hunter2";
  process.env["COLDFRAME_ENVIRONMENT"] = "production";
  let context: ModelContext | undefined;
  const { ready } = startFunction(
    class {
      constructor(given: ModelContext) {
        context = given;
      }
      predict() {}
    },
    {
      config: { model_metadata: { labels: ["a"] } },
      settings: { secrets: { key: null } },
      folder: "/artifact",
    },
  );
  await ready;
  assert.equal(context?.dataDir, "/artifact/data");
  assert.equal(context?.secrets["key"], "hunter2");
  assert.equal(context?.environment, "production");
  assert.equal(context?.config["model_name"], "test");
  const metadata = context?.config["model_metadata"] as { labels: string[] };
  assert.throws(() => metadata.labels.push("b"), TypeError, "frozen to the bottom");
  assert.throws(() => Object.assign(context?.config as object, { model_name: "x" }), TypeError);
});

/** A model that notes what is called, in order. */
function noting() {
  const calls: string[] = [];
  class Model {
    constructor() {
      calls.push("constructor");
    }
    async setupEnvironment(environment: string) {
      await sleep(2);
      calls.push(`setupEnvironment ${environment}`);
    }
    async load() {
      await sleep(2);
      calls.push("load");
    }
    predict() {
      calls.push("predict");
    }
  }
  return { Model, calls };
}

test("constructor, setupEnvironment, load, and only then predict; each once", async () => {
  process.env["COLDFRAME_ENVIRONMENT"] = "staging";
  const { Model, calls } = noting();
  const { post } = startFunction(Model);
  await Promise.all([post("1"), post("2")]);
  assert.deepEqual(calls, ["constructor", "setupEnvironment staging", "load", "predict", "predict"]);
});

test("without an environment there is none to set up, and an empty one is none", async () => {
  process.env["COLDFRAME_ENVIRONMENT"] = "";
  const { Model, calls } = noting();
  await startFunction(Model).ready;
  assert.deepEqual(calls, ["constructor", "load"]);
});

test("a synchronous load is as good", async () => {
  const { post } = startFunction(
    class {
      #words: string[] = [];
      load() {
        this.#words = ["loaded"];
      }
      predict() {
        return this.#words;
      }
    },
  );
  assert.deepEqual(bodyOf(await post("1")), ["loaded"]);
});

test("the cold start is one log line, with the milliseconds of each phase", async () => {
  process.env["COLDFRAME_ENVIRONMENT"] = "production";
  const { lines } = await logged(() => startFunction(noting().Model).ready);
  assert.equal(lines.length, 1);
  const { phases, total_ms, code_cache, environment } = lines[0] as Record<string, unknown>;
  assert.deepEqual(Object.keys(phases as object), [
    "boot",
    "secrets",
    "import",
    "construct",
    "setup_environment",
    "load",
  ]);
  for (const milliseconds of Object.values(phases as object)) assert.ok(milliseconds >= 0);
  assert.equal(typeof total_ms, "number");
  assert.equal(code_cache, "absent");
  assert.equal(environment, "production");
});

/** A model whose load fails `times` times with `error`. */
function failing(times: number, error: unknown) {
  let attempts = 0;
  class Model {
    load() {
      if (attempts++ < times) throw error;
    }
    predict() {
      return attempts;
    }
  }
  return { Model, attempts: () => attempts };
}

test("a load that fails once is tried again, and the log has the first reason", async () => {
  const { Model } = failing(1, new Error("the bucket is slow"));
  const { lines, result } = await logged(() => startFunction(Model).post("1"));
  assert.equal(bodyOf(result), 2);
  const warning = lines.find(({ level }) => level === "WARN");
  assert.match(JSON.stringify(warning), /the bucket is slow/);
});

for (const [what, error, says] of [
  ["an error", new RangeError("no room"), /no room/],
  ["a string", "no room", /no room/],
  ["nothing", undefined, /undefined/],
] as const) {
  test(`a load that throws ${what} twice fails the init phase with file, step and reason`, async () => {
    const { Model, attempts } = failing(2, error);
    const { ready } = startFunction(Model);
    await logged(() =>
      assert.rejects(ready, (thrown: Error) => {
        assert.equal(thrown.name, "MODEL_LOAD_FAILED");
        assert.match(thrown.message, /model\/model\.ts: load\(\) failed/);
        assert.match(thrown.message, says);
        return true;
      }),
    );
    assert.equal(attempts(), 2);
  });
}

test("the init error's stack starts in the author's file", async () => {
  const { ready } = startFunction(
    class {
      constructor() {
        throw new TypeError("in the constructor");
      }
      predict() {}
    },
  );
  await assert.rejects(ready, (thrown: Error) => {
    assert.match(thrown.message, /construct\(\) failed: TypeError: in the constructor/);
    const frames = thrown.stack?.split("\n").filter((line) => line.startsWith("    at ")) ?? [];
    assert.match(frames[0] ?? "", /cold-start\.test\.ts/);
    assert.ok(!frames.some((line) => line.includes("adapter/runtime")));
    return true;
  });
});

test("neither constructor nor setupEnvironment is tried twice", async () => {
  process.env["COLDFRAME_ENVIRONMENT"] = "production";
  let calls = 0;
  const { ready } = startFunction(
    class {
      setupEnvironment() {
        calls++;
        throw new Error("no");
      }
      predict() {}
    },
  );
  await assert.rejects(ready, { message: /setup_environment\(\) failed/ });
  assert.equal(calls, 1);
});

test("missing secrets fail the init phase with the way out, before the model is constructed", async () => {
  const { ready } = startFunction(
    class {
      constructor() {
        assert.fail("constructed");
      }
      predict() {}
    },
    { settings: { secrets: { "hf-token": null } } },
  );
  await assert.rejects(ready, { name: "SECRET_MISSING", message: /COLDFRAME_SECRET_HF_TOKEN/ });
});

test("a module that fails while its secrets are missing is no error that nothing awaited", async () => {
  const { said, stderr } = await runScript(`
    const { beginColdStart } = await import(${JSON.stringify(import.meta.resolve("../../adapter/runtime/cold-start.ts"))});
    const { readSecrets } = await import(${JSON.stringify(import.meta.resolve("../../adapter/runtime/secrets.ts"))});
    process.on("unhandledRejection", (error) => say(["stray", String(error)]));
    const start = beginColdStart({
      config: {},
      settings: { secrets: { key: null } },
      readSecrets,
      importModel: () => sleep(2).then(() => { throw new Error("broken module"); }),
    }, { folder: "/artifact", codeCache: "absent", data: { path: "/artifact/data" } });
    await start.initialised.catch((error) => say(error.code));
    await sleep(10);
  `);
  assert.deepEqual(said, ["SECRET_MISSING"]);
  assert.equal(stderr, "");
});

test("a load that takes too long fails the init phase, and is not begun again", async () => {
  let loads = 0;
  const { ready } = startFunction(
    class {
      async load() {
        loads++;
        await sleep(30);
        throw new Error("late");
      }
      predict() {}
    },
    { settings: { loadTimeoutMs: 15 } },
  );
  await assert.rejects(ready, {
    name: "LOAD_TIMEOUT",
    message: /model\/model\.ts: load\(\) took more than 0\.015 s.*load_timeout_seconds/,
  });
  const { lines } = await logged(() => sleep(560));
  assert.equal(loads, 1);
  assert.deepEqual(lines, []);
});

test("an invocation whose time is up before the model is there is told to come again", async () => {
  let finish = () => {};
  const { post } = startFunction(
    class {
      load() {
        return new Promise<void>((resolve) => {
          finish = resolve;
        });
      }
      predict() {
        return "fine";
      }
    },
  );
  const { result } = await logged(() => post("1", {}, 40));
  assert.equal(result.statusCode, 503);
  assert.equal(errorOf(result).code, "MODEL_NOT_READY");
  assert.equal(result.headers["retry-after"], "1");
  finish();
  assert.equal(bodyOf(await post("1")), "fine");
});

// The init race: on demand, Lambda gives ten seconds.

const ON_DEMAND = { AWS_LAMBDA_INITIALIZATION_TYPE: "on-demand", COLDFRAME_INIT_WINDOW_MS: "1" };

const SLOW_LOAD = `
  let loads = 0;
  class Model {
    async load() { loads++; await sleep(80); say("loaded"); }
    predict() { return loads; }
  }
  const { ready, post } = startFunction(Model);
`;

test("init ends before the window does, the same load goes on, and the first call waits for it", async () => {
  const { said, code } = await runScript(
    `${SLOW_LOAD}
     await ready;
     say("init ended");
     const early = await post("1", {}, 60);
     say([early.statusCode, early.headers["retry-after"], JSON.parse(early.body).error.code]);
     say((await post("1")).body);`,
    ON_DEMAND,
  );
  assert.deepEqual(said, ["init ended", [503, "1", "MODEL_NOT_READY"], "loaded", "1"]);
  assert.equal(code, 0);
});

for (const type of ["provisioned-concurrency", "lambda-managed-instances", undefined]) {
  test(`${type ?? "outside of Lambda"}: init takes the time it takes`, async () => {
    const { said } = await runScript(`${SLOW_LOAD} await ready; say("init ended");`, {
      COLDFRAME_INIT_WINDOW_MS: "1",
      ...(type && { AWS_LAMBDA_INITIALIZATION_TYPE: type }),
    });
    assert.deepEqual(said, ["loaded", "init ended"]);
  });
}

test("a load that fails after init: 503 masked, the reason in the log, and tried again at the next call", async () => {
  const { said, lines, stderr } = await runScript(
    `let loads = 0;
     class Model {
       async load() { await sleep(20); if (++loads <= 2) throw new Error("a secret reason"); }
       predict() { return loads; }
     }
     const { ready, post, buffered } = startFunction(Model);
     await ready;
     const first = await post("1");
     say([first.statusCode, first.headers["retry-after"], JSON.parse(first.body).error.code, first.body.includes("secret")]);
     say((await buffered(httpEvent({ method: "GET", rawPath: "/ping" }), context())).statusCode);
     say(JSON.parse((await buffered(httpEvent({ method: "GET", rawPath: "/health/ready" }), context())).body).error.code);
     const [a, b] = await Promise.all([post("1"), post("2")]);
     say([a.body, b.body]);`,
    ON_DEMAND,
  );
  assert.deepEqual(said, [[503, "1", "MODEL_LOAD_FAILED", false], 503, "MODEL_LOAD_FAILED", ["3", "3"]]);
  const failure = lines.find(({ level, code }) => level === "ERROR" && code === "MODEL_LOAD_FAILED");
  assert.match(JSON.stringify(failure), /a secret reason/);
  assert.equal(stderr, "", "no unhandled rejection, no warning");
});

test("a reason that has a way out tells it to the log, also after init", async () => {
  const { lines, said } = await runScript(
    `const { ready, post } = startFunction(class {
       constructor({ secrets }) { this.secrets = secrets; }
       async load() { await sleep(5); this.secrets["hf-token"]; }
       predict() {}
     });
     await ready;
     say((await post("1")).statusCode);`,
    ON_DEMAND,
  );
  assert.deepEqual(said, [503]);
  assert.match(
    JSON.stringify(lines.find(({ level }) => level === "ERROR")),
    /hf-token: null.*COLDFRAME_SECRET_HF_TOKEN/,
  );
});

test("an error that nothing awaited, while loading, fails the init phase with its own message", async () => {
  for (const stray of [
    'Promise.reject(new Error("stray in load"))',
    'setTimeout(() => { throw new Error("stray in load"); })',
  ]) {
    const { said, code } = await runScript(`
      const { ready } = startFunction(class {
        async load() { ${stray}; await sleep(30); }
        predict() {}
      });
      try { await ready; } catch (error) { say([error.name, error.message]); }
    `);
    assert.equal(code, 0);
    assert.equal((said[0] as string[])[0], "MODEL_LOAD_FAILED");
    assert.match((said[0] as string[])[1] ?? "", /stray in load/);
  }
});
