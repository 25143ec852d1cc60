import assert from "node:assert/strict";
import { test } from "node:test";
import { writeLog } from "../../adapter/runtime/log.ts";
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

test("a line keeps its own fields", async () => {
  const fields = { message: "a", level: "b", timestamp: "c", requestId: "d", n: 1 };
  const { lines } = await logged(() => writeLog("warn", "mine", fields, { requestId: "r" }));
  const [{ timestamp, ...line } = {} as Record<string, unknown>] = lines;
  assert.deepEqual(line, { level: "WARN", message: "mine", requestId: "r", n: 1 });
  assert.ok(!Number.isNaN(Date.parse(timestamp as string)));
});

const levels = (environment: Record<string, string>) =>
  runScript(
    `const { writeLog } = await import(${JSON.stringify(import.meta.resolve("../../adapter/runtime/log.ts"))});
     for (const level of ["debug", "info", "warn", "error"]) writeLog(level, level);
     writeLog("info", "metrics", {}, { _aws: {} });`,
    environment,
  ).then(({ lines }) => lines.map(({ message }) => message));

test("Lambda's own log level is heard, and ours before it; metrics have none", async () => {
  assert.deepEqual(await levels({}), ["info", "warn", "error", "metrics"]);
  assert.deepEqual(await levels({ AWS_LAMBDA_LOG_LEVEL: "WARN" }), ["warn", "error", "metrics"]);
  const all = ["debug", "info", "warn", "error", "metrics"];
  assert.deepEqual(await levels({ AWS_LAMBDA_LOG_LEVEL: "TRACE" }), all);
  assert.deepEqual(await levels({ AWS_LAMBDA_LOG_LEVEL: "FATAL" }), ["error", "metrics"]);
  assert.deepEqual(await levels({ AWS_LAMBDA_LOG_LEVEL: "ERROR", COLDFRAME_LOG_LEVEL: "debug" }), all);
});
