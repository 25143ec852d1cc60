import assert from "node:assert/strict";
import { test } from "node:test";
import { streamOf } from "./_call.ts";
import { bodyOf, startFunction } from "./_function.ts";

/** A function whose predict is `predict`, answered once, buffered. */
async function answer(predict: (input: unknown) => unknown, headers: Record<string, string> = {}) {
  return startFunction(modelOf(predict)).post({}, { headers });
}

function modelOf(predict: (input: unknown) => unknown) {
  return class {
    predict(input: unknown) {
      return predict(input);
    }
  };
}

const typeOf = (result: { headers: Record<string, string> }) => result.headers["content-type"];

const bytesOf = (result: { body?: string; isBase64Encoded: boolean }) => {
  assert.equal(result.isBase64Encoded, true);
  return Uint8Array.from(Buffer.from(result.body ?? "", "base64"));
};

const words = async function* () {
  yield "caf";
  yield "é";
};
const rows = function* () {
  yield { n: 1 };
  yield { n: NaN };
};

// Values

for (const value of [null, 0, "x", "", true, [1, "a"], { a: { b: [] } }, { statusCode: 404, body: "mine" }]) {
  test(`the value ${JSON.stringify(value)} is a JSON body`, async () => {
    const result = await answer(() => value);
    assert.equal(result.statusCode, 200);
    assert.equal(typeOf(result), "application/json");
    assert.deepEqual(bodyOf(result), value);
  });
}

test("undefined is null, an array never streams, and typed arrays are numbers", async () => {
  assert.equal((await answer(() => undefined)).body, "null");
  assert.equal((await answer(async () => undefined)).body, "null");
  assert.deepEqual(bodyOf(await answer(() => ["a", "b"])), ["a", "b"]);
  assert.deepEqual(bodyOf(await answer(() => new Float32Array([0.5, NaN]))), [0.5, null]);
  assert.deepEqual(bodyOf(await answer(() => ({ data: [{ embedding: new Float32Array([0.5]) }] }))), {
    data: [{ embedding: [0.5] }],
  });
});

test("bytes are octets", async () => {
  const bytes = Uint8Array.from([0, 255, 10]);
  for (const value of [bytes, Buffer.from(bytes), bytes.buffer]) {
    const result = await answer(() => value);
    assert.equal(typeOf(result), "application/octet-stream");
    assert.deepEqual(bytesOf(result), bytes);
  }
});

test("a string is JSON, unless text is what the caller prefers", async () => {
  assert.equal((await answer(() => "123")).body, '"123"');
  // axios: it would take the text 123 for a number.
  assert.equal((await answer(() => "123", { accept: "application/json, text/plain, */*" })).body, '"123"');
  const text = await answer(() => "123", { accept: "text/plain" });
  assert.equal(text.body, "123");
  assert.equal(typeOf(text), "text/plain; charset=utf-8");
  assert.equal((await answer(() => "123", { accept: "text/plain, */*;q=0.1" })).body, "123");
});

test("what JSON cannot hold is a masked 500", async () => {
  const cycle: Record<string, unknown> = {};
  cycle["self"] = cycle;
  for (const value of [cycle, { n: 1n }]) {
    const result = await answer(() => value);
    assert.equal(result.statusCode, 500);
    assert.equal((bodyOf(result) as { error: { code: string } }).error.code, "OUTPUT_INVALID");
  }
});

// Streams: the format

test("strings stream as text, objects as NDJSON, bytes as octets", async () => {
  const text = await answer(words);
  assert.equal(typeOf(text), "text/plain; charset=utf-8");
  assert.equal(text.body, "café");
  const lines = await answer(rows);
  assert.equal(typeOf(lines), "application/x-ndjson");
  assert.equal(lines.body, '{"n":1}\n{"n":null}\n');
  const octets = await answer(async function* () {
    yield Uint8Array.from([0, 255]);
    yield Uint8Array.from([1]);
  });
  assert.equal(typeOf(octets), "application/octet-stream");
  assert.deepEqual(bytesOf(octets), Uint8Array.from([0, 255, 1]));
});

test("a Map and a Set are iterables, and stream", async () => {
  assert.equal((await answer(() => new Map([["a", 1]]))).body, '["a",1]\n');
  assert.equal((await answer(() => new Set(["a", "b"]))).body, "ab");
});

test("a ReadableStream, and a promise of a generator, stream", async () => {
  assert.equal((await answer(() => streamOf(["a", "b"]))).body, "ab");
  assert.equal((await answer(async () => words())).body, "café");
});

test("nothing at all is an empty text, and JSON's empty string", async () => {
  const nothing = async function* () {};
  assert.equal((await answer(nothing)).body, "");
  assert.equal((await answer(nothing, { accept: "application/json" })).body, '""');
  assert.equal((await answer(nothing, { accept: "text/event-stream" })).body, "");
});

test("a stream is not cached, and not collected by nginx", async () => {
  const { headers } = await answer(words);
  assert.equal(headers["cache-control"], "no-cache");
  assert.equal(headers["x-accel-buffering"], "no");
});

test("events, when they are asked for", async () => {
  const result = await answer(
    async function* () {
      yield "two\nlines";
      yield "";
      yield { a: 1 };
      yield "half \ud83d";
      yield "\ude00";
    },
    { accept: "text/event-stream" },
  );
  assert.equal(typeOf(result), "text/event-stream; charset=utf-8");
  assert.equal(
    result.body,
    'data: two\ndata: lines\n\ndata: \n\ndata: {"a":1}\n\ndata: half \n\ndata: 😀\n\n',
  );
});

// Streams: gathered

const json = { accept: "application/json" };

