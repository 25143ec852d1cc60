// What a caller depends on, one row a case. Each row runs on both clients; wire.conformance.ts is the runner. A string
// may hold `{id}`, which is the request's id.

import type { Answer, Handler } from "./_function.ts";

export interface Case {
  readonly name: string;
  /** A folder of models/. */
  readonly model: string;
  /** Default: both, one after the other. */
  readonly handler?: Handler;
  /** A function URL's event, or else the payload of a plain Invoke: any JSON value, or bytes as they are. */
  readonly event?: object;
  readonly payload?: unknown;
  /** Of the function. */
  readonly timeoutSeconds?: number;
  readonly expect: Expected;
  /** In place of `expect` when the handler is `buffered`. */
  readonly buffered?: Expected;
}

export interface Expected {
  /** HTTP status; none for a plain Invoke. */
  readonly status?: number;
  /** Some of the headers; `undefined` for one that must not be there. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly cookies?: readonly string[];
  /** The whole body. */
  readonly body?: string | Uint8Array;
  /** The whole body as JSON, and the whole result of a plain Invoke. */
  readonly json?: unknown;
  /** The code of an error answer in our shape, with the request's id in it. */
  readonly code?: string;
  /** The function's own error: of /error, or in the trailers of a stream that is not whole. */
  readonly error?: string;
  /** Must be in the log, and nowhere on the wire. */
  readonly secret?: string;
  /** Must be in the log. */
  readonly log?: RegExp;
  readonly check?: (answer: Answer) => unknown;
}

const JSON_TYPE = { "content-type": "application/json" };
const TEXT_TYPE = { "content-type": "text/plain; charset=utf-8" };
const NDJSON_TYPE = { "content-type": "application/x-ndjson" };
const SSE_TYPE = { "content-type": "text/event-stream; charset=utf-8" };
const BYTES_TYPE = { "content-type": "application/octet-stream" };
const SSE = { headers: { accept: "text/event-stream" } };
const WANTS_JSON = { headers: { accept: "application/json" } };

const EVERY_VALUE: readonly (readonly [name: string, value: unknown])[] = [
  ["null", null],
  ["true", true],
  ["false", false],
  ["zero", 0],
  ["a fraction", -1.5e-7],
  ["an empty string", ""],
  ["a string", "na\u00efve \u2028 \ud83d\ude00 \u0000"],
  ["an empty array", []],
  ["an array", [1, "two", [null]]],
  ["an object", { text: "caf\u00e9", nested: { list: [{}] } }],
  ["an object with a statusCode", { statusCode: 7, headers: { a: "b" }, body: "not a body" }],
];

const MASKED = '"message":"the model failed in predict; the log has the reason."';
const FAILURE = `{"error":{"code":"PREDICT_FAILED",${MASKED},"request_id":"{id}"}}`;
const GONE = "the weights are gone";
const MEGABYTE = 1024 * 1024;
const LONG = "0123456789abcdef".repeat(MEGABYTE / 16);

const values: Case[] = EVERY_VALUE.flatMap(([name, value]) => [
  {
    name: `${name}, there and back`,
    model: "answers",
    payload: value,
    expect: { json: value, check: hasType("application/json") },
    buffered: { json: value },
  },
  {
    name: `${name}, over HTTP`,
    model: "answers",
    event: post({ do: "value", value }),
    expect: { status: 200, headers: { ...JSON_TYPE, "x-request-id": "{id}" }, json: value },
  },
]);

