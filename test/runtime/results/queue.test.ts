// Results as messages of another queue, against an SQS that is as strict as the real one.

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { inspect } from "node:util";
import type { Result } from "../../../adapter/runtime/contracts.ts";
import { ColdframeError } from "../../../adapter/runtime/errors.ts";
import { toQueue } from "../../../adapter/runtime/results/queue.ts";
import { makeCancellation, makeOrigin } from "../_call.ts";
import { type LocalSqs, startLocalSqs } from "../aws/_local-sqs.ts";

const MESSAGE = {
  messageId: "059f36b4-87a3-44ab-83d2-661975830a7d",
  body: "x",
  messageAttributes: {
    "correlation-id": { stringValue: "c-1", stringListValues: [], dataType: "String" },
    raw: { binaryValue: "AAEC", dataType: "Binary.gif" },
  },
  attributes: {},
  eventSource: "aws:sqs",
};

async function start(t: TestContext, queue = "results") {
  const sqs = await startLocalSqs(t, [queue]);
  return { sqs, send: sender(sqs, queue) };
}

const sender =
  (sqs: LocalSqs, queue = "results", environment = sqs.environment) =>
  (value: unknown, message: object = MESSAGE, withinMs?: number) => {
    const { deliver } = toQueue(sqs.queueUrl(queue), environment);
    const result: Result = { value, contentType: undefined };
    return deliver?.(result, { input: "x", event: message }, makeOrigin(makeCancellation(withinMs)));
  };

async function refusal(sending: Promise<void> | undefined): Promise<ColdframeError> {
  const error = await (sending as Promise<void>).then(
    () => assert.fail("it was sent"),
    (thrown: unknown) => thrown as ColdframeError,
  );
  assert.ok(error instanceof ColdframeError, String(error));
  assert.doesNotMatch(inspect(error, { depth: 9 }) + error.sentence, /SECRETKEY|TOKEN==/);
  return error;
}

test("a result is sent with the id of the message that it answers, and its attributes", async (t) => {
  const { sqs, send } = await start(t);
  await send({ label: "cat", odd: "\u0000\ufffe\uffff\ud800 é" });
  const [sent] = sqs.messages;
  assert.deepEqual(JSON.parse(sent?.MessageBody ?? ""), {
    message_id: MESSAGE.messageId,
    request_id: "request-1",
    output: { label: "cat", odd: "\u0000\ufffe\uffff\ud800 é" },
  });
  assert.deepEqual(sent?.MessageAttributes, {
    "correlation-id": { DataType: "String", StringValue: "c-1" },
    raw: { DataType: "Binary.gif", BinaryValue: "AAEC" },
  });
  assert.equal(sent?.MessageGroupId, undefined);
});

test("bytes are base64, as in every JSON result", async (t) => {
  const { sqs, send } = await start(t);
  await send(Uint8Array.of(0, 255));
  assert.equal(JSON.parse(sqs.messages[0]?.MessageBody ?? "").output, "AP8=");
});

test("in a FIFO queue, results have the group of their message, and are sent once", async (t) => {
  const { sqs, send } = await start(t, "results.fifo");
  await send(1, { ...MESSAGE, attributes: { MessageGroupId: "tenant-1" } });
  await send(2);
  const ids = sqs.messages.map((sent) => [sent.MessageGroupId, sent.MessageDeduplicationId]);
  assert.deepEqual(ids, [
    ["tenant-1", MESSAGE.messageId],
    [MESSAGE.messageId, MESSAGE.messageId],
  ]);
});

test("a queue that is busy is asked again, until it takes the result", async (t) => {
  const { sqs, send } = await start(t);
  const faults = [
    { status: 503, code: "ServiceUnavailable" },
    { status: 400, code: "ThrottlingException" },
    { status: 403, code: "RequestThrottled" },
    { connection: "reset" },
  ] as const;
  sqs.fault = (number) => faults[number - 1];
  await send("ok");
  assert.equal(sqs.messages.length, 1);
  assert.equal(sqs.requests, 5);
});

test("a queue that stays busy until the deadline is the deadline's error", async (t) => {
  const { sqs, send } = await start(t);
  sqs.fault = () => ({ status: 503, code: "ServiceUnavailable" });
  await assert.rejects(send("x", MESSAGE, 300) as Promise<void>, /too late/);
  assert.ok(sqs.requests > 1);
  sqs.fault = () => ({ connection: "hang" });
  await assert.rejects(send("x", MESSAGE, 100) as Promise<void>, /too late/);
});

