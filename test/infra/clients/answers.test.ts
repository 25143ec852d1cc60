// What a caller gets: values, streams, errors that say why, another try where it may help, and an end when it asks for one.

import assert from "node:assert/strict";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { type TestContext, test } from "node:test";
import {
  type CallOptions,
  type ClientOptions,
  ColdframeClientError,
  createClient,
} from "../../../infra/clients/index.ts";
import { pauseMs } from "../../../infra/clients/retry.ts";
import { type Received, startServer } from "./_function-url.ts";

const JSON_TYPE = { "content-type": "application/json" };
const ERROR = { code: "PREDICT_FAILED", message: "the model failed.", request_id: "r-1" };

/** A server whose answers are written in turn; the last one stays. */
async function served(
  t: TestContext,
  answers: ((response: ServerResponse, request: Received) => unknown)[],
  options: Partial<ClientOptions> = {},
) {
  const standIn = await startServer(t, async (request, response) => {
    const at = Math.min(standIn.received.length, answers.length) - 1;
    await answers[at]?.(response, request);
  });
  return { ...standIn, client: createClient({ url: standIn.url, ...options }) };
}

const body = (type: string, text: string | Uint8Array) => (response: ServerResponse) =>
  response.writeHead(200, { "content-type": type }).end(text);

const status =
  (code: number, headers: Record<string, string> = {}, text = "") =>
  (response: ServerResponse) =>
    response.writeHead(code, { "retry-after": "0", ...headers }).end(text);

const ok = body("application/json", '"fine"');

async function collected(items: AsyncIterable<unknown>): Promise<{ items: unknown[]; error?: unknown }> {
  const found: unknown[] = [];
  try {
    for await (const item of items) found.push(item);
  } catch (error) {
    return { items: found, error };
  }
  return { items: found };
}

const facts = (error: unknown) => {
  assert.ok(error instanceof ColdframeClientError, String(error));
  return [error.code, error.status, error.requestId, error.message];
};

const clientError =
  (...owed: unknown[]) =>
  (error: unknown) => {
    assert.deepEqual(facts(error).slice(0, owed.length), owed);
    return true;
  };

test("an answer is a value by its content type", async (t) => {
  const bytes = new Uint8Array([0, 255]);
  const { client } = await served(t, [
    body("application/json; charset=utf-8", '{"a":"ü"}'),
    body("application/problem+json", "[1]"),
    body("text/plain; charset=utf-8", "ü\n"),
    body("application/x-ndjson", "1\n2\n"),
    body("image/png", bytes),
    body("application/json", ""),
    (response) => response.writeHead(204).end(),
    body("application/json", "{"),
  ]);
  const values = [];
  for (let i = 0; i < 7; i++) values.push(await client.predict({}));
  assert.deepEqual(values, [{ a: "ü" }, [1], "ü\n", [1, 2], bytes, undefined, undefined]);
  await assert.rejects(client.predict({}), clientError("ANSWER_INVALID", 200));
});

test("predict asks for a whole answer, stream for the natural one; both as the caller says", async (t) => {
  const { client, received } = await served(t, [body("text/plain", "a")], {
    headers: { "X-Key": "k", accept: "a/b" },
  });
  const plain = createClient({ url: client.url });
  await plain.predict({});
  await collected(plain.stream({}));
  await client.predict({});
  await client.predict({}, { headers: { Accept: "text/plain", "x-key": "l" } });
  assert.deepEqual(
    received.map(({ method, path, headers }) => [method, path, headers["accept"], headers["x-key"]]),
    [
      ["POST", "/predict", "application/json, */*;q=0.5", undefined],
      ["POST", "/predict", "*/*", undefined],
      ["POST", "/predict", "a/b", "k"],
      ["POST", "/predict", "text/plain", "l"],
    ],
  );
});