const bodies: Case[] = [
  {
    name: "undefined is null",
    model: "answers",
    event: post({ do: "undefined" }),
    expect: { status: 200, headers: JSON_TYPE, body: "null" },
  },
  {
    name: "undefined is null, directly",
    model: "answers",
    payload: { do: "undefined" },
    expect: { json: null },
  },
  {
    name: "NaN and Infinity are null",
    model: "answers",
    event: post({ do: "nan" }),
    expect: { status: 200, body: '{"nan":null,"infinity":[null,null],"zero":0}' },
  },
  {
    name: "NaN and Infinity are null, directly",
    model: "answers",
    payload: { do: "nan" },
    expect: { json: { nan: null, infinity: [null, null], zero: 0 } },
  },
  {
    name: "a Float32Array is an array of numbers",
    model: "answers",
    event: post({ do: "floats" }),
    expect: { status: 200, body: "[0.5,-1,null]" },
  },
  {
    name: "an empty Response",
    model: "answers",
    event: post({ do: "empty response" }),
    expect: { status: 200, body: "" },
  },
  {
    name: "an empty generator",
    model: "answers",
    event: post({ do: "nothing" }),
    expect: { status: 200, headers: TEXT_TYPE, body: "" },
  },
  {
    name: "an empty generator as JSON",
    model: "answers",
    event: post({ do: "nothing" }, WANTS_JSON),
    expect: { status: 200, headers: JSON_TYPE, body: '""' },
  },
  {
    name: "an empty generator, directly",
    model: "answers",
    payload: { do: "nothing" },
    expect: { body: "" },
    buffered: { body: '""' },
  },
  {
    name: "204 has no body",
    model: "answers",
    event: post({ do: "204" }),
    expect: { status: 204, headers: { "content-type": undefined }, body: "" },
  },
  {
    name: "two cookies, a status and a latin-1 header",
    model: "answers",
    event: post({ do: "cookies" }),
    expect: {
      status: 201,
      headers: { "content-type": "text/html", "x-answer": "caf\u00e9", "set-cookie": undefined },
      cookies: ["a=1; Path=/; Expires=Wed, 21 Oct 2099 07:28:00 GMT", "b=2; HttpOnly"],
      body: "<p>two</p>",
    },
  },
  {
    name: "bytes in, bytes out",
    model: "answers",
    event: binary(Uint8Array.of(0, 0, 1, 2, 0xff, 0xc3)),
    expect: { status: 200, headers: BYTES_TYPE, body: Uint8Array.of(0xc3, 0xff, 2, 1, 0, 0) },
  },
  {
    name: "every byte",
    model: "answers",
    event: post({ do: "binary" }),
    expect: { status: 200, headers: BYTES_TYPE, body: Uint8Array.from({ length: 300 }, (_, i) => i) },
  },
  {
    name: "bytes, directly",
    model: "answers",
    payload: { do: "binary" },
    expect: {
      body: Uint8Array.from({ length: 300 }, (_, i) => i),
      check: hasType("application/octet-stream"),
    },
    buffered: {
      body: JSON.stringify(Buffer.from(Uint8Array.from({ length: 300 }, (_, i) => i)).toString("base64")),
      check: hasType("application/json"),
    },
  },
  {
    name: "bytes like the delimiter after the prelude",
    model: "answers",
    event: post({ do: "bytes like a delimiter" }),
    expect: { status: 200, headers: BYTES_TYPE, body: Uint8Array.of(...new Uint8Array(16), 0xff, 0) },
  },
];

const streams: Case[] = [
  {
    name: "a stream of text",
    model: "answers",
    event: post({ do: "stream", items: ["one ", "", "two\r\n", "\u4e09"] }),
    expect: {
      status: 200,
      headers: { ...TEXT_TYPE, "cache-control": "no-cache" },
      body: "one two\r\n\u4e09",
    },
  },
  {
    name: "a stream of text, directly",
    model: "answers",
    payload: { do: "stream", items: ["one ", "two"] },
    expect: { body: "one two", check: hasType("text/plain; charset=utf-8") },
    buffered: { body: '"one two"', check: hasType("application/json") },
  },
  {
    name: "a stream of objects is NDJSON",
    model: "answers",
    event: post({ do: "stream", items: [{ n: 1 }, null, { text: "a\nb" }] }),
    expect: { status: 200, headers: NDJSON_TYPE, body: '{"n":1}\nnull\n{"text":"a\\nb"}\n' },
  },
  {
    name: "a stream of objects, directly",
    model: "answers",
    payload: { do: "stream", items: [{ n: 1 }, { n: 2 }] },
    expect: { body: '{"n":1}\n{"n":2}\n', check: hasType("application/x-ndjson") },
    buffered: { body: '[{"n":1},{"n":2}]', check: hasType("application/json") },
  },
  {
    name: "a stream as events",
    model: "answers",
    event: post({ do: "stream", items: ["one", "two\nlines", { n: 3 }] }, SSE),
    expect: {
      status: 200,
      headers: SSE_TYPE,
      body: 'data: one\n\ndata: two\ndata: lines\n\ndata: {"n":3}\n\n',
    },
  },
  {
    name: "a stream of text as one JSON string",
    model: "answers",
    event: post({ do: "stream", items: ["one ", "two"] }, WANTS_JSON),
    expect: { status: 200, headers: JSON_TYPE, body: '"one two"' },
  },
  {
    name: "an emoji split over two chunks",
    model: "answers",
    event: post({ do: "split text" }),
    expect: { status: 200, headers: TEXT_TYPE, body: "caf\u00e9 \ud83d\ude00 fin" },
  },
  {
    name: "a character split over two chunks of bytes",
    model: "answers",
    event: post({ do: "split bytes" }),
    expect: { status: 200, body: "c\u00e9" },
  },
  {
    name: "a character split over two chunks of bytes, gathered",
    model: "answers",
    payload: { do: "split bytes" },
    handler: "buffered",
    expect: { body: '"c\u00e9"' },
  },
  {
    name: "a generator as predict",
    model: "typed",
    event: post({ prompt: "\u00e9" }),
    expect: { status: 200, headers: TEXT_TYPE, body: "\u00e90 \u00e91 " },
  },
  {
    name: "a generator as predict, directly",
    model: "typed",
    payload: { prompt: "a", max_tokens: 1 },
    expect: { body: "a0 " },
    buffered: { body: '"a0 "' },
  },
];

