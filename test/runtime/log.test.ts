import assert from "node:assert/strict";
import { test } from "node:test";
import { logWith, writeLog } from "../../adapter/runtime/log.ts";
import { runScript } from "./_child.ts";
import { logged } from "./_log.ts";

test("one line of JSON a fact, with level, time and fields", async () => {
  const { lines, text } = await logged(() => writeLog("warn", "two\nlines", { tokens: 7 }));
  assert.equal(text.match(/\n/g)?.length, 1);
  const [line] = lines;
  assert.equal(line?.level, "WARN");
  assert.equal(line?.message, "two\nlines");
  assert.equal(line?.["tokens"], 7);
  assert.ok(!Number.isNaN(Date.parse(line?.["timestamp"] as string)));
});

test("a log keeps its own fields", async () => {
  const log = logWith({ request_id: "r" });
  const { lines } = await logged(() => {
    log.info("a", { more: 1 });
    log.error("b");
  });
  assert.deepEqual(
    lines.map(({ level, request_id, more }) => [level, request_id, more]),
    [
      ["INFO", "r", 1],
      ["ERROR", "r", undefined],
    ],
  );
});

test("a model's fields do not pass for the adapter's", async () => {
  const { lines } = await logged(() =>
    logWith({ request_id: "r" }).warn("mine", {
      message: "a",
      level: "b",
      timestamp: "c",
      request_id: "d",
      n: 1,
    }),
  );
  const [{ timestamp, ...line } = {} as Record<string, unknown>] = lines;
  assert.deepEqual(line, { level: "WARN", message: "mine", request_id: "r", n: 1 });
  assert.ok(!Number.isNaN(Date.parse(timestamp as string)));
});

test("an error's cause is told, too", async () => {
  const cause = new RangeError("why");
  const { lines } = await logged(() => writeLog("error", "x", { error: new Error("bad", { cause }) }));
  assert.match(JSON.stringify(lines[0]?.["error"]), /Error: bad.*RangeError: why/);
});

test("an error has its message and stack", async () => {
  const { lines } = await logged(() => writeLog("error", "x", { error: new TypeError("bad") }));
  assert.match(JSON.stringify(lines[0]?.["error"]), /TypeError: bad.*log\.test\.ts/);
});

test("logging never throws, and the line survives", async () => {
  const cycle: Record<string, unknown> = { request_id: "r" };
  cycle["self"] = cycle;
  const throwing = {
    get value() {
      throw new Error("no");
    },
  };
  const { lines } = await logged(() => {
    writeLog("info", "cyclic", cycle);
    writeLog("info", "throwing", throwing);
    writeLog("info", "throwing inside", { throwing });
    writeLog("info", "big", { n: 10n });
    logWith({ request_id: "r" }).info("throwing", throwing);
  });
  assert.deepEqual(
    lines.map(({ message }) => message),
    ["cyclic", "throwing", "throwing inside", "big", "throwing"],
  );
  assert.match(String(lines[0]?.["fields"]), /request_id: 'r'/, "what JSON cannot hold is still told");
  assert.match(String(lines[3]?.["n"]), /^10n?$/);
  assert.equal(lines[4]?.["request_id"], "r");
});

const levels = (environment: Record<string, string>) =>
  runScript(
    `const { writeLog } = await import(${JSON.stringify(import.meta.resolve("../../adapter/runtime/log.ts"))});
     for (const level of ["debug", "info", "warn", "error"]) writeLog(level, level);`,
    environment,
  ).then(({ lines }) => lines.map(({ message }) => message));

test("Lambda's own log level is heard, and ours before it", async () => {
  assert.deepEqual(await levels({}), ["info", "warn", "error"]);
  assert.deepEqual(await levels({ AWS_LAMBDA_LOG_LEVEL: "WARN" }), ["warn", "error"]);
  assert.deepEqual(await levels({ AWS_LAMBDA_LOG_LEVEL: "TRACE" }), ["debug", "info", "warn", "error"]);
  assert.deepEqual(await levels({ AWS_LAMBDA_LOG_LEVEL: "FATAL" }), ["error"]);
  assert.deepEqual(await levels({ AWS_LAMBDA_LOG_LEVEL: "ERROR", COLDFRAME_LOG_LEVEL: "debug" }), [
    "debug",
    "info",
    "warn",
    "error",
  ]);
});