test("what is not allowed is named, with the queue and who asked", async (t) => {
  const { sqs, send } = await start(t);
  const who = "arn:aws:sts::111122223333:assumed-role/worker/worker";
  const message = `User: ${who} is not authorized to perform: sqs:sendmessage on resource: x`;
  sqs.fault = () => ({ status: 403, code: "AccessDeniedException", message });
  const error = await refusal(send("x"));
  assert.equal(error.code, "RESULT_NOT_SENT");
  assert.match(error.message, /cannot be sent to https:\/\/sqs\.eu-west-1.*403 AccessDenied/);
  assert.equal(
    error.fix,
    `Allow \`sqs:SendMessage\` on \`arn:aws:sqs:eu-west-1:111122223333:results\` to ${who}.`,
  );
  assert.equal(sqs.requests, 1, "asking again would not help");
  sqs.fault = () => ({
    status: 400,
    code: "KmsAccessDenied",
    message:
      "not authorized to perform: kms:GenerateDataKey on resource: arn:aws:kms:eu-west-1:111122223333:key/ab-1",
  });
  assert.match((await refusal(send("x"))).fix ?? "", /kms:GenerateDataKey.*key\/ab-1/);
});

test("a queue that is not there, and a clock that is wrong", async (t) => {
  const sqs = await startLocalSqs(t, ["results"]);
  const missing = await refusal(sender(sqs, "no-such-queue")("x"));
  assert.match(missing.sentence, /QueueDoesNotExist.*Check the URL/);
  sqs.clockOffsetMs = 3_600_000;
  await sender(sqs)("x");
  assert.equal(sqs.messages.length, 1);
});

test("a result of more than SQS's limit is refused with the way out, before it is sent", async (t) => {
  const { sqs, send } = await start(t);
  const error = await refusal(send("x".repeat(1024 * 1024)));
  assert.equal(error.code, "OUTPUT_TOO_LARGE");
  assert.match(error.sentence, /1048576.*s3:\/\/bucket\/prefix/);
  assert.equal(sqs.requests, 0);
  await send("x".repeat(1024 * 1024 - 1024));
  assert.equal(sqs.messages.length, 1);
});

test("a queue with a limit of its own says so", async (t) => {
  const { sqs, send } = await start(t);
  sqs.maximumMessageSize = 2048;
  assert.match(
    (await refusal(send("x".repeat(3000)))).sentence,
    /larger than this queue takes.*MaximumMessageSize/,
  );
});

test("credentials that have expired and are still the same: the error says where they come from", async (t) => {
  const { sqs, send } = await start(t);
  sqs.fault = () => ({ status: 403, code: "ExpiredTokenException", message: "TOKEN==" });
  const error = await refusal(send("x"));
  assert.equal(error.code, "RESULT_NOT_SENT");
  assert.match(error.message, /refuses these credentials.*AWS_ACCESS_KEY_ID/);
});

test("without credentials nothing is sent, and the error says what is missing", async (t) => {
  const sqs = await startLocalSqs(t, ["results"]);
  const { AWS_ACCESS_KEY_ID: _key, ...rest } = sqs.environment;
  const environment = {
    ...rest,
    AWS_CONFIG_FILE: "/nonexistent",
    AWS_SHARED_CREDENTIALS_FILE: "/nonexistent",
  };
  Object.assign(process.env, { AWS_EC2_METADATA_DISABLED: "true" });
  t.after(() => delete process.env["AWS_EC2_METADATA_DISABLED"]);
  const error = await refusal(sender(sqs, "results", environment)("x"));
  assert.equal(error.code, "RESULT_NOT_SENT");
  assert.match(error.message, /no AWS credentials/);
});

test("the environment may name another queue, and no bucket", async (t) => {
  const sqs = await startLocalSqs(t, ["results", "staging"]);
  const environment = { ...sqs.environment, COLDFRAME_SQS_RESULTS: sqs.queueUrl("staging") };
  await sender(sqs, "results", environment)("x");
  assert.equal(sqs.messages[0]?.QueueUrl, sqs.queueUrl("staging"));
  assert.throws(() => toQueue(sqs.queueUrl("results"), { COLDFRAME_SQS_RESULTS: "s3://bucket/x/" }), {
    code: "CONFIG_INVALID",
    message: /COLDFRAME_SQS_RESULTS is s3:\/\/bucket\/x\//,
  });
});