const requests: Case[] = [
  {
    name: "GET /",
    model: "answers",
    event: call("GET", "/"),
    expect: { status: 200, json: { status: "alive" } },
  },
  {
    name: "HEAD / has no body",
    model: "answers",
    event: call("HEAD", "/"),
    expect: { status: 200, headers: JSON_TYPE, body: "" },
  },
  {
    name: "HEAD of what takes POST has no body",
    model: "answers",
    event: call("HEAD", "/predict"),
    expect: { status: 405, headers: { allow: "POST" }, body: "" },
  },
  {
    name: "GET with a body",
    model: "answers",
    event: { ...call("GET", "/health/ready"), body: "{not read" },
    expect: { status: 200, json: { status: "ready" } },
  },
  {
    name: "GET of what takes POST, with a body",
    model: "answers",
    event: { ...call("GET", "/predict"), body: "{}" },
    expect: { status: 405, headers: { allow: "POST" }, code: "METHOD_NOT_ALLOWED" },
  },
  {
    name: "a path with %2F stays encoded",
    model: "answers",
    event: post({ do: "request" }, { path: "/v1/models/a%2Fb%3A:predict", query: "q=a%20b&q=%C3%A9" }),
    expect: {
      status: 200,
      json: {
        method: "POST",
        url: "https://test.lambda-url/v1/models/a%2Fb%3A:predict?q=a%20b&q=%C3%A9",
        source: "function-url",
      },
    },
  },
  {
    name: "cookies of the caller",
    model: "answers",
    event: { ...post({ do: "request" }), cookies: ["a=1", "b=2; x"] },
    expect: { status: 200, check: (answer) => jsonOf(answer).cookie === "a=1; b=2; x" || "cookie" },
  },
  {
    name: "a path that begins with // names no host",
    model: "answers",
    event: post({ do: "request" }, { path: "//evil.example/predict" }),
    expect: { status: 404, code: "ROUTE_NOT_FOUND" },
  },
  {
    name: "an unknown path",
    model: "answers",
    event: post({}, { path: "/predict/" }),
    expect: { status: 404, headers: JSON_TYPE, code: "ROUTE_NOT_FOUND" },
  },
  {
    name: "a body that is not JSON",
    model: "answers",
    event: post('{"do": "value"'),
    expect: { status: 400, headers: { ...JSON_TYPE, "x-request-id": "{id}" }, code: "INPUT_INVALID" },
  },
  {
    name: "no body",
    model: "answers",
    event: call("POST", "/predict"),
    expect: { status: 400, code: "INPUT_INVALID" },
  },
  {
    name: "a body of an unknown media type",
    model: "answers",
    event: post("a: 1", { headers: { "content-type": "application/yaml" } }),
    expect: { status: 415, code: "INPUT_UNSUPPORTED" },
  },
  {
    name: "an input that does not fit the schema",
    model: "typed",
    event: post({ prompt: "", tags: [{ name: "a" }, { name: 1 }] }),
    expect: {
      status: 400,
      code: "INPUT_INVALID",
      check: (answer) => {
        const { issues } = jsonOf(answer).error as { issues: { path: string }[] };
        const paths = issues.map(({ path }) => path).join();
        return paths === "prompt,tags[1].name" || `paths ${paths}`;
      },
    },
  },
  {
    name: "an input that does not fit the schema, directly",
    model: "typed",
    payload: { prompt: 1 },
    expect: { error: "INPUT_INVALID", check: messageHas("prompt") },
  },
];