test("a stream is text, values, events or bytes by its content type, as it arrives", async (t) => {
  let next: (() => void) | undefined;
  const inTurn =
    (type: string, ...chunks: (string | Uint8Array)[]) =>
    async (response: ServerResponse) => {
      response.writeHead(200, { "content-type": type });
      for (const chunk of chunks) {
        const taken = new Promise<void>((resolve) => {
          next = resolve;
        });
        response.write(chunk);
        // Until the caller has it: whoever gathers would wait for ever.
        await taken;
      }
      response.end();
    };
  const bird = Buffer.from("🦜");
  const { client } = await served(t, [
    inTurn("text/plain", "one ", "two"),
    inTurn(
      "application/x-ndjson",
      '{"a":1}\n',
      '{"error":"mine"}\n',
      '{"error":{"code":"E","message":""}}\n',
      '{"error":{"code":"E","message":"","request_id":"r"},"more":1}\n',
    ),
    inTurn("text/event-stream", "data: 1\n\n", 'event: token\ndata: {"error":{"message":"mine"}}\n\n'),
    inTurn("audio/wav", new Uint8Array([1]), new Uint8Array([2, 3])),
  ]);
  const streamed = async () => {
    const items: unknown[] = [];
    for await (const item of client.stream({})) {
      items.push(item);
      next?.();
    }
    return items;
  };
  assert.deepEqual(await streamed(), ["one ", "two"]);
  assert.deepEqual(await streamed(), [
    { a: 1 },
    { error: "mine" },
    { error: { code: "E", message: "" } },
    { error: { code: "E", message: "", request_id: "r" }, more: 1 },
  ]);
  assert.deepEqual(await streamed(), [
    { event: "message", data: "1", id: "" },
    { event: "token", data: '{"error":{"message":"mine"}}', id: "" },
  ]);
  assert.deepEqual(await streamed(), [new Uint8Array([1]), new Uint8Array([2, 3])]);

  const { client: other } = await served(t, [
    async (response) => {
      response.writeHead(200, { "content-type": "text/plain" });
      response.write(bird.subarray(0, 2));
      await new Promise(setImmediate);
      response.end(bird.subarray(2));
    },
    body("application/json", '{"whole":true}'),
    (response) => response.writeHead(204).end(),
  ]);
  assert.equal((await collected(other.stream({}))).items.join(""), "🦜");
  assert.deepEqual(await collected(other.stream({})), { items: [{ whole: true }] });
  assert.deepEqual(await collected(other.stream({})), { items: [] });
});

test("an error of the model is its code, status, request id and issues; a vendor's and a stranger's too", async (t) => {
  const issues = [{ path: "prompt", message: "is missing" }];
  const { client } = await served(t, [
    status(400, JSON_TYPE, JSON.stringify({ error: { ...ERROR, code: "INPUT_INVALID", issues } })),
    status(
      400,
      { "x-request-id": "r-2" },
      '{"error":{"message":"no","type":"invalid_request_error","code":null}}',
    ),
    status(404, { "x-amzn-requestid": "r-3" }, "<h1>not here</h1>"),
    status(413, JSON_TYPE, '{"Message":"Request must be smaller"}'),
    status(500),
  ]);
  await assert.rejects(client.predict({}), (error: ColdframeClientError) => {
    assert.deepEqual(error.issues, issues);
    return clientError("INPUT_INVALID", 400, "r-1", "the model failed.")(error);
  });
  assert.deepEqual(facts((await collected(client.stream({}))).error), [
    "invalid_request_error",
    400,
    "r-2",
    "no",
  ]);
  await assert.rejects(client.predict({}), clientError("HTTP_404", 404, "r-3", "<h1>not here</h1>"));
  await assert.rejects(
    client.predict({}),
    clientError("HTTP_413", 413, undefined, '{"Message":"Request must be smaller"}'),
  );
  await assert.rejects(client.predict({}), clientError("HTTP_500", 500, undefined, "no body."));
});

