// Traces with OpenTelemetry's own SDK: which spans there are, whose children, and whose trace.

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import direct from "../../../adapter/runtime/events/direct.ts";
import functionUrl from "../../../adapter/runtime/events/function-url.ts";
import sns from "../../../adapter/runtime/events/sns.ts";
import sqs from "../../../adapter/runtime/events/sqs.ts";
import { hide } from "../../../adapter/runtime/observe/redaction.ts";
import { http } from "../../../adapter/runtime/targets/_http.ts";
import { records } from "../../../adapter/runtime/targets/_records.ts";
import { ColdframeError } from "../../../adapter/runtime/errors.ts";
import { traces } from "../../../adapter/runtime/observe/traces.ts";
import { startFunction } from "../_function.ts";
import { logged } from "../_log.ts";

const API = { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace };
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const TRACEPARENT = `00-${TRACE}-${SPAN}-01`;
const XRAY_ROOT = "1-5759e988-bd862e3fe1be46a994272793";
const XRAY_TRACE = "5759e988bd862e3fe1be46a994272793";
const xray = (sampled: 0 | 1) => `Root=${XRAY_ROOT};Parent=53995c3f42cd8ad8;Sampled=${sampled}`;

let exporter: InMemorySpanExporter;
let flushes = 0;

class CountedProvider extends TracerProvider {
  override async forceFlush(): Promise<void> {
    flushes++;
    await super.forceFlush();
  }
}

beforeEach(() => {
  flushes = 0;
  exporter = new InMemorySpanExporter();
  trace.setGlobalTracerProvider(
    new CountedProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }),
  );
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
});

afterEach(() => {
  trace.disable();
  context.disable();
  propagation.disable();
  delete process.env["_X_AMZN_TRACE_ID"];
});

const start = (Model: unknown, settings = {}) =>
  startFunction(Model, {
    settings,
    observer: traces(API, "scribe"),
    sources: [http(functionUrl), records(sqs), records(sns), records(direct)],
  });

const spans = () => exporter.getFinishedSpans();
const named = (name: string): ReadableSpan => {
  const found = spans().filter((span) => span.name === name);
  assert.equal(found.length, 1, `${found.length} spans "${name}" of ${spans().map((span) => span.name)}`);
  return found[0] as ReadableSpan;
};
const parentOf = (span: ReadableSpan) => span.parentSpanContext?.spanId;
const own = () => trace.getTracer("the model's").startSpan("own").end();

const SPOKEN = class {
  preprocess(input: unknown) {
    own();
    return input;
  }
  async *predict() {
    own();
    yield "a";
    await new Promise((resolve) => setImmediate(resolve));
    own();
    yield "b";
  }
};

const WHOLE = class {
  async predict(input: unknown) {
    await new Promise((resolve) => setImmediate(resolve));
    own();
    return input;
  }
  postprocess(output: unknown) {
    return output;
  }
};

describe("an HTTP call", () => {
  test("is a span of a server, and its steps are its children", async () => {
    const { post } = start(WHOLE);
    await post({ a: 1 }, { headers: { "user-agent": "a test" } });
    const call = named("POST /predict");
    assert.equal(call.kind, SpanKind.SERVER);
    const { attributes } = call;
    assert.deepEqual(
      {
        ...{ id: attributes["faas.invocation.id"], trigger: attributes["faas.trigger"] },
        ...{ method: attributes["http.request.method"], route: attributes["http.route"] },
        ...{ status: attributes["http.response.status_code"], agent: attributes["user_agent.original"] },
        cold: attributes["faas.coldstart"],
      },
      {
        ...{ id: "request-1", trigger: "http", method: "POST", route: "/predict", status: 200 },
        ...{ agent: "a test", cold: true },
      },
    );
    for (const step of ["predict", "postprocess"])
      assert.equal(parentOf(named(step)), call.spanContext().spanId);
    assert.equal(
      parentOf(named("own")),
      named("predict").spanContext().spanId,
      "the model's own span is inside",
    );
    assert.deepEqual(
      spans().filter(({ name }) => name === "queue"),
      [],
      "nobody waited",
    );
  });

  test("of a stream, predict lasts until its last item, and what runs in it is its child", async () => {
    const { postStream } = start(SPOKEN);
    await postStream({ a: 1 });
    const predict = named("predict");
    assert.deepEqual(
      predict.events.map(({ name }) => name),
      ["first token"],
    );
    const inside = spans().filter(({ name }) => name === "own");
    assert.deepEqual(
      inside.map(parentOf),
      [named("preprocess"), predict, predict].map((span) => span.spanContext().spanId),
    );
    const order = spans().map(({ name }) => name);
    assert.ok(order.indexOf("predict") > order.lastIndexOf("own"), String(order));
    assert.equal(order.at(-1), "POST /predict");
  });

  test("a member of the vendors' has the operation's name", async () => {
    const { post } = start(
      class {
        embeddings() {
          return [[1]];
        }
      },
    );
    await post({ input: "a", model: "m" }, { rawPath: "/v1/embeddings" });
    assert.equal(named("predict").attributes["gen_ai.operation.name"], "embeddings");
    named("POST /v1/embeddings");
  });

  test("is named by its route, whatever the caller wrote", async () => {
    const { post } = start(WHOLE);
    await post({}, { rawPath: "/some/thing" });
    const call = named("POST other");
    assert.equal(call.attributes["url.path"], "/some/thing");
    assert.equal(call.attributes["error.type"], "ROUTE_NOT_FOUND");
    assert.equal(call.status.code, SpanStatusCode.UNSET, "a caller's mistake is no failure of the server");
  });

  test("one that waited for a slot shows it", async () => {
    const opened = Promise.withResolvers<void>();
    const { post } = start(
      class {
        predict = () => opened.promise.then(() => 1);
      },
    );
    const [first, second] = [post({}), post({})];
    await new Promise((resolve) => setTimeout(resolve, 20));
    opened.resolve();
    await Promise.all([first, second]);
    named("queue");
  });
});