const failures: Case[] = [
  {
    name: "an event of a source that this deployment does not have",
    model: "answers",
    payload: { Records: [{ eventSource: "aws:sqs", body: "{}", messageId: "1" }] },
    expect: { error: "EVENT_UNKNOWN", check: messageHas("serverless.events") },
  },
  {
    name: "a failure before anything",
    model: "answers",
    event: post({ do: "fail" }),
    expect: {
      status: 500,
      headers: JSON_TYPE,
      code: "PREDICT_FAILED",
      secret: GONE,
      log: /model\/model\.ts:\d+/,
    },
  },
  {
    name: "a failure before anything, directly",
    model: "answers",
    payload: { do: "fail" },
    expect: { error: "PREDICT_FAILED", secret: GONE, body: "" },
  },
  {
    name: "a failure before the first token",
    model: "answers",
    event: post({ do: "fail before the first" }),
    expect: { status: 500, headers: JSON_TYPE, code: "PREDICT_FAILED", secret: GONE },
  },
  {
    name: "a failure before the first token, as events",
    model: "answers",
    event: post({ do: "fail before the first" }, SSE),
    expect: { status: 500, headers: JSON_TYPE, code: "PREDICT_FAILED", secret: GONE },
  },
  {
    name: "a failure before the first token, directly",
    model: "answers",
    payload: { do: "fail before the first" },
    expect: { error: "PREDICT_FAILED", secret: GONE, body: "" },
  },
  {
    name: "a failure in the middle of a text",
    model: "answers",
    event: post({ do: "fail after", items: ["one ", "two "] }),
    expect: { status: 200, headers: TEXT_TYPE, body: "one two ", error: "PREDICT_FAILED", secret: GONE },
    buffered: { status: 500, headers: JSON_TYPE, code: "PREDICT_FAILED", secret: GONE },
  },
  {
    name: "a failure in the middle of a text, directly",
    model: "answers",
    payload: { do: "fail after", items: ["one ", "two "] },
    expect: { body: "one two ", error: "PREDICT_FAILED", secret: GONE },
    buffered: { body: "", error: "PREDICT_FAILED", secret: GONE },
  },
  {
    name: "a failure in the middle of NDJSON",
    model: "answers",
    event: post({ do: "fail after", items: [{ n: 1 }, { n: 2 }] }),
    expect: {
      status: 200,
      headers: NDJSON_TYPE,
      body: `{"n":1}\n{"n":2}\n${FAILURE}\n`,
      error: "PREDICT_FAILED",
      secret: GONE,
    },
    buffered: { status: 500, headers: JSON_TYPE, code: "PREDICT_FAILED", secret: GONE },
  },
  {
    name: "a failure in the middle of events",
    model: "answers",
    event: post({ do: "fail after", items: ["one", { n: 2 }] }, SSE),
    expect: {
      status: 200,
      headers: SSE_TYPE,
      body: `data: one\n\ndata: {"n":2}\n\nevent: error\ndata: ${FAILURE}\n\n`,
      error: "PREDICT_FAILED",
      secret: GONE,
    },
    buffered: { status: 500, headers: JSON_TYPE, code: "PREDICT_FAILED", secret: GONE },
  },
  {
    name: "a failure in the middle of what is gathered",
    model: "answers",
    event: post({ do: "fail after", items: ["one ", "two "] }, WANTS_JSON),
    expect: { status: 500, headers: JSON_TYPE, code: "PREDICT_FAILED", secret: GONE },
  },
  {
    name: "an error the caller may read",
    model: "answers",
    event: post({ do: "refuse", message: "the prompt is \u00fcber\nlong \u007f" }),
    expect: { status: 400, code: "INPUT_INVALID", check: messageHas("\u00fcber\nlong \u007f Write one.") },
  },
  {
    name: "an error the caller may read, directly",
    model: "answers",
    payload: { do: "refuse", message: "the prompt is \u00fcber\nlong \u007f" },
    // AWS's client writes DEL as %7F: the platform copies the message into a header.
    expect: { error: "INPUT_INVALID", check: messageHas("\u00fcber\nlong %7F Write one.") },
  },
  {
    name: "an error the caller may read in the middle of events",
    model: "answers",
    event: post({ do: "refuse after", items: ["one"], message: "the prompt is \u00fcber" }, SSE),
    expect: {
      status: 200,
      error: "INPUT_INVALID",
      body: 'data: one\n\nevent: error\ndata: {"error":{"code":"INPUT_INVALID","message":"the prompt is \u00fcber","request_id":"{id}"}}\n\n',
    },
    buffered: { status: 400, code: "INPUT_INVALID" },
  },
  ...["string", "undefined", "null", "object"].flatMap((value): Case[] => [
    {
      name: `a thrown ${value}`,
      model: "answers",
      event: post({ do: "throw", value }),
      expect: { status: 500, code: "PREDICT_FAILED", log: new RegExp(`(a thrown|threw) ${value}`) },
    },
    {
      name: `a thrown ${value}, directly`,
      model: "answers",
      payload: { do: "throw", value },
      expect: { error: "PREDICT_FAILED", log: new RegExp(`(a thrown|threw) ${value}`) },
    },
  ]),
  ...["cycle", "bigint"].flatMap((value): Case[] => [
    {
      name: `a ${value} is not JSON`,
      model: "answers",
      event: post({ do: value }),
      expect: { status: 500, code: "OUTPUT_INVALID" },
    },
    {
      name: `a ${value} is not JSON, directly`,
      model: "answers",
      payload: { do: value },
      expect: { error: "OUTPUT_INVALID" },
    },
  ]),
  {
    name: "a BigInt as the first item of a stream",
    model: "answers",
    event: post({ do: "bigint after", items: [] }),
    expect: { status: 500, code: "OUTPUT_INVALID" },
  },
  {
    name: "a BigInt in the middle of NDJSON",
    model: "answers",
    event: post({ do: "bigint after", items: [{ n: 1 }] }),
    expect: {
      status: 200,
      error: "OUTPUT_INVALID",
      check: ({ body }) =>
        /^\{"n":1\}\n\{"error":\{"code":"OUTPUT_INVALID".*\}\}\n$/.test(body.toString()) || body.toString(),
    },
    buffered: { status: 500, code: "OUTPUT_INVALID" },
  },
  {
    name: "an error with a message of 1 MB",
    model: "answers",
    event: post({ do: "fail", message: LONG }),
    expect: { status: 500, code: "PREDICT_FAILED", secret: LONG.slice(0, 64), check: isSmall },
  },
  {
    name: "an error with a message of 1 MB, directly",
    model: "answers",
    payload: { do: "fail", message: LONG },
    expect: { error: "PREDICT_FAILED", secret: LONG.slice(0, 64), check: isSmall },
  },
  {
    name: "an error with a message of 1 MB in the middle of a text",
    model: "answers",
    event: post({ do: "fail after", items: ["one "], message: LONG }),
    expect: { status: 200, body: "one ", error: "PREDICT_FAILED", secret: LONG.slice(0, 64), check: isSmall },
    buffered: { status: 500, code: "PREDICT_FAILED", check: isSmall },
  },
  {
    name: "an error the caller may read, with a message of 1 MB, in the middle of a text",
    model: "answers",
    handler: "stream",
    event: post({ do: "refuse after", items: ["one "], message: LONG }),
    expect: { status: 200, body: "one ", error: "INPUT_INVALID", check: isSmall },
  },
  {
    name: "an error the caller may read, with a message of 1 MB, directly",
    model: "answers",
    payload: { do: "refuse", message: LONG },
    expect: { error: "INPUT_INVALID", check: isSmall },
  },
  ...["rejection", "exception"].map(
    (kind): Case => ({
      name: `a stray ${kind}`,
      model: "answers",
      event: post({ do: `stray ${kind}` }),
      expect: { status: 200, body: '"answered"', log: new RegExp(`a stray ${kind}.*model/model\\.ts:\\d+`) },
    }),
  ),
  {
    name: "a stray exception after the answer",
    model: "answers",
    event: post({ do: "stray after the answer" }),
    expect: { status: 200, body: '"answered"' },
  },
  {
    name: "a stray rejection and a stray exception in a stream",
    model: "answers",
    event: post({ do: "stray in a stream" }),
    expect: { status: 200, body: "one two", log: /a stray exception/ },
  },
];