test("an error in the middle of a stream comes after what was whole", async (t) => {
  const frame = JSON.stringify({ error: ERROR });
  const { client } = await served(t, [
    body("text/event-stream", `data: 1\n\nevent: error\ndata: ${frame}\n\n`),
    body("application/x-ndjson", `{"a":1}\n${frame}\n`),
    body(
      "text/event-stream",
      'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"no"}}\n\n',
    ),
    body(
      "text/event-stream",
      'data: {"error":{"message":"no","type":"server_error","code":null}}\n\ndata: [DONE]\n\n',
    ),
    body("text/event-stream", "event: error\ndata: out of luck\n\n"),
  ]);
  const ended = async () => {
    const { items, error } = await collected(client.stream({}));
    return [items.length, ...facts(error)];
  };
  assert.deepEqual(await ended(), [1, "PREDICT_FAILED", 200, "r-1", "the model failed."]);
  assert.deepEqual(await ended(), [1, "PREDICT_FAILED", 200, "r-1", "the model failed."]);
  assert.deepEqual(await ended(), [0, "api_error", 200, undefined, "no"]);
  assert.deepEqual(await ended(), [0, "server_error", 200, undefined, "no"]);
  assert.deepEqual(await ended(), [0, "STREAM_FAILED", 200, undefined, "out of luck"]);
});

test("an answer that ends too early is an error, and is not asked for again", async (t) => {
  const cutOff = (type: string, text: string) => (response: ServerResponse) => {
    response.writeHead(200, { "content-type": type });
    response.write(text, () => response.destroy());
  };
  const { client, received } = await served(t, [
    cutOff("text/plain", "a"),
    cutOff("application/json", '"a'),
    body("text/event-stream", "data: 1\n\ndata: 2\n"),
    body("application/x-ndjson", '{"a":1}\n{"a'),
    body("text/plain", Buffer.from("aü").subarray(0, 2)),
  ]);
  const ended = async () => {
    const { items, error } = await collected(client.stream({}));
    return [items.length, facts(error)[0]];
  };
  assert.deepEqual(await ended(), [1, "STREAM_BROKEN"]);
  await assert.rejects(client.predict({}), clientError("STREAM_BROKEN"));
  for (let i = 0; i < 3; i++) assert.deepEqual(await ended(), [1, "STREAM_BROKEN"]);
  assert.equal(received.length, 5);
});

test("what may pass is tried again, three times in all", async (t) => {
  const tries = async (answer: (response: ServerResponse) => unknown, options?: Partial<ClientOptions>) => {
    const { client, received } = await served(t, [answer, answer, ok], { ...options });
    const outcome = await client.predict({ same: true }).catch((error: ColdframeClientError) => error.code);
    assert.equal(new Set(received.map(({ body: sent }) => String(sent))).size, 1);
    return [received.length, outcome];
  };
  const own = (code: string) => JSON.stringify({ error: { ...ERROR, code } });
  t.mock.method(Math, "random", () => 0);
  assert.deepEqual(await tries(status(503, JSON_TYPE, own("MODEL_NOT_READY"))), [3, "fine"]);
  assert.deepEqual(await tries(status(429)), [3, "fine"]);
  assert.deepEqual(await tries(status(502, {}, '{"Message":"Internal Server Error"}')), [3, "fine"]);
  assert.deepEqual(await tries(status(504)), [3, "fine"]);
  assert.deepEqual(await tries((response) => response.destroy()), [3, "fine"]);
  assert.deepEqual(await tries(status(503), { retries: 1 }), [2, "HTTP_503"]);
  assert.deepEqual(await tries(status(503), { retries: 0 }), [1, "HTTP_503"]);
  // The model's own verdict would be the same.
  assert.deepEqual(await tries(status(504, JSON_TYPE, own("PREDICT_TIMEOUT"))), [1, "PREDICT_TIMEOUT"]);
  assert.deepEqual(await tries(status(503, { "x-should-retry": "false" })), [1, "HTTP_503"]);
  for (const code of [400, 404, 413, 500]) assert.deepEqual(await tries(status(code)), [1, `HTTP_${code}`]);
});

