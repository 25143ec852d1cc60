// What no SDK shows: how a silent stream is kept open, and what is answered while there is no model.

import assert from "node:assert/strict";
import { after, describe, mock, test } from "node:test";
import { bodyOf, context, FakeResponseStream, httpEvent, startFunction } from "../_function.ts";

describe("a stream that is silent for long", () => {
  for (const [member, rawPath, beat] of [
    ["chatCompletions", "/v1/chat/completions", ": keep-alive\n\n"],
    ["messages", "/v1/messages", 'event: ping\ndata: {"type":"ping"}\n\n'],
  ] as const) {
    test(`is kept open: ${member}`, async () => {
      const { promise: silence, resolve: speak } = Promise.withResolvers<void>();
      class Model {
        async *[member]() {
          yield "one";
          await silence;
          yield " two";
        }
      }
      const lambda = startFunction(Model);
      await lambda.ready;
      const stream = new FakeResponseStream();
      const event = httpEvent({ rawPath, body: '{"stream":true}' });
      mock.timers.enable({ apis: ["setTimeout"] });
      try {
        const answered = lambda.stream(event, stream, context());
        await settle();
        assert.match(stream.parse().body, /one/);
        mock.timers.tick(15_000);
        await settle();
        const sofar = stream.parse().body;
        speak();
        assert.ok(sofar.endsWith(beat), sofar);
        await answered;
      } finally {
        mock.timers.reset();
      }
      assert.ok(stream.ended);
      assert.match(stream.parse().body, / two/);
    });
  }
});

/** Everything that needs no timer has happened. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe("before the model is loaded", () => {
  const loading = Promise.withResolvers<void>();
  after(() => loading.resolve());
  class Loading {
    load = () => loading.promise;
    chatCompletions() {}
    messages() {}
  }

  test("its callers are asked to come back, in the shape of their vendor", async () => {
    const lambda = startFunction(Loading);
    const openai = await lambda.post({}, { rawPath: "/v1/chat/completions" }, 50);
    assert.equal(openai.statusCode, 503);
    assert.equal(openai.headers["retry-after"], "1");
    assert.equal(openai.headers["x-should-retry"], undefined);
    assert.deepEqual(bodyOf(openai), {
      error: {
        message: "still loading; try again shortly.",
        type: "server_error",
        param: null,
        code: "MODEL_NOT_READY",
        request_id: "request-1",
      },
    });
    const anthropic = await lambda.post({}, { rawPath: "/v1/messages" }, 50);
    assert.equal(anthropic.headers["request-id"], "request-1");
    assert.deepEqual(bodyOf(anthropic), {
      type: "error",
      error: {
        type: "overloaded_error",
        message: "still loading; try again shortly.",
        code: "MODEL_NOT_READY",
      },
      request_id: "request-1",
    });
  });

  test("it is listed all the same, and not there by name", async () => {
    const lambda = startFunction(Loading);
    const list = await lambda.post("", { method: "GET", rawPath: "/v1/models" });
    assert.equal(list.statusCode, 200);
    assert.equal((bodyOf(list) as { data: { id: string }[] }).data[0]?.id, "test");
    const one = await lambda.post("", { method: "GET", rawPath: "/v1/models/test" });
    assert.equal(one.statusCode, 503);
  });
});

test("a member that the model lacks is not found, in the shape of its vendor", async () => {
  class Model {
    predict() {}
    embeddings() {}
  }
  const lambda = startFunction(Model);
  const { statusCode, body } = await lambda.post({}, { rawPath: "/v1/messages" });
  assert.equal(statusCode, 404);
  assert.deepEqual(JSON.parse(body ?? ""), {
    type: "error",
    error: {
      type: "not_found_error",
      message: "the model has no messages: call POST /predict, /v1/embeddings.",
      code: "ROUTE_NOT_FOUND",
    },
    request_id: "request-1",
  });
});

test("schemas, preprocess and postprocess are those of predict alone", async () => {
  class Model {
    preprocess() {
      throw new Error("not for you");
    }
    predict() {}
    postprocess() {
      throw new Error("not for you");
    }
    *chatCompletions() {
      yield "fine";
    }
  }
  const { statusCode, body } = await startFunction(Model).post({}, { rawPath: "/v1/chat/completions" });
  assert.equal(statusCode, 200);
  assert.match(body ?? "", /"content":"fine"/);
});

test("an answer that cannot leave is an error in the shape of its vendor", async () => {
  class Model {
    completions() {
      return "x".repeat(7_000_000);
    }
  }
  const { statusCode, body } = await startFunction(Model).post({}, { rawPath: "/v1/completions" });
  assert.equal(statusCode, 413);
  const { error } = JSON.parse(body ?? "") as { error: { code: string; type: string } };
  assert.deepEqual([error.code, error.type], ["OUTPUT_TOO_LARGE", "invalid_request_error"]);
});

test("the caller of another member waits for the same slot", async () => {
  const order: string[] = [];
  class Model {
    async predict() {
      order.push("predict begins");
      await new Promise((resolve) => setImmediate(resolve));
      order.push("predict ends");
      return 1;
    }
    chatCompletions() {
      order.push("chat");
      return "x";
    }
  }
  const lambda = startFunction(Model);
  await lambda.ready;
  await Promise.all([lambda.post({}), lambda.post({}, { rawPath: "/v1/chat/completions" })]);
  assert.deepEqual(order, ["predict begins", "predict ends", "chat"]);
});