describe("an error", () => {
  test("is told with its code, and its own message and stack", async () => {
    await logged(async () => {
      const { post } = start(
        class {
          async predict() {
            throw new RangeError("lost my voice");
          }
        },
      );
      await post({});
    });
    const call = named("POST /predict");
    assert.deepEqual(call.status, { code: SpanStatusCode.ERROR, message: "PREDICT_FAILED" });
    assert.equal(call.attributes["error.type"], "PREDICT_FAILED");
    const [{ attributes = {} } = {}] = call.events;
    assert.equal(attributes["exception.type"], "RangeError");
    assert.equal(attributes["exception.message"], "lost my voice");
    assert.equal(named("predict").status.code, SpanStatusCode.ERROR);
  });

  test("in the middle of a stream ends predict's span with it", async () => {
    await logged(async () => {
      const { postStream } = start(
        class {
          *predict() {
            yield "a";
            throw new ColdframeError("OUTPUT_INVALID", "no more.");
          }
        },
      );
      await postStream({});
    });
    assert.equal(named("predict").attributes["error.type"], "OUTPUT_INVALID");
    assert.equal(named("POST /predict").attributes["http.response.status_code"], 200);
    assert.equal(named("POST /predict").attributes["error.type"], "OUTPUT_INVALID");
  });

  test("does not tell secrets", async () => {
    const secret = hide("correct horse battery staple");
    await logged(async () => {
      const { post } = start(
        class {
          predict() {
            throw new Error(`wrong: ${secret}`);
          }
        },
      );
      await post({}, { headers: { "user-agent": secret } });
    });
    assert.doesNotMatch(
      JSON.stringify(spans().map(({ attributes, events, status }) => [attributes, events, status])),
      /horse/,
    );
    assert.match(JSON.stringify(named("POST /predict").events), /wrong: \[secret\]/);
  });
});

describe("whose trace it is", () => {
  const parent = async (headers: Record<string, string>) => {
    const { post } = start(WHOLE);
    await post({}, { headers });
    return named("POST /predict");
  };

  test("the caller's, by W3C's header", async () => {
    const span = await parent({ traceparent: TRACEPARENT, tracestate: "vendor=value" });
    assert.deepEqual([span.spanContext().traceId, parentOf(span)], [TRACE, SPAN]);
    assert.equal(span.spanContext().traceState?.get("vendor"), "value");
  });

  test("also when no propagator was registered", async () => {
    propagation.disable();
    const span = await parent({ traceparent: TRACEPARENT });
    assert.deepEqual([span.spanContext().traceId, parentOf(span)], [TRACE, SPAN]);
  });

  test("X-Ray's, by the caller's header or the platform's variable, when it records", async () => {
    assert.equal((await parent({ "x-amzn-trace-id": xray(1) })).spanContext().traceId, XRAY_TRACE);
    exporter.reset();
    process.env["_X_AMZN_TRACE_ID"] = xray(1);
    assert.equal((await parent({})).spanContext().traceId, XRAY_TRACE);
  });

  test("X-Ray's is only linked when it does not record, or when the caller has a trace", async () => {
    process.env["_X_AMZN_TRACE_ID"] = xray(0);
    const alone = await parent({});
    assert.notEqual(alone.spanContext().traceId, XRAY_TRACE);
    assert.ok(alone.links.some(({ context: { traceId } }) => traceId === XRAY_TRACE));
    exporter.reset();
    const called = await parent({ traceparent: TRACEPARENT });
    assert.equal(called.spanContext().traceId, TRACE);
    assert.ok(called.links.some(({ context: { traceId } }) => traceId === XRAY_TRACE));
  });

  test("nobody's, when the header is none", async () => {
    for (const traceparent of [
      "",
      "00-0-0-00",
      `ff-${TRACE}-${SPAN}-01`,
      `00-${"0".repeat(32)}-${SPAN}-01`,
    ]) {
      propagation.disable();
      assert.equal(
        parentOf(await parent({ traceparent, "x-amzn-trace-id": "Root=1-2-3" })),
        undefined,
        traceparent,
      );
      exporter.reset();
    }
  });

  test("the log has it", async () => {
    const { lines } = await logged(async () => {
      const { post } = start(
        class {
          predict(_input: unknown, { log }: { log: { info(text: string): void } }) {
            log.info("inside");
            return 1;
          }
        },
      );
      await post({}, { headers: { traceparent: TRACEPARENT } });
    });
    assert.equal(lines.find(({ message }) => message === "inside")?.["traceId"], TRACE);
  });
});