test("nobody there is CONNECTION_FAILED; Node's limit of five minutes is not waited for again", async (t) => {
  const { url, server } = await startServer(t, () => {});
  await new Promise((resolve) => server.close(resolve));
  await assert.rejects(createClient({ url, retries: 0 }).predict({}), (error: ColdframeClientError) => {
    assert.match(error.message, /^127\.0\.0\.1:\d+ did not answer: .*ECONNREFUSED/);
    return clientError("CONNECTION_FAILED", undefined)(error);
  });
  let tries = 0;
  const fetch = async () => {
    tries++;
    throw new TypeError("fetch failed", {
      cause: { code: "UND_ERR_HEADERS_TIMEOUT", message: "Headers Timeout Error" },
    });
  };
  await assert.rejects(createClient({ url, fetch }).predict({}), clientError("CONNECTION_FAILED"));
  assert.equal(tries, 1);
});

test("the pause is what the answer asks for, and a random part of a growing time on top", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: Date.parse("2026-01-01T00:00:00Z") });
  t.mock.method(Math, "random", () => 0.5);
  assert.deepEqual(
    [1, 2, 3, 9].map((tries) => pauseMs(tries)),
    [250, 500, 1000, 10_000],
  );
  assert.deepEqual(
    [1, 2].map((tries) => pauseMs(tries, "2")),
    [2250, 2500],
  );
  assert.equal(pauseMs(1, "Thu, 01 Jan 2026 00:00:30 GMT"), 30_250);
  assert.equal(pauseMs(1, "Thu, 01 Jan 2025 00:00:00 GMT"), 250);
  assert.equal(pauseMs(1, "soon"), 250);
  assert.equal(pauseMs(1, "61"), undefined, "who asks for more than a minute is not waited for");
  const { client, received } = await served(t, [status(503, { "retry-after": "61" })]);
  await assert.rejects(client.predict({}), clientError("HTTP_503"));
  assert.equal(received.length, 1);
});

test("break ends the request; so does a signal, with its reason, at whatever it is", {
  timeout: 20_000,
}, async (t) => {
  let closed: Promise<unknown> | undefined;
  const endless = (response: ServerResponse) => {
    closed = once(response, "close");
    response.writeHead(200, { "content-type": "text/plain" }).write("a");
  };
  const { client } = await served(t, [endless]);
  for await (const item of client.stream({})) {
    assert.equal(item, "a");
    break;
  }
  await closed;

  const reason = new Error("the user left");
  const controller = new AbortController();
  const { items, error } = await collected(
    (async function* () {
      for await (const item of client.stream({}, { signal: controller.signal })) {
        yield item;
        controller.abort(reason);
      }
    })(),
  );
  assert.deepEqual([items, error], [["a"], reason]);
  await closed;

  const { client: silent, received } = await served(t, [(response) => once(response, "close")]);
  const aborted = async (run: (options: CallOptions) => Promise<unknown>) => {
    const stop = new AbortController();
    const arrived = received.length;
    const ended = assert.rejects(run({ signal: stop.signal }), reason);
    while (received.length === arrived) await new Promise(setImmediate);
    stop.abort(reason);
    await ended;
  };
  await aborted((options) => silent.predict({}, options));
  await aborted((options) =>
    collected(silent.stream({}, options)).then(({ error: thrown }) => Promise.reject(thrown)),
  );
  await aborted((options) => silent.fetch("/x", { signal: options.signal ?? null }));
  await aborted(({ signal = null }) => silent.fetch(new Request(`${silent.url}/x`, { signal })));
  const before = received.length;
  await assert.rejects(silent.predict({}, { signal: AbortSignal.abort(reason) }), reason);
  assert.equal(received.length, before, "nothing was sent");

  const { client: busy } = await served(t, [status(503, { "retry-after": "60" })]);
  const stop = new AbortController();
  const ended = assert.rejects(busy.predict({}, { signal: stop.signal }), reason);
  t.mock.method(Math, "random", () => {
    stop.abort(reason);
    return 0;
  });
  await ended;
});

test("fetch is sent once and gives any answer as it is", async (t) => {
  const { client, received } = await served(t, [status(503, {}, "busy"), ok]);
  const response = await client.fetch("/predict", { method: "POST", body: "{}" });
  assert.deepEqual([response.status, await response.text(), received.length], [503, "busy", 1]);
});
