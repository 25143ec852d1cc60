import assert from "node:assert/strict";
import { test } from "node:test";
import { linesOf, logAnything, logOf, logWith } from "../../../adapter/runtime/observe/log-anything.ts";
import { makeOrigin } from "../_call.ts";
import { logged } from "../_log.ts";

/** What a line may weigh, whatever was thrown: CloudWatch takes a megabyte. */
const MAX_LINE_BYTES = 200_000;

test("a log keeps its own fields", async () => {
  const log = logWith({ requestId: "r" });
  const { lines } = await logged(() => {
    log.info("a", { more: 1 });
    log.error("b");
  });
  assert.deepEqual(
    lines.map(({ level, requestId, more }) => [level, requestId, more]),
    [
      ["INFO", "r", 1],
      ["ERROR", "r", undefined],
    ],
  );
});

test("a line of an invocation has the names that Lambda's own lines have", async (t) => {
  const origin = { ...makeOrigin(), id: "r", tenantId: "blue" };
  const first = async (made: object) =>
    (await logged(() => logOf({ ...origin, ...made }).info("hello", { requestId: "x", tenantId: "y" })))
      .lines[0];
  const { timestamp: _timestamp, ...line } = (await first({})) as Record<string, unknown>;
  assert.deepEqual(line, { level: "INFO", message: "hello", requestId: "r", tenantId: "blue" });

  await t.test("the trace is the watcher's, the caller's, or X-Ray's", async () => {
    process.env["_X_AMZN_TRACE_ID"] =
      "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    t.after(() => delete process.env["_X_AMZN_TRACE_ID"]);
    assert.equal((await first({}))?.["traceId"], "1-5759e988-bd862e3fe1be46a994272793");
    const header = "Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8";
    assert.equal((await first({ traceId: header }))?.["traceId"], "1-67891233-abcdef012345678912345678");
    delete process.env["_X_AMZN_TRACE_ID"];
    assert.equal((await first({ traceId: "a" }))?.["traceId"], "a");
    assert.equal((await first({ traceId: "a", observation: { traceId: "b" } }))?.["traceId"], "b");
  });

  await t.test("what is not known is not there", () => {
    assert.deepEqual(JSON.parse(JSON.stringify(linesOf({ id: "r" }))).requestId, "r");
  });
});

test("an error is told as Lambda tells it, with its cause", async () => {
  const cause = new RangeError("why");
  const { lines } = await logged(() => logAnything("error", "x", { error: new TypeError("bad", { cause }) }));
  const error = lines[0]?.["error"] as Told;
  assert.deepEqual([error.errorType, error.errorMessage], ["TypeError", "bad"]);
  assert.equal(error.stackTrace[0], "TypeError: bad");
  assert.match(error.stackTrace[1] ?? "", /^ {4}at .*log-anything\.test\.ts/);
  assert.equal(error.cause?.errorMessage, "why");
});

interface Told {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly stackTrace: readonly string[];
  readonly cause?: Told;
}

test("logging never throws, and the line survives", async () => {
  const cycle: Record<string, unknown> = { requestId: "r" };
  cycle["self"] = cycle;
  const throwing = {
    get value() {
      throw new Error("no");
    },
  };
  const own = new Error("its own cause");
  own.cause = own;
  const hostile = new Proxy(
    {},
    { get: () => assert.fail("hands off"), ownKeys: () => assert.fail("hands off") },
  );
  const { lines } = await logged(() => {
    logAnything("info", "cyclic", cycle);
    logAnything("info", "throwing", throwing);
    logAnything("info", "throwing inside", { throwing });
    logAnything("info", "big", { n: 10n });
    logAnything("info", "its own cause", { own });
    logAnything("info", "hostile", hostile);
    logAnything("info", "no fields", null);
    logAnything("info", "a number", 7);
    logAnything("info", "a symbol", Symbol("s"));
    logAnything("info", { not: "a text" });
    logAnything("info", Symbol("message"));
    logWith({ requestId: "r" }).info("with a log", throwing as never);
  });
  assert.equal(lines.length, 12);
  assert.match(String(lines[0]?.["fields"]), /requestId: 'r'/, "what JSON cannot hold is still told");
  assert.match(String(lines[3]?.["n"]), /^10n?$/);
  assert.equal(lines[7]?.["fields"], 7);
  assert.match(lines[9]?.message ?? "", /not: 'a text'/);
  assert.equal(lines[11]?.["requestId"], "r");
});

test("a line does not grow without end", async () => {
  const long = "x".repeat(1_000_000);
  const { lines, text } = await logged(() => {
    logAnything("error", long, { error: new Error(long), long });
    logAnything("error", "a stack", {
      error: Object.assign(new Error("x"), { stack: "line\n".repeat(100_000) }),
    });
    logAnything("error", "numbers", { many: new Array(1_000_000).fill(1) });
    logAnything("error", "not JSON", { long, self: { big: 1n, symbol: Symbol.iterator, nested: [[long]] } });
  });
  assert.equal(lines.length, 4);
  for (const line of text.split("\n")) assert.ok(line.length < MAX_LINE_BYTES, `${line.length} bytes`);
  assert.match(lines[0]?.message ?? "", /^x+\.\.\. \(1000000 characters\)$/);
});