const sizes: Case[] = [
  {
    name: "a payload of 5 MB and an answer of 5 MB",
    model: "answers",
    event: post({ do: "value", value: LONG.repeat(5) }),
    expect: { status: 200, json: LONG.repeat(5) },
  },
  {
    name: "an answer over 6 MB",
    model: "answers",
    event: post({ do: "text", bytes: 7 * MEGABYTE }),
    expect: { status: 200, check: hasLength(7 * MEGABYTE + 2) },
    buffered: { status: 413, code: "OUTPUT_TOO_LARGE", check: messageHas("index.stream") },
  },
  {
    name: "an answer over 6 MB, directly",
    model: "answers",
    payload: { do: "text", bytes: 7 * MEGABYTE },
    expect: { check: hasLength(7 * MEGABYTE + 2) },
    buffered: { error: "OUTPUT_TOO_LARGE", check: messageHas("index.stream") },
  },
  {
    name: "an answer under 6 MB that base64 takes over 6 MB",
    model: "answers",
    event: post({ do: "flood", bytes: 5 * MEGABYTE }),
    expect: { status: 200, headers: BYTES_TYPE, check: hasLength(5 * MEGABYTE) },
    buffered: { status: 413, headers: JSON_TYPE, code: "OUTPUT_TOO_LARGE" },
  },
];