test("Accept: application/json gathers strings to one string and objects to an array", async () => {
  assert.deepEqual(bodyOf(await answer(words, json)), "café");
  assert.deepEqual(bodyOf(await answer(rows, json)), [{ n: 1 }, { n: null }]);
  assert.equal(typeOf(await answer(words, json)), "application/json");
});

test("what is gathered is JSON even for a caller who would take text", async () => {
  const result = await answer(words, { accept: "application/json, text/plain;q=0.5" });
  assert.equal(typeOf(result), "application/json");
  assert.equal(result.body, '"café"');
});

test("bytes that were cut inside a character gather to text", async () => {
  const [first = 0, second = 0] = Buffer.from("é");
  const result = await answer(async function* () {
    yield Uint8Array.from([97, first]);
    yield Uint8Array.from([second]);
    yield "!";
  }, json);
  assert.equal(bodyOf(result), "aé!");
});

test("bytes that are no text gather to octets", async () => {
  const result = await answer(async function* () {
    yield Uint8Array.from([255]);
    yield Uint8Array.from([254]);
  }, json);
  assert.equal(typeOf(result), "application/octet-stream");
  assert.deepEqual(bytesOf(result), Uint8Array.from([255, 254]));
});

test("axios and the OpenAI SDKs stream", async () => {
  const axios = await answer(words, { accept: "application/json, text/plain, */*" });
  assert.equal(typeOf(axios), "text/plain; charset=utf-8");
  const sdk = await answer(rows, { ...json, "user-agent": "OpenAI/JS 5.0.0" });
  assert.equal(typeOf(sdk), "application/x-ndjson");
});

test("gathering that fails is an honest 500", async () => {
  const result = await answer(async function* () {
    yield "a";
    throw new Error("in the middle");
  }, json);
  assert.equal(result.statusCode, 500);
});

// Responses

test("a Response has full control: status, headers, cookies, body", async () => {
  const result = await answer(() => {
    const response = new Response("teapot", {
      status: 418,
      headers: { "content-type": "text/x-tea", "x-mine": "yes", "x-request-id": "mine" },
    });
    response.headers.append("set-cookie", "a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT");
    response.headers.append("set-cookie", "b=2; Path=/");
    return response;
  });
  assert.equal(result.statusCode, 418);
  assert.equal(typeOf(result), "text/x-tea");
  assert.equal(result.headers["x-mine"], "yes");
  assert.equal(result.headers["x-request-id"], "mine");
  assert.equal(result.headers["set-cookie"], undefined);
  assert.deepEqual(result.cookies, ["a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT", "b=2; Path=/"]);
  assert.equal(Buffer.from(bytesOf(result)).toString(), "teapot");
});

test("a Response's transport headers stay behind", async () => {
  const { headers } = await answer(
    () =>
      new Response("x", {
        headers: {
          "content-length": "1",
          "transfer-encoding": "chunked",
          connection: "close",
          "x-kept": "1",
        },
      }),
  );
  for (const name of ["content-length", "transfer-encoding", "connection"])
    assert.equal(headers[name], undefined);
  assert.equal(headers["x-kept"], "1");
});

test("a Response without a body has none", async () => {
  for (const response of [
    () => new Response(null, { status: 204 }),
    () => new Response(null, { status: 302, headers: { location: "/x" } }),
  ]) {
    const result = await answer(response);
    assert.equal(result.statusCode, response().status);
    assert.equal(result.body, undefined);
    assert.equal(result.headers["location"], response().headers.get("location") ?? undefined);
  }
  assert.equal((await answer(() => new Response(""))).body ?? "", "");
});

test("a Response may stream, and its failure is an honest 500 while that is possible", async () => {
  const streamed = await answer(() => new Response(streamOf([Buffer.from("a"), Buffer.from("b")])));
  assert.equal(Buffer.from(bytesOf(streamed)).toString(), "ab");
  const failing = await answer(
    () =>
      new Response(
        new ReadableStream({
          pull() {
            throw new Error("upstream");
          },
        }),
      ),
  );
  assert.equal(failing.statusCode, 500);
});

test("a Response that was read already is the model's mistake, and frees the slot", async () => {
  const used = new Response("x");
  await used.text();
  const { post } = startFunction(modelOf((input) => ((input as { used: boolean }).used ? used : "fine")));
  assert.equal((await post({ used: true })).statusCode, 500);
  assert.equal((await post({ used: false })).statusCode, 200);
});

// The first token decides the status

test("a failure before the first token is a real status, streamed or not", async () => {
  const { postStream } = startFunction(
    modelOf(async function* () {
      yield* [] as string[];
      throw new Error("no");
    }),
  );
  const { prelude, failure } = await postStream({});
  assert.equal(prelude?.statusCode, 500);
  assert.equal(failure, undefined, "the answer is complete: nothing for the platform to report");
});

test("a first item that cannot be written is a real status, too, and frees the slot", async () => {
  const { postStream, post } = startFunction(
    modelOf(async function* (this: unknown) {
      yield { n: 1n };
    }),
  );
  const { prelude } = await postStream({});
  assert.equal(prelude?.statusCode, 500);
  assert.equal((await post({})).statusCode, 500);
});

test("a later item that cannot be written ends the model and frees the slot", async () => {
  let cleaned = 0;
  const { postStream } = startFunction(
    modelOf(async function* () {
      try {
        yield { n: 1 };
        yield { n: 1n };
        yield { n: 2 };
      } finally {
        cleaned++;
      }
    }),
  );
  for (const count of [1, 2]) {
    const { body, failure } = await postStream({});
    const [first, second] = body.split("\n").map((line) => line && JSON.parse(line));
    assert.deepEqual(first, { n: 1 });
    assert.equal(second.error.code, "OUTPUT_INVALID");
    assert.equal(failure?.name, "OUTPUT_INVALID");
    assert.equal(cleaned, count);
  }
});
