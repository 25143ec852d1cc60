// The wire, on our own client and on AWS's: what each thing that a function can do looks like from the platform.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { listenRuntimeApi } from "../../adapter/local/runtime-api.ts";
import { CLIENTS, errorOf, fromRaw, resultOf, start, streamOf, textOf } from "./_lambda.ts";

const MB = 1024 * 1024;
const PRELUDE = {
  statusCode: 201,
  headers: { "content-type": "text/plain", "x-a": "b" },
  cookies: ["a=1; Path=/", "b=2"],
};

for (const { client, skip } of CLIENTS) {
  describe(`on ${client}`, { skip, concurrency: 2 }, () => {
    test("a buffered result is JSON under /response", async (t) => {
      const lambda = await start(t, "wire.echo", { client });
      assert.deepEqual(resultOf(await lambda.invoke({ héllo: [1, null] })), { héllo: [1, null] });
      const [exchange] = lambda.exchanges;
      assert.match(exchange?.path ?? "", /^\/runtime\/invocation\/[\w-]{36}\/response$/);
      const headers = fromRaw(exchange?.rawHeaders ?? []);
      assert.equal(headers["content-type"], "application/json");
      assert.equal(headers["lambda-runtime-function-response-mode"], undefined);
      assert.equal(Buffer.concat(exchange?.chunks ?? []).toString(), '{"héllo":[1,null]}');
    });

    test("nothing returned is null, and a cycle is Runtime.JSONStringifyError", async (t) => {
      const lambda = await start(t, "wire.undefinedResult", { client });
      assert.equal(resultOf(await lambda.invoke({})), null);
      const cyclic = await start(t, "wire.cyclic", { client });
      assert.equal(errorOf(await cyclic.invoke({})).errorType, "Runtime.JSONStringifyError");
    });

    test("an error keeps its type and message, DEL escaped, and a thrown string is one too", async (t) => {
      const lambda = await start(t, "wire.fails", { client });
      const outcome = await lambda.invoke({});
      assert.equal(errorOf(outcome).errorType, "TypeError");
      assert.equal(errorOf(outcome).errorMessage, "bad %7Finput é");
      assert.match(lambda.exchanges[0]?.path ?? "", /\/error$/);
      const text = await start(t, "wire.throwsText", { client });
      assert.deepEqual(errorOf(await text.invoke({})), {
        errorType: "string",
        errorMessage: "a string",
        trace: [],
      });
    });

    test("the context has tenant, client context, trace and deadline", async (t) => {
      const lambda = await start(t, "wire.context", { client, timeoutSeconds: 7 });
      const options = { tenantId: "blue", clientContext: { client: "é" }, requestId: "an-id" };
      const context = resultOf(await lambda.invoke({}, options)) as Record<string, unknown>;
      assert.equal(context["tenantId"], "blue");
      assert.deepEqual(context["clientContext"], { client: "é" });
      assert.equal(context["awsRequestId"], "an-id");
      assert.equal(context["functionName"], "local");
      assert.equal(context["memoryLimitInMB"], "1769");
      assert.match(String(context["invokedFunctionArn"]), /^arn:aws:lambda:.*:function:local$/);
      assert.match(String(context["trace"]), /^Root=1-/);
      assert.ok(Number(context["remaining"]) > 6000 && Number(context["remaining"]) <= 7000);
      const traceId = "Root=1-00000000-000000000000000000000001;Parent=0000000000000002;Sampled=0";
      const next = resultOf(await lambda.invoke({}, { traceId })) as Record<string, unknown>;
      assert.equal(next["tenantId"], undefined);
      assert.equal(next["trace"], traceId);
    });

    test("prelude, chunks as written, no trailers", async (t) => {
      const lambda = await start(t, "wire.streamed", { client });
      const streamed = streamOf(await lambda.invoke({}));
      assert.deepEqual(streamed.prelude, PRELUDE);
      assert.equal(await textOf(streamed), "one\ntwo\n");
      assert.equal(await streamed.completion, undefined);
      await sleep(20);
      const [exchange] = lambda.exchanges;
      assert.deepEqual(exchange?.chunks.map(String), [
        JSON.stringify(PRELUDE),
        "\0".repeat(8),
        "one\n",
        "two\n",
      ]);
      assert.deepEqual(exchange?.rawTrailers, []);
      const headers = fromRaw(exchange?.rawHeaders ?? []);
      assert.equal(headers["lambda-runtime-function-response-mode"], "streaming");
      assert.equal(headers["content-type"], "application/vnd.awslambda.http-integration-response");
    });

    test("without a prelude: octet-stream or the type that was set; objects become JSON", async (t) => {
      const lambda = await start(t, "wire.streamedPlain", { client });
      const streamed = streamOf(await lambda.invoke({}));
      assert.equal(streamed.prelude, undefined);
      assert.equal(streamed.contentType, "application/octet-stream");
      assert.equal(await textOf(streamed), 'one\n{"json":true}\x01\x02\x03last');
      const typed = streamOf(await (await start(t, "wire.streamedType", { client })).invoke({}));
      assert.equal(typed.contentType, "text/html");
      typed.body.resume();
    });

    test("the prelude waits for the first write, and is there before the body", async (t) => {
      const lambda = await start(t, "wire.preludeDeferred", { client });
      const startedAt = performance.now();
      const streamed = streamOf(await lambda.invoke({}));
      const preludeMs = performance.now() - startedAt;
      assert.equal(await textOf(streamed), "body");
      const bodyMs = performance.now() - startedAt;
      assert.ok(preludeMs >= 95, `${preludeMs}`);
      assert.ok(bodyMs - preludeMs >= 150, `${bodyMs - preludeMs}`);
    });

    test("an empty body after a prelude is whole; a prelude that end() swallowed is not", async (t) => {
      const only = streamOf(await (await start(t, "wire.preludeOnly", { client })).invoke({}));
      assert.deepEqual(only.prelude, PRELUDE);
      assert.equal(await textOf(only), "");
      assert.equal(await only.completion, undefined);
      const lambda = await start(t, "wire.preludeLost", { client });
      const lost = streamOf(await lambda.invoke({}));
      assert.equal(lost.prelude, undefined);
      lost.body.resume();
      assert.equal((await lost.completion)?.errorType, "Runtime.InvalidPrelude");
      assert.equal(Buffer.concat(lambda.exchanges[0]?.chunks ?? []).toString(), "body in end");
      const empty = streamOf(await (await start(t, "wire.empty", { client })).invoke({}));
      assert.equal(await textOf(empty), "");
      assert.equal(await empty.completion, undefined);
    });

    test("a prelude over 16 KB is refused", async (t) => {
      const lambda = await start(t, "wire.preludeTooLarge", { client });
      const streamed = streamOf(await lambda.invoke({}));
      streamed.body.resume();
      assert.match((await streamed.completion)?.errorMessage ?? "", /16384 bytes/);
    });

    test("an error midway arrives as trailers, however long, and the next invocation is served", async (t) => {
      const lambda = await start(t, "wire.failsMidway", { client });
      for (let i = 0; i < 2; i++) {
        const streamed = streamOf(await lambda.invoke({}));
        assert.equal(await textOf(streamed), "one\n");
        const error = await streamed.completion;
        assert.equal(error?.errorType, "RangeError");
        assert.match(error?.errorMessage ?? "", /^midway é long/);
      }
      assert.equal(lambda.restarts, 0);
      assert.equal(
        fromRaw(lambda.exchanges[0]?.rawTrailers ?? [])["lambda-runtime-function-error-type"],
        "RangeError",
      );
    });

    test("an error before the first byte has trailers and no /error; one after the end is only logged", async (t) => {
      const before = await start(t, "wire.failsBefore", { client });
      const streamed = streamOf(await before.invoke({}));
      assert.equal(await textOf(streamed), "");
      assert.equal((await streamed.completion)?.errorMessage, "before");
      await sleep(20);
      assert.deepEqual(
        before.exchanges.map(({ path }) => path.replace(/.*\//, "")),
        ["response"],
      );
      const after = await start(t, "wire.failsAfterEnd", { client });
      const whole = streamOf(await after.invoke({}));
      assert.equal(await textOf(whole), "all");
      assert.equal(await whole.completion, undefined);
      await sleep(50);
      assert.ok(
        after.lines.some((line) => line.includes("Invoke Error")),
        after.lines.join("\n"),
      );
    });

    test("a handler that is not async, and a content type set too late, are errors of the stream", async (t) => {
      const notAsync = streamOf(await (await start(t, "wire.notAsync", { client })).invoke({}));
      notAsync.body.resume();
      assert.equal(
        (await notAsync.completion)?.errorMessage,
        "Streaming does not support non-async handlers.",
      );
      const late = streamOf(await (await start(t, "wire.typeAfterWrite", { client })).invoke({}));
      late.body.resume();
      assert.equal((await late.completion)?.errorType, "Runtime.InvalidStreamingOperation");
    });

    test("a destroyed stream ends the process, and the response is not whole", async (t) => {
      const lambda = await start(t, "wire.destroys", { client });
      const streamed = streamOf(await lambda.invoke({}));
      assert.equal(await textOf(streamed), "one\n");
      const error = await streamed.completion;
      assert.equal(error?.errorType, "Runtime.ExitError");
      assert.match(error?.errorMessage ?? "", /exit status 1/);
    });

    test("a stray rejection is exit status 1 with nothing posted; a promise that never settles is exit 0", async (t) => {
      const stray = await start(t, "wire.strayRejection", { client });
      const error = errorOf(await stray.invoke({}));
      assert.equal(error.errorType, "Runtime.ExitError");
      assert.match(error.errorMessage, /exit status 1$/);
      assert.deepEqual(stray.exchanges, []);
      const never = await start(t, "wire.neverSettles", { client });
      assert.match(errorOf(await never.invoke({})).errorMessage, /exited without providing a reason$/);
    });

    test("a slow reader stops the function's writes", async (t) => {
      const lambda = await start(t, "wire.floods", { client });
      const streamed = streamOf(await lambda.invoke({ bytes: 64 * MB }));
      const accepted = () => Number(/accepted (\d+)/.exec(lambda.lines.at(-1) ?? "")?.[1] ?? 0);
      let before = -1;
      while (accepted() !== before) {
        before = accepted();
        await sleep(200);
      }
      // Kernel buffers of a loopback socket hold a few megabytes.
      assert.ok(before > 0 && before < 16 * MB, `accepted ${before} bytes`);
      let bytes = 0;
      for await (const chunk of streamed.body) bytes += chunk.length;
      assert.equal(bytes, 64 * MB);
      assert.equal(await streamed.completion, undefined);
    });

    test("the stream is a plain object with the same members", async (t) => {
      const lambda = await start(t, "wire.facade", { client });
      assert.equal(await textOf(streamOf(await lambda.invoke({}))), "[false,true,false,65536,21]");
    });

    test("6 MB and 100 bytes of result pass, one more is Function.ResponseSizeTooLarge", async (t) => {
      const lambda = await start(t, "wire.sized", { client });
      const limit = 6 * MB + 100;
      assert.equal(String(resultOf(await lambda.invoke({ size: limit - 2 }))).length, limit - 2);
      const error = errorOf(await lambda.invoke({ size: limit - 1 }));
      assert.equal(error.errorType, "Function.ResponseSizeTooLarge");
      assert.match(error.errorMessage, /6291556/);
      assert.equal(resultOf(await lambda.invoke({ size: 1 })), "x");
      assert.equal(lambda.restarts, 0);
    });

    test("a reader who leaves closes the function's stream, and the process serves on", async (t) => {
      const lambda = await start(t, "wire.noticesClose", { client });
      const streamed = streamOf(await lambda.invoke({}));
      streamed.body.once("data", () => streamed.body.destroy());
      assert.equal((await streamed.completion)?.errorType, "Client.Disconnected");
      const asked = JSON.parse(await textOf(streamOf(await lambda.invoke({ ask: true }))));
      assert.equal(asked.closes, 1);
      assert.equal(lambda.restarts, 0);
    });

    test("a reset of the response ends AWS's client, and ours", async (t) => {
      const lambda = await start(t, "wire.streamHangs", { client });
      const streamed = streamOf(await lambda.invoke({}));
      streamed.body.once("data", () => streamed.reset());
      assert.equal((await streamed.completion)?.errorType, "Runtime.ExitError");
    });

    test("in the JSON format console lines are JSON, with errors as fields, and have a level", async (t) => {
      const environment = { AWS_LAMBDA_LOG_FORMAT: "JSON", AWS_LAMBDA_LOG_LEVEL: "INFO" };
      const lambda = await start(t, "wire.logsInJson", { client, environment });
      await lambda.invoke({}, { requestId: "an-id" });
      await sleep(20);
      const lines = lambda.lines.map((line): Record<string, unknown> => {
        const { timestamp, stackTrace, ...rest } = JSON.parse(line) as Record<string, unknown>;
        assert.match(String(timestamp), /^[\d-]+T[\d:.]+Z$/);
        return { ...rest, ...(stackTrace !== undefined && { frames: (stackTrace as string[]).length > 1 }) };
      });
      const id = { requestId: "an-id" };
      const failed = { errorType: "TypeError", errorMessage: "no", frames: true };
      assert.deepEqual(lines, [
        { level: "INFO", requestId: "-", message: "loaded" },
        { level: "INFO", ...id, message: "text" },
        { level: "INFO", ...id, message: { an: "object" } },
        { level: "WARN", ...id, message: "two 2" },
        { level: "ERROR", ...id, message: lines[4]?.["message"], ...failed },
        { level: "ERROR", ...id, message: lines[5]?.["message"] },
        { level: "INFO", ...id, message: lines[6]?.["message"] },
      ]);
      assert.match(String(lines[4]?.["message"]), /^failed TypeError: no\n/);
      const { code, errorType } = lines[5]?.["message"] as Record<string, string>;
      assert.deepEqual([errorType, code], ["RangeError", "MINE"]);
      assert.match(String(lines[6]?.["message"]), /Circular/);
    });

    test("console lines are tab separated, breaks as carriage returns; stdout and stderr pass through", async (t) => {
      const lambda = await start(t, "wire.logs", { client });
      await lambda.invoke({}, { requestId: "an-id" });
      await sleep(20);
      assert.match(lambda.lines[0] ?? "", /^[\d-]+T[\d:.]+Z\tan-id\tINFO\tfirst\rsecond \{ a: 1 \}$/);
      assert.deepEqual(lambda.lines.slice(1).sort(), ["to stderr", '{"level":"INFO","message":"json"}']);
    });
  });
}

test("over 200 MB a streamed response is cut off", async (t) => {
  const lambda = await start(t, "wire.floods", { onExchange: () => {} });
  const streamed = streamOf(await lambda.invoke({ bytes: 201 * MB }));
  let bytes = 0;
  for await (const chunk of streamed.body) bytes += chunk.length;
  assert.equal(bytes, 200 * MB);
  assert.equal((await streamed.completion)?.errorType, "Function.ResponseSizeTooLarge");
});

test("an event over 6 MB is refused before it reaches the function", async (t) => {
  const lambda = await start(t, "wire.echo");
  const error = errorOf(await lambda.invoke("x".repeat(6 * MB)));
  assert.equal(error.errorType, "RequestEntityTooLargeException");
  assert.deepEqual(lambda.exchanges, []);
  assert.equal(resultOf(await lambda.invoke("y")), "y");
});

test("what comes out of order is refused in RAPID's words", async (t) => {
  const api = await listenRuntimeApi();
  t.after(() => api.close());
  const call = async (
    method: string,
    path: string,
    body?: string | Uint8Array<ArrayBuffer>,
    headers = {},
  ) => {
    const response = await fetch(`http://${api.address}/2018-06-01/runtime/${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
    });
    return { status: response.status, body: await response.json() };
  };
  const respond = (id: string, body: string | Uint8Array<ArrayBuffer> = "1", headers = {}) =>
    call("POST", `invocation/${id}/response`, body, headers);
  const invoke = (id: string) => {
    const about = { deadline: Date.now() + 1000, functionArn: "arn", traceId: "Root=1" };
    return api.invoke({ id, payload: Buffer.from("{}"), ...about });
  };
  const next = () => call("GET", "invocation/next");

  const early = await respond("a");
  assert.equal(early.status, 403);
  assert.partialDeepStrictEqual(early.body, { errorType: "InvalidStateTransition" });

  const first = next();
  await api.idle();
  const outcome = invoke("a");
  assert.deepEqual(await first, { status: 200, body: {} });
  assert.equal((await call("POST", "init/error", "{}")).status, 403);
  assert.deepEqual(await respond("b"), {
    status: 400,
    body: { errorMessage: "Invalid request ID", errorType: "InvalidRequestID" },
  });
  assert.deepEqual(await respond("a"), { status: 202, body: { status: "OK" } });
  assert.equal(resultOf(await outcome), 1);
  assert.equal((await respond("a")).status, 403);

  const second = next();
  await api.idle();
  const large = invoke("c");
  await second;
  assert.equal((await respond("c", Buffer.alloc(6 * MB + 101))).status, 413);
  assert.equal(errorOf(await large).errorType, "Function.ResponseSizeTooLarge");

  const third = next();
  await api.idle();
  const odd = invoke("d");
  await third;
  const mode = await respond("d", "1", { "lambda-runtime-function-response-mode": "sideways" });
  assert.partialDeepStrictEqual(mode, { status: 400, body: { errorType: "InvalidFunctionResponseMode" } });
  assert.equal(errorOf(await odd).errorType, "Runtime.InvalidResponseModeHeader");
  assert.equal((await call("GET", "elsewhere")).status, 404);
});
