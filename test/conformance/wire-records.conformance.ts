// Events that are not HTTP, on both clients: what Lambda's own services read of the answer, through either handler.
// One function per deployment, with S3 for its objects and results.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after } from "node:test";
import { startLocalS3 } from "../../adapter/local/s3/local-s3.ts";
import { runCases } from "./_run-cases.ts";
import { scenario } from "./_scenario.ts";
import type { Case, Expected } from "./cases.ts";

const fixture = <T>(name: string): T =>
  JSON.parse(
    readFileSync(join(import.meta.dirname, "..", "fixtures", "events", `${name}.json`), "utf8"),
  ) as T;

interface Messages {
  Records: { messageId?: string; body?: string; eventSourceARN?: string; attributes?: object }[];
}

/** Messages `m-0`, `m-1`, ...; in a FIFO queue where each has a group. */
function queue(bodies: readonly string[], groups?: readonly string[]): Messages {
  const [message] = fixture<Messages>("sqs").Records;
  return {
    Records: bodies.map((body, i) => ({
      ...message,
      messageId: `m-${i}`,
      body,
      ...(groups && {
        eventSourceARN: "arn:aws:sqs:eu-central-1:111122223333:inputs.fifo",
        attributes: { MessageGroupId: groups[i] },
      }),
    })),
  };
}

const failed = (...ids: number[]): Expected => ({
  json: { batchItemFailures: ids.map((id) => ({ itemIdentifier: `m-${id}` })) },
});

const notify = (Message: string): object => {
  const event = fixture<{ Records: [{ Sns: object }] }>("sns");
  const [record] = event.Records;
  return { Records: [{ ...record, Sns: { ...record.Sns, Message } }] };
};

const SNS_KEYS = Object.keys(fixture<{ Records: [object] }>("sns").Records[0]).toSorted();
const POISON = { error: "PREDICT_FAILED", secret: "a secret reason" };

const row = (name: string, payload: unknown, expect: Expected, more: Partial<Case> = {}): Case => ({
  name,
  model: "records",
  payload,
  expect,
  ...more,
});

const CASES: readonly Case[] = [
  row("sqs: a batch", fixture("sqs.batch"), failed()),
  row("sqs: one of a batch fails", queue(["a", "fail", "b"]), { ...failed(1), secret: "a secret reason" }),
  row("sqs: all of a batch fail", queue(["fail", "fail"]), POISON),
  row("sqs: a group stops", queue(["a", "fail", "c", "d"], ["x", "y", "y", "x"]), failed(1, 2)),
  row("sqs: the time is over", queue(["a", "never", "b"]), failed(1, 2), { timeoutSeconds: 1 }),
  row("sqs: S3 tries the queue", queue([JSON.stringify(fixture("s3.test-event"))]), failed()),
  row("sns: a message", fixture("sns"), {
    json: [{ input: { text: "hello" }, source: "sns", keys: SNS_KEYS }],
  }),
  row("sns: a failure", notify("fail"), POISON),
  row("sns: a result that is too large to be passed on", notify("large"), { error: "OUTPUT_TOO_LARGE" }),
  row("s3: an object", fixture("s3"), {
    check: ({ body }) => {
      const [{ input, source }] = JSON.parse(body.toString());
      assert.deepEqual([input.key, input.size, source], ["café au lait.wav", 1024, "s3"]);
    },
  }),
  row("s3: a trial", fixture("s3.test-event"), { json: [] }),
  row("eventbridge: an event", fixture("eventbridge.custom"), {
    check: ({ body }) => assert.deepEqual(JSON.parse(body.toString()).input, { text: "hello" }),
  }),
  row("eventbridge: a failure", { ...fixture<object>("eventbridge"), detail: { do: "fail" } }, POISON),
  row(
    "eventbridge: a stream is one value",
    { ...fixture<object>("eventbridge"), detail: { do: "stream" } },
    {
      json: [
        { do: "stream", row: 1 },
        { do: "stream", row: 2 },
      ],
    },
  ),
  row("destination: a result", fixture("destination"), {
    check: ({ body }) => assert.deepEqual(JSON.parse(body.toString()).input, { text: "hello" }),
  }),
  row("destination: a failure", fixture("destination.failure"), { error: "INPUT_INVALID" }),
  ...["kinesis", "kafka", "pipes", "cloudwatch-logs", "function-url", "alexa"].map((name) =>
    row(`${name}: no source of this deployment`, fixture(name), {
      error: "EVENT_UNKNOWN",
      log: /serverless\.events/,
    }),
  ),
  ...[{ source: "serverless-plugin-warmup" }, { warmer: true, concurrency: 2 }, { coldframe: "warm-up" }].map(
    (ping) => row(`a ping: ${JSON.stringify(ping)}`, ping, { json: { warm: true } }),
  ),
];

runCases(CASES);

const s3 = await startLocalS3({ buckets: ["inputs", "results"] });
after(() => s3.close());
await s3.put("inputs", "a b.bin", "abc");

const DELIVERIES = {
  model: "deliveries",
  environment: {
    AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
    AWS_ENDPOINT_URL_S3: s3.url,
  },
};

for (const handler of ["buffered", "stream"] as const) {
  scenario(`an object's bytes are the input, ${handler}`, { ...DELIVERIES, handler }, async (fn) => {
    const [record] = fixture<{ Records: [object] }>("s3").Records;
    const told = (key: string) => ({
      Records: [
        { ...record, awsRegion: s3.region, s3: { bucket: { name: "inputs" }, object: { key, size: 3 } } },
      ],
    });
    const { body } = await fn.ask(told("a+b.bin"), "object");
    assert.deepEqual(JSON.parse(body.toString()), ["cba"]);
    const { error } = await fn.ask(told("gone"), "gone");
    assert.equal(error?.errorType, "INPUT_UNREADABLE");
    await fn.who();
  });

  scenario(
    `results are objects before their messages are done, ${handler}`,
    { ...DELIVERIES, handler },
    async (fn) => {
      const { body } = await fn.ask(queue(["one", "two"]), "results");
      assert.deepEqual(JSON.parse(body.toString()), { batchItemFailures: [] });
      const written = s3.requests.filter(
        ({ method, bucket, status }) => method === "PUT" && bucket === "results" && status === 200,
      );
      assert.ok(["out/m-0", "out/m-1"].every((key) => written.some((put) => put.key === key)));
      const denied = s3.on(({ method, key }) =>
        method === "PUT" && key === "out/m-1" ? { status: 403, code: "AccessDenied" } : undefined,
      );
      const failing = await fn.ask(queue(["one", "two"]), "denied");
      denied();
      assert.deepEqual(JSON.parse(failing.body.toString()), {
        batchItemFailures: [{ itemIdentifier: "m-1" }],
      });
      await fn.logged(/RESULT_NOT_SENT.*s3:PutObject/);
    },
  );
}
