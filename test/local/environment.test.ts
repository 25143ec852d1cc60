// The life cycle, without looking at the wire: init and its limit, deadlines, freezing, exits, restarts.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startLocalLambda } from "../../adapter/local/local-lambda.ts";
import { errorOf, HANDLERS, resultOf, start, streamOf, textOf } from "./_lambda.ts";

const isRunning = (pid: number | undefined) => {
  try {
    return pid !== undefined && process.kill(pid, 0);
  } catch {
    return false;
  }
};
const stateOf = (pid: number | undefined) => /\) (\w) /.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1];
const eventually = async (holds: () => boolean) => {
  for (let i = 0; i < 100 && !holds(); i++) await sleep(20);
  assert.ok(holds());
};
const scratchFolder = (t: TestContext) => {
  const folder = mkdtempSync(join(tmpdir(), "coldframe-local-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
};
const onLinux = { skip: process.platform === "linux" ? false : "reads /proc" };

test("an invocation over the timeout is killed; the next one gets a new process", async (t) => {
  const lambda = await start(t, "wire.slow", { timeoutSeconds: 0.5 });
  const first = lambda.pid;
  const error = errorOf(await lambda.invoke({ ms: 5_000 }, { requestId: "slow-one" }));
  assert.equal(error.errorType, "Sandbox.Timedout");
  assert.equal(error.errorMessage, "RequestId: slow-one Error: Task timed out after 0.50 seconds");
  const second = resultOf(await lambda.invoke({ ms: 1 }));
  assert.notEqual(second, first);
  assert.equal(lambda.restarts, 1);
  assert.ok(!isRunning(first));
});

test("a stream over the timeout breaks with Sandbox.Timedout after what has arrived", async (t) => {
  const lambda = await start(t, "wire.streamHangs", { timeoutSeconds: 0.5 });
  const streamed = streamOf(await lambda.invoke({}));
  assert.equal(await textOf(streamed), "one\n");
  assert.equal((await streamed.completion)?.errorType, "Sandbox.Timedout");
});

test("a reader who never reads does not outlast the timeout", async (t) => {
  const lambda = await start(t, "wire.floods", { timeoutSeconds: 0.5 });
  const streamed = streamOf(await lambda.invoke({ bytes: 64 * 1024 * 1024 }));
  await sleep(800);
  streamed.body.resume();
  assert.equal((await streamed.completion)?.errorType, "Sandbox.Timedout");
});

test("an exit during an invocation is Runtime.ExitError; so is a kill by the platform", async (t) => {
  const lambda = await start(t, "wire.exits");
  assert.equal(
    errorOf(await lambda.invoke({}, { requestId: "x" })).errorMessage,
    "RequestId: x Error: Runtime exited with error: signal: killed",
  );
  const slow = await start(t, "wire.slow");
  const pending = slow.invoke({ ms: 5_000 });
  await sleep(50);
  await slow.kill();
  assert.equal(errorOf(await pending).errorType, "Runtime.ExitError");
  await slow.kill();
  assert.equal(typeof resultOf(await slow.invoke({ ms: 1 })), "number");
  await slow.kill();
  assert.equal(typeof resultOf(await slow.invoke({ ms: 1 })), "number");
  assert.equal(slow.restarts, 2);
});

test("invocations wait for each other, in order", async (t) => {
  const lambda = await start(t, "wire.slow");
  const done: number[] = [];
  const startedAt = performance.now();
  await Promise.all([60, 30, 1].map((ms, i) => lambda.invoke({ ms }).then(() => done.push(i))));
  assert.deepEqual(done, [0, 1, 2]);
  assert.ok(performance.now() - startedAt >= 90);
});

test("no timer runs between invocations, unless freezing is off", async (t) => {
  const frozen = await start(t, "wire.tick");
  await frozen.invoke({});
  await sleep(300);
  // The event loop catches up with one tick per timer, not with all that were missed.
  assert.ok(Number(resultOf(await frozen.invoke({}))) <= 5);
  const warm = await start(t, "wire.tick", { freeze: false });
  await warm.invoke({});
  await sleep(300);
  assert.ok(Number(resultOf(await warm.invoke({}))) >= 20);
});

test(
  "the process is stopped after init and after each invocation; close() ends it all the same",
  onLinux,
  async (t) => {
    const lambda = await start(t, "wire.echo");
    await eventually(() => stateOf(lambda.pid) === "T");
    await lambda.invoke({});
    await eventually(() => stateOf(lambda.pid) === "T");
    const pid = lambda.pid;
    await lambda.close();
    assert.ok(!isRunning(pid));
    assert.equal(errorOf(await lambda.invoke({})).errorType, "Sandbox.Failure");
  },
);

test("a stopped process does not outlive a parent that is killed", onLinux, async () => {
  const module = join(import.meta.dirname, "../../adapter/local/local-lambda.ts");
  const program = `const { startLocalLambda } = await import(${JSON.stringify(module)});
    const lambda = await startLocalLambda({ artifact: ${JSON.stringify(HANDLERS)}, handler: "wire.echo" });
    console.log(lambda.pid);`;
  const parent = spawn(process.execPath, ["--input-type=module", "-e", program]);
  const pid = await new Promise<number>((resolve) =>
    parent.stdout.once("data", (text) => resolve(Number(text))),
  );
  assert.ok(isRunning(pid));
  parent.kill("SIGKILL");
  await eventually(() => !isRunning(pid) || stateOf(pid) === "Z");
});

test("a program that ends without close() leaves no process behind", onLinux, async () => {
  const module = join(import.meta.dirname, "../../adapter/local/local-lambda.ts");
  const program = `const { startLocalLambda } = await import(${JSON.stringify(module)});
    const lambda = await startLocalLambda({ artifact: ${JSON.stringify(HANDLERS)}, handler: "wire.echo" });
    console.log(lambda.pid); process.exit(0);`;
  const pid = await new Promise<number>((resolve, reject) => {
    execFile(process.execPath, ["--input-type=module", "-e", program], (error, stdout) =>
      error === null ? resolve(Number(stdout)) : reject(error),
    );
  });
  await eventually(() => !isRunning(pid) || stateOf(pid) === "Z");
});

test("an init error is known before any invocation, and runs again in the first one", async (t) => {
  const lambda = await start(t, "init-throws.handler");
  assert.equal(lambda.initError?.errorType, "RangeError");
  assert.equal(lambda.initError?.errorMessage, "top-level boom");
  assert.ok(Number.isNaN(lambda.initMs));
  assert.equal(lambda.exchanges[0]?.path, "/runtime/init/error");
  const outcome = await lambda.invoke({});
  assert.equal(errorOf(outcome).errorType, "RangeError");
  assert.equal(outcome.kind === "error" && outcome.phase, "init");
  assert.equal(lambda.restarts, 1);
});

test("an init that failed once may succeed inside the invocation", async (t) => {
  const folder = scratchFolder(t);
  const lambda = await start(t, "init-once.handler", { environment: { FLAG_FILE: join(folder, "flag") } });
  assert.match(lambda.initError?.errorMessage ?? "", /not the first time/);
  assert.equal(resultOf(await lambda.invoke({})), "recovered");
  assert.equal(lambda.initError, undefined);
});

test("an exit during init is Runtime.ExitError", async (t) => {
  const lambda = await start(t, "init-exits.handler");
  assert.deepEqual(lambda.initError, {
    errorType: "Runtime.ExitError",
    errorMessage: "Runtime exited with error: signal: killed",
    trace: [],
  });
});

test("an init over its limit is run again from zero inside the first invocation, under its timeout", async (t) => {
  const lambda = await start(t, "init-slow.handler", { initTimeoutMs: 300 });
  assert.equal(lambda.initError, undefined);
  assert.equal(lambda.pid, undefined);
  assert.match(
    lambda.lines.join("\n"),
    /^INIT_REPORT Init Duration: 3\d\d\.\d\d ms\tPhase: init\tStatus: timeout$/m,
  );
  const { initMs } = resultOf(await lambda.invoke({})) as { initMs: number };
  assert.ok(initMs >= 890, `${initMs}`);
  assert.equal(lambda.restarts, 1);
  assert.ok(lambda.initMs >= 890);

  const short = await start(t, "init-slow.handler", { initTimeoutMs: 200, timeoutSeconds: 0.3 });
  assert.equal(errorOf(await short.invoke({})).errorType, "Sandbox.Timedout");
});

test("handlers: .cjs, nested names, and each way not to be one", async (t) => {
  assert.equal(resultOf(await (await start(t, "shapes.nested.deep")).invoke({})), "nested");
  const errorTypes: Record<string, string | undefined> = {};
  for (const handler of [
    "shapes.callback",
    "shapes.value",
    "shapes.none",
    "nowhere.handler",
    "missing-import.x",
    "../a.b",
  ]) {
    errorTypes[handler] = (await start(t, handler)).initError?.errorType;
  }
  const folder = scratchFolder(t);
  writeFileSync(join(folder, "syntax.mjs"), "export const handler = async () => {;");
  errorTypes["syntax.handler"] = (
    await start(t, "syntax.handler", { artifact: folder })
  ).initError?.errorType;
  assert.deepEqual(errorTypes, {
    "shapes.callback": "Runtime.CallbackHandlerDeprecated",
    "shapes.value": "Runtime.HandlerNotFound",
    "shapes.none": "Runtime.HandlerNotFound",
    "nowhere.handler": "Runtime.ImportModuleError",
    "missing-import.x": "Runtime.ImportModuleError",
    "../a.b": "Runtime.MalformedHandlerName",
    "syntax.handler": "Runtime.UserCodeSyntaxError",
  });
});

test("the function sees Lambda's variables, its own and COLDFRAME_*, and not the rest of this shell's", async (t) => {
  process.env["COLDFRAME_SECRET_KEY"] = "s3cret";
  process.env["UNRELATED"] = "1";
  t.after(() => {
    delete process.env["COLDFRAME_SECRET_KEY"];
    delete process.env["UNRELATED"];
  });
  const folder = scratchFolder(t);
  const deployment = {
    model_name: "my-model",
    handler: "index.env",
    memory_mb: 512,
    timeout_seconds: 3,
    environment: { FROM_CONFIG: "a", OVERRIDDEN: "a" },
  };
  writeFileSync(join(folder, "deployment.json"), JSON.stringify(deployment));
  writeFileSync(
    join(folder, "index.mjs"),
    "export const env = async () => ({ ...process.env, argv: process.execArgv });",
  );
  const lambda = await startLocalLambda({ artifact: folder, environment: { OVERRIDDEN: "b" } });
  t.after(() => lambda.close());
  const { argv, ...env } = resultOf(await lambda.invoke({})) as Record<string, string> & { argv: string[] };
  assert.partialDeepStrictEqual(env, {
    COLDFRAME_SECRET_KEY: "s3cret",
    FROM_CONFIG: "a",
    OVERRIDDEN: "b",
    _HANDLER: "index.env",
    LAMBDA_TASK_ROOT: folder,
    AWS_LAMBDA_FUNCTION_NAME: "my-model",
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "512",
    AWS_LAMBDA_INITIALIZATION_TYPE: "on-demand",
    AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x",
    TZ: ":UTC",
  });
  for (const name of ["UNRELATED", "NODE_TEST_CONTEXT", "NODE_OPTIONS", "COLDFRAME_RIC"])
    assert.equal(env[name], undefined);
  assert.ok(argv.includes("--expose-gc") && argv.includes("--max-old-space-size=512"), argv.join(" "));
});

test("an artifact that is not there is refused", async () => {
  await assert.rejects(startLocalLambda({ artifact: "/nowhere" }), { code: "ARTIFACT_NOT_FOUND" });
});

test("aws-lambda-ric that is not there is refused with the way to get it", async () => {
  const options = { artifact: HANDLERS, client: "aws-lambda-ric", ricPath: "/nowhere" } as const;
  await assert.rejects(startLocalLambda(options), (error: Error & { code?: string; fix?: string }) => {
    assert.equal(error.code, "RIC_NOT_FOUND");
    assert.match(error.message, /nothing at \/nowhere/);
    assert.match(error.fix ?? "", /npm i -D aws-lambda-ric .*autoconf.*COLDFRAME_RIC/);
    return true;
  });
});