/** Long enough for a busy machine, short enough to wait for. */
const SHORT = { timeoutSeconds: 2 };

const deadlines: Case[] = [
  {
    name: "a predict that never settles",
    model: "answers",
    ...SHORT,
    event: post({ do: "never" }),
    expect: { status: 504, code: "PREDICT_TIMEOUT" },
  },
  {
    name: "a predict that never settles, directly",
    model: "answers",
    ...SHORT,
    payload: { do: "never" },
    expect: { error: "PREDICT_TIMEOUT", body: "" },
  },
  {
    name: "a predict that sleeps past the deadline",
    model: "answers",
    ...SHORT,
    event: post({ do: "sleep", ms: 4_000 }),
    expect: { status: 504, code: "PREDICT_TIMEOUT" },
  },
  {
    name: "a predict that stops when its signal aborts",
    model: "answers",
    ...SHORT,
    event: post({ do: "polite" }),
    expect: { status: 504, code: "PREDICT_TIMEOUT" },
  },
  {
    name: "a text past the deadline",
    model: "answers",
    ...SHORT,
    event: post({ do: "stream past the deadline", items: ["one "], ms: 4_000 }),
    expect: { status: 200, body: "one ", error: "PREDICT_TIMEOUT" },
    buffered: { status: 504, code: "PREDICT_TIMEOUT" },
  },
  {
    name: "events past the deadline",
    model: "answers",
    ...SHORT,
    event: post({ do: "stream past the deadline", items: ["one"], ms: 4_000 }, SSE),
    expect: {
      status: 200,
      error: "PREDICT_TIMEOUT",
      check: ({ body }) =>
        /^data: one\n\nevent: error\ndata: .*"PREDICT_TIMEOUT".*\n\n$/.test(body.toString()) ||
        body.toString(),
    },
    buffered: { status: 504, code: "PREDICT_TIMEOUT" },
  },
];

export const CASES: readonly Case[] = [
  ...values,
  ...bodies,
  ...streams,
  ...requests,
  ...failures,
  ...sizes,
  ...deadlines,
];

interface EventParts {
  readonly path?: string;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function post(body: unknown, { path = "/predict", query = "", headers }: EventParts = {}) {
  const event = call("POST", path, query, { "content-type": "application/json", ...headers });
  return { ...event, body: typeof body === "string" ? body : JSON.stringify(body) };
}

function binary(bytes: Uint8Array) {
  const event = call("POST", "/predict", "", BYTES_TYPE);
  return { ...event, body: Buffer.from(bytes).toString("base64"), isBase64Encoded: true };
}

/** Payload 2.0 of a function URL, as far as it is read. */
function call(method: string, path: string, query = "", headers: Readonly<Record<string, string>> = {}) {
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath: path,
    rawQueryString: query,
    headers: { host: "test.lambda-url", ...headers },
    requestContext: { stage: "$default", http: { method, path, protocol: "HTTP/1.1" } },
    isBase64Encoded: false,
  };
}

function jsonOf({ body }: Answer): Record<string, unknown> {
  return JSON.parse(body.toString()) as Record<string, unknown>;
}

function hasType(expected: string) {
  return ({ contentType }: Answer) => contentType === expected || `content type ${contentType}`;
}

function hasLength(expected: number) {
  return ({ body }: Answer) => body.length === expected || `${body.length} bytes`;
}

function messageHas(words: string) {
  return (answer: Answer) => {
    const { message } = (
      answer.error === undefined ? jsonOf(answer).error : { message: answer.error.errorMessage }
    ) as {
      message: string;
    };
    return message.includes(words) || message;
  };
}

/** What is told of an error never grows with it: trailers are a header line. */
function isSmall({ error, body }: Answer) {
  const bytes = JSON.stringify(error ?? "").length + body.length;
  return bytes < 8_192 || `${bytes} bytes`;
}