describe("a message", () => {
  test("of SQS is a span of a consumer, in the trace that its attributes name", async () => {
    const record = (messageId: string, more: object) => ({
      ...{ messageId, receiptHandle: "r", body: '{"a":1}', md5OfBody: "m", awsRegion: "us-east-1" },
      ...{ eventSource: "aws:sqs", eventSourceARN: "arn:aws:sqs:us-east-1:123456789012:orders" },
      ...{ attributes: {}, messageAttributes: {}, ...more },
    });
    const traceparent = { stringValue: TRACEPARENT, dataType: "String" };
    await start(WHOLE).invoke({
      Records: [
        record("one", { messageAttributes: { traceparent } }),
        record("two", { attributes: { AWSTraceHeader: xray(1) } }),
        record("three", {}),
      ],
    });
    const found = spans().filter(({ name }) => name === "process orders");
    assert.deepEqual(
      found.map(({ kind, attributes }) => [kind, attributes["messaging.message.id"]]),
      ["one", "two", "three"].map((id) => [SpanKind.CONSUMER, id]),
    );
    const [one, two, three] = found.map((span) => span.spanContext().traceId);
    assert.deepEqual([one, two], [TRACE, XRAY_TRACE]);
    assert.ok(![TRACE, XRAY_TRACE].includes(three as string));
    assert.equal(flushes, 1, "once for all of them");
  });

  test("of SNS, too", async () => {
    await start(WHOLE).invoke({
      Records: [
        {
          EventSource: "aws:sns",
          EventVersion: "1.0",
          EventSubscriptionArn: "arn:aws:sns:us-east-1:123456789012:news:id",
          Sns: {
            ...{
              Type: "Notification",
              MessageId: "one",
              Message: '{"a":1}',
              Timestamp: "2026-01-01T00:00:00Z",
            },
            TopicArn: "arn:aws:sns:us-east-1:123456789012:news",
            MessageAttributes: { traceparent: { Type: "String", Value: TRACEPARENT } },
          },
        },
      ],
    });
    const span = named("process news");
    assert.deepEqual(
      [span.spanContext().traceId, span.attributes["messaging.system.name"]],
      [TRACE, "aws.sns"],
    );
  });

  test("a plain invocation is a span of the model", async () => {
    await start(WHOLE).invoke({ a: 1 });
    assert.equal(named("scribe").attributes["faas.trigger"], "other");
  });
});

describe("the cold start", () => {
  test("is a trace of its own with its phases, to which the first invocation is linked", async () => {
    const { post } = start(
      class {
        async load() {
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        predict = () => 1;
      },
    );
    await post({});
    await post({});
    const cold = named("cold start");
    for (const phase of ["boot", "import", "construct", "load"])
      assert.equal(parentOf(named(phase)), cold.spanContext().spanId, phase);
    const [load] = named("load").duration;
    assert.ok(load < 60, "phases have their own lengths");
    const calls = spans().filter(({ name }) => name === "POST /predict");
    assert.deepEqual(
      calls.map(({ links, attributes }) => [
        links.some(({ context: { spanId } }) => spanId === cold.spanContext().spanId),
        attributes["faas.coldstart"],
      ]),
      [
        [true, true],
        [false, false],
      ],
    );
  });
});

describe("spans leave", () => {
  test("before the process is frozen: when the invocation ends", async () => {
    const { post, postStream } = start(SPOKEN);
    await postStream({});
    assert.equal(flushes, 1);
    await post({});
    assert.equal(flushes, 2);
  });

  test("or not, when there is no time or nobody takes them: the answer does not wait for ever", async () => {
    const failing = [() => new Promise<void>(() => {}), () => Promise.reject(new Error("no collector"))];
    for (const forceFlush of failing) {
      trace.disable();
      const provider = Object.assign(new TracerProvider(), { forceFlush });
      trace.setGlobalTracerProvider(provider);
      const { lines, result } = await logged(() => start(WHOLE).post({ a: 1 }, {}, 300));
      assert.equal(result.statusCode, 200);
      assert.match(lines.find(({ level }) => level === "WARN")?.message ?? "", /spans were not sent/);
    }
  });

  test("without an SDK nothing is made, and the log has no trace of its own", async () => {
    trace.disable();
    context.disable();
    propagation.disable();
    const { lines, result } = await logged(() =>
      start(
        class {
          predict(_input: unknown, { log }: { log: { info(text: string): void } }) {
            log.info("inside");
            return 1;
          }
        },
      ).post({ a: 1 }),
    );
    assert.equal(result.statusCode, 200);
    assert.equal(lines.find(({ message }) => message === "inside")?.["traceId"], undefined);
  });
});
