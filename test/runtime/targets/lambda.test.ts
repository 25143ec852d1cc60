import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ColdframeError } from "../../../adapter/runtime/errors.ts";
import type { Invocation } from "../../../adapter/runtime/model.ts";
import { sleep } from "../_call.ts";
import { runScript } from "../_child.ts";
import { bodyOf, context, FakeResponseStream, httpEvent, startFunction } from "../_function.ts";
import { logged } from "../_log.ts";

const errorOf = (result: { body?: string }) => (bodyOf(result) as { error: { code: string } }).error;

const echo = class {
  predict(input: unknown) {
    return input;
  }
};

const fixture = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../fixtures/events/${name}.json`, import.meta.url), "utf8"));

// The two handlers

test("AWS's client takes `buffered` for a promise handler and `stream` for a streaming one", () => {
  const { buffered, stream } = startFunction(echo);
  assert.equal(buffered.length, 2, "with three it would be refused as a callback handler");
  assert.equal((stream as never)[Symbol.for("aws.lambda.runtime.handler.streaming")], "response");
  assert.equal((buffered as never)[Symbol.for("aws.lambda.runtime.handler.streaming")], undefined);
});

test("both handlers give the same answer", async () => {
  const { post, postStream } = startFunction(echo);
  for (const body of [{ a: 1 }, "{nope"]) {
    const whole = await post(body);
    const { prelude, body: streamed } = await postStream(body, typeof body === "string" ? { body } : {});
    assert.equal(prelude?.statusCode, whole.statusCode);
    assert.deepEqual(prelude?.headers, whole.headers);
    assert.equal(streamed, whole.body);
  }
});

test("Node 22's client must not wait for the model's open handles", async () => {
  const its = context();
  await startFunction(echo).buffered(httpEvent({ body: "1" }), its);
  assert.equal(its.callbackWaitsForEmptyEventLoop, false);
});

// Direct

for (const payload of [
  null,
  0,
  7.5,
  "",
  "text",
  true,
  false,
  [],
  [1, { a: 2 }],
  {},
  { statusCode: 7, body: "x" },
]) {
  test(`a plain invoke with ${JSON.stringify(payload)} gets it back as it is`, async () => {
    assert.deepEqual(await startFunction(echo).invoke(payload), payload);
  });
}

test("a plain invoke sees its own payload as the event, and no request", async () => {
  const seen: Partial<Invocation>[] = [];
  const { invoke } = startFunction(
    class {
      predict(_input: unknown, { source, event, request, headers }: Invocation) {
        seen.push({ source, event, request, headers });
      }
    },
  );
  assert.equal(await invoke({ a: 1 }), null);
  assert.deepEqual(seen, [{ source: "direct", event: { a: 1 }, request: undefined, headers: {} }]);
});

test("a plain invoke gathers streams and reads Responses", async () => {
  const results: Record<string, () => unknown> = {
    text: () => ["a", "b"].values(),
    rows: () => [{ n: 1 }, { n: NaN }].values(),
    bytes: () => Uint8Array.from([0, 255]),
    json: () => Response.json({ a: 1 }),
    html: () => new Response("<p>", { headers: { "content-type": "text/html" } }),
    empty: () => new Response(null, { status: 204 }),
  };
  const { invoke } = startFunction(
    class {
      predict(input: string) {
        return results[input]?.();
      }
    },
  );
  assert.equal(await invoke("text"), "ab");
  assert.deepEqual(await invoke("rows"), [{ n: 1 }, { n: null }]);
  assert.equal(await invoke("bytes"), "AP8=");
  assert.deepEqual(await invoke("json"), { a: 1 });
  assert.equal(await invoke("html"), "<p>");
  assert.equal(await invoke("empty"), null);
});

test("a plain invoke that gets a Response of an error's status has failed: it sees no status", async () => {
  const { invoke, stream } = startFunction(
    class {
      predict(input: number) {
        return Response.json({ why: "no such voice" }, { status: input });
      }
    },
  );
  const expected = { name: "PREDICT_FAILED", message: /404.*no such voice/ };
  await logged(async () => {
    await assert.rejects(invoke(404), expected);
    await assert.rejects(async () => stream(404, new FakeResponseStream(), context()), expected);
  });
  assert.deepEqual(await invoke(201), { why: "no such voice" }, "and gave its slot back");
});

test("a plain invoke that fails gets an error named by its code, small and masked", async () => {
  const { invoke } = startFunction(
    class {
      predict(input: string) {
        if (input === "theirs") throw new Error("a secret reason");
        throw new ColdframeError("INPUT_INVALID", "x".repeat(100_000));
      }
    },
  );
  const failureOf = async (input: string): Promise<Error> => {
    const { result } = await logged(() => invoke(input).catch((error: unknown) => error));
    assert.ok(result instanceof Error);
    return result;
  };
  const masked = await failureOf("theirs");
  assert.equal(masked.name, "PREDICT_FAILED");
  assert.doesNotMatch(`${masked.message}${masked.stack}`, /secret/);
  assert.match(masked.stack ?? "", /request-1/);
  const long = await failureOf("ours");
  assert.equal(long.name, "INPUT_INVALID");
  assert.ok(long.message.length <= 1024);
  assert.ok((long.stack?.length ?? 0) < 2048);
});

test("a plain invoke through the stream handler: a type, no prelude", async () => {
  const { stream } = startFunction(
    class {
      *predict(input: unknown[]) {
        yield* input;
      }
    },
  );
  const out = new FakeResponseStream();
  await stream([{ n: 1 }, { n: 2 }], out, context());
  assert.equal(out.contentType, "application/x-ndjson");
  assert.equal(out.parse().body, '{"n":1}\n{"n":2}\n');
  assert.equal(out.ended, true);
});

test("an event that this deployment does not take is refused with what it takes and the way out", async () => {
  const { invoke, stream } = startFunction(echo);
  for (const name of ["sqs", "alb", "eventbridge", "api-gateway", "vpc-lattice"]) {
    const expected = { name: "EVENT_UNKNOWN", message: /function-url, direct.*serverless\.events/s };
    await assert.rejects(async () => invoke(fixture(name)), expected, name);
    const out = new FakeResponseStream();
    await assert.rejects(async () => stream(fixture(name), out, context()), expected);
    assert.equal(out.ended, false);
  }
});

test("a result over 6 MB is 413 with the way out, before the platform says something less kind", async () => {
  const { post, invoke, postStream } = startFunction(
    class {
      predict(size: number) {
        return size < 0 ? ["y".repeat(-size)].values() : "x".repeat(size);
      }
    },
  );
  for (const size of [6 * 1024 * 1024, -6 * 1024 * 1024]) {
    const result = await post(size);
    assert.equal(result.statusCode, 413);
    assert.equal(errorOf(result).code, "OUTPUT_TOO_LARGE");
    assert.match(result.body ?? "", /index\.stream/);
  }
  await assert.rejects(invoke(6 * 1024 * 1024), { name: "OUTPUT_TOO_LARGE" });
  assert.equal((await post(6 * 1024 * 1024 - 1024)).statusCode, 200);
  assert.equal((await postStream(6 * 1024 * 1024)).prelude?.statusCode, 200);
});

test("escapes count: two million newlines are more than six million bytes", async () => {
  const { post } = startFunction(
    class {
      predict() {
        return "\n".repeat(2_200_000);
      }
    },
  );
  // As JSON in a JSON result: \\n, three bytes each and more.
  assert.equal((await post({})).statusCode, 413);
});

test("an endless stream that is buffered is stopped at the limit, and its finally runs", async () => {
  let cleaned = false;
  const { post } = startFunction(
    class {
      async *predict() {
        try {
          for (;;) yield "x".repeat(1024 * 1024);
        } finally {
          cleaned = true;
        }
      }
    },
  );
  assert.equal((await post({})).statusCode, 413);
  assert.equal(cleaned, true);
});

// Streams and their ends

const failing = (items: unknown[]) =>
  class {
    async *predict() {
      yield* items;
      throw new Error("a secret reason");
    }
  };

test("text that fails in the middle: what came, no end, and a small error for the trailers", async () => {
  const { result, text } = await logged(() => startFunction(failing(["a", "b"])).postStream({}));
  assert.equal(result.prelude?.statusCode, 200);
  assert.equal(result.body, "ab");
  assert.equal(result.stream.ended, false);
  assert.equal(result.failure?.name, "PREDICT_FAILED");
  assert.doesNotMatch(`${result.failure?.message}${result.failure?.stack}`, /secret/);
  assert.match(text, /a secret reason/);
  assert.match(text, /lambda\.test\.ts/, "the author's own frame is in the log");
});

test("NDJSON and events say in-band that they failed", async () => {
  const ndjson = await logged(() => startFunction(failing([{ n: 1 }])).postStream({}));
  const [, line = ""] = ndjson.result.body.split("\n");
  assert.deepEqual(JSON.parse(line).error.code, "PREDICT_FAILED");
  assert.equal(JSON.parse(line).error.request_id, "request-1");
  const events = await logged(() =>
    startFunction(failing(["a"])).postStream({}, { headers: { accept: "text/event-stream" } }),
  );
  assert.match(
    events.result.body,
    /^data: a\n\nevent: error\ndata: \{"error":\{"code":"PREDICT_FAILED".*\}\}\n\n$/,
  );
  for (const { result } of [ndjson, events]) {
    assert.equal(result.stream.ended, false);
    assert.equal(result.failure?.name, "PREDICT_FAILED");
  }
});

/** A model that yields until it is stopped, and tells. */
function endless() {
  const seen = { yielded: 0, cleaned: 0, signal: undefined as AbortSignal | undefined };
  class Model {
    async *predict(input: string, { signal }: Invocation) {
      if (input === "short") {
        yield "fine";
        return;
      }
      seen.signal = signal;
      try {
        for (;;) {
          seen.yielded++;
          yield "x";
          if (input === "silent") await new Promise((resolve) => signal.addEventListener("abort", resolve));
        }
      } finally {
        seen.cleaned++;
      }
    }
  }
  return { Model, seen };
}

async function untilWritten(stream: FakeResponseStream, chunks: number) {
  while (stream.chunks.length < chunks) await sleep(1);
}

for (const input of ["silent", "busy"]) {
  test(`the reader of a ${input} model leaves: signal aborted, finally run, next call served`, async () => {
    const { Model, seen } = endless();
    const { stream, postStream } = startFunction(Model);
    const out = new FakeResponseStream();
    const event = httpEvent({ body: JSON.stringify(input) });
    const done = stream(event, out, context());
    await untilWritten(out, 2);
    out.full = input === "busy";
    await sleep(3);
    out.close();
    await done;
    await sleep(1);
    assert.equal(seen.signal?.aborted, true);
    assert.equal(seen.cleaned, 1);
    assert.equal(out.ended, false);
    assert.equal((await postStream("short")).body, "fine");
  });
}

test("a reader that leaves before the first token stops the model, and the call ends", async () => {
  let signal: AbortSignal | undefined;
  const { stream, post } = startFunction(
    class {
      predict(input: string, invocation: Invocation) {
        if (input === "go") return "fine";
        signal = invocation.signal;
        return new Promise(() => {});
      }
    },
  );
  const out = new FakeResponseStream();
  const done = stream(httpEvent({ body: '"hang"' }), out, context());
  await sleep(3);
  out.close();
  await done;
  assert.equal(signal?.aborted, true);
  assert.equal(out.chunks.length, 0);
  assert.equal(out.ended, false, "a request that is gone is left alone");
  assert.equal(bodyOf(await post('"go"')), "fine");
});

test("a slow reader makes the model wait", async () => {
  const { Model, seen } = endless();
  const { stream } = startFunction(Model);
  const out = new FakeResponseStream();
  out.full = true;
  const done = stream(httpEvent({ body: '"busy"' }), out, context());
  await untilWritten(out, 2);
  await sleep(10);
  assert.ok(seen.yielded <= 2, `${seen.yielded} items made for a reader that took one`);
  out.close();
  await done;
});

test("the deadline before the first token is 504, and after it a frame and an error", async () => {
  const { stream, postStream } = startFunction(
    class {
      async *predict(first: number[]) {
        yield* first.map((n) => ({ n }));
        await new Promise(() => {});
      }
    },
  );
  const before = await logged(() => postStream([], {}, 60));
  assert.equal(before.result.prelude?.statusCode, 504);
  assert.equal(before.result.failure, undefined);
  const after = await logged(() => postStream([1], {}, 60));
  assert.equal(after.result.prelude?.statusCode, 200);
  assert.match(after.result.body, /^\{"n":1\}\n\{"error":\{"code":"PREDICT_TIMEOUT"/);
  assert.equal(after.result.failure?.name, "PREDICT_TIMEOUT");
  const full = new FakeResponseStream();
  full.full = true;
  await logged(() =>
    assert.rejects(stream(httpEvent({ body: "[1, 2, 3]" }), full, context(60)), { name: "PREDICT_TIMEOUT" }),
  );
});

test("a stream that is silent too long is 504 before its first item, and broken off after it", async () => {
  const { postStream } = startFunction(
    class {
      async *predict(first: number[]) {
        yield* first.map((n) => ({ n }));
        await new Promise(() => {});
      }
    },
    { settings: { streamingReadTimeoutMs: 15 } },
  );
  const before = await logged(() => postStream([]));
  assert.equal(before.result.prelude?.statusCode, 504);
  assert.match(before.result.body, /STREAM_TIMEOUT/);
  const after = await logged(() => postStream([1]));
  assert.match(after.result.body, /\n\{"error":\{"code":"STREAM_TIMEOUT"/);
  assert.equal(after.result.failure?.name, "STREAM_TIMEOUT");
});

test("a Response without a first byte is an honest head, and its failure an error", async () => {
  const { postStream } = startFunction(
    class {
      predict() {
        return new Response(
          new ReadableStream({
            pull() {
              throw new Error("upstream");
            },
          }),
          { status: 200, headers: { "content-type": "text/html" } },
        );
      }
    },
  );
  const { result } = await logged(() => postStream({}));
  assert.equal(result.stream.ended, false);
  assert.equal(result.failure?.name, "PREDICT_FAILED");
});

test("a model that says CANCELLED itself does not leave the platform waiting", async () => {
  const { postStream } = startFunction(
    class {
      async *predict() {
        yield "a";
        throw new ColdframeError("CANCELLED", "I give up.");
      }
    },
  );
  const { result } = await logged(() => postStream({}));
  assert.ok(
    result.failure !== undefined || result.stream.ended,
    "neither an error nor an end: a hanging invocation",
  );
});

// What belongs to a process

test("an error that nothing awaited is logged, and the process and its model live on", async () => {
  const { code, said, lines } = await runScript(`
    let loads = 0;
    const { post, ready } = startFunction(class {
      load() { loads++; }
      async predict(input) {
        if (input === "reject") Promise.reject(new Error("stray rejection"));
        if (input === "throw") setTimeout(() => { throw new Error("stray exception"); });
        await sleep(10);
        return loads;
      }
    });
    await ready;
    for (const input of ["reject", "throw", "go"]) say((await post(JSON.stringify(input))).body);
  `);
  assert.equal(code, 0);
  assert.deepEqual(said, ["1", "1", "1"]);
  const stacks = lines.filter(({ level }) => level === "ERROR").map(({ stackTrace }) => String(stackTrace));
  assert.equal(stacks.length, 2);
  assert.match(stacks[0] ?? "", /stray rejection/);
  assert.match(stacks[1] ?? "", /stray exception/);
});

test("the runtime client's own listeners, which would exit, are gone at the first invocation; later ones stay", async () => {
  const client = "process.on('unhandledRejection', () => process.exit(128))";
  const { code, said } = await runScript(
    `
    const { post } = startFunction(class { predict() { return 1; } });
    process.on("unhandledRejection", () => say("an APM agent's"));
    await post("1");
    Promise.reject(new Error("stray"));
    await sleep(5);
  `,
    { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(client)}` },
  );
  assert.equal(code, 0);
  assert.deepEqual(said, ["an APM agent's"]);
});

test("at shutdown what runs is cancelled and the model unloads, as far as that goes", async () => {
  for (const unload of [
    "async unload() { await sleep(5); say('unloaded'); }",
    "unload() { throw new Error('no'); }",
  ]) {
    const { signal, said } = await runScript(`
      const { post } = startFunction(class {
        ${unload}
        async predict(_input, invocation) {
          invocation.signal.addEventListener("abort", () => say(invocation.signal.reason.code));
          process.kill(process.pid, "SIGTERM");
          await sleep(60_000);
        }
      });
      await post("1");
      await sleep(60_000);
    `);
    assert.equal(signal, "SIGKILL", "process.exit would hang in the runtime client's poll");
    assert.deepEqual(said, unload.startsWith("async") ? ["CANCELLED", "unloaded"] : ["CANCELLED"]);
  }
});
