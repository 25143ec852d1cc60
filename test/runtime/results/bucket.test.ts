// Results as objects below a prefix, against an S3 that verifies signatures.

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { LocalS3 } from "../../../adapter/local/s3/local-s3.ts";
import type { ColdframeError } from "../../../adapter/runtime/errors.ts";
import { toBucket } from "../../../adapter/runtime/results/bucket.ts";
import { BUCKET, startS3 } from "../../local/_s3.ts";
import { makeOrigin } from "../_call.ts";

const MESSAGE = { messageId: "059f36b4", body: "x" };
const KEY = "out/059f36b4";

const environmentOf = ({ url, credentials, region }: LocalS3) => ({
  AWS_ACCESS_KEY_ID: credentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  AWS_REGION: region,
  AWS_ENDPOINT_URL_S3: url,
});

async function start(t: TestContext, place = `s3://${BUCKET}/out/`) {
  const s3 = await startS3(t);
  const { deliver } = toBucket(place, environmentOf(s3.local));
  const write = (value: unknown, contentType?: string) =>
    deliver?.({ value, contentType }, { input: "x", event: MESSAGE }, makeOrigin()) as Promise<void>;
  const read = async (key = KEY) => {
    const { status, headers, body } = await s3.get(key);
    return { status, type: headers["content-type"], body: Buffer.from(body).toString("latin1"), headers };
  };
  return { ...s3, write, read };
}

test("a result is an object that is named by the message it answers", async (t) => {
  const { write, read } = await start(t);
  await write({ label: "cat" });
  const { type, body, headers } = await read();
  assert.deepEqual([type, JSON.parse(body)], ["application/json", { label: "cat" }]);
  assert.equal(headers["x-amz-meta-message-id"], MESSAGE.messageId);
  assert.equal(headers["x-amz-meta-request-id"], "request-1");
});

test("texts and bytes are what they are, and a Response says what it is", async (t) => {
  const { write, read } = await start(t);
  await write("plain");
  assert.deepEqual([(await read()).type, (await read()).body], ["text/plain; charset=utf-8", "plain"]);
  await write(Uint8Array.of(0, 255));
  assert.deepEqual([(await read()).type, (await read()).body], ["application/octet-stream", "\0\xff"]);
  await write(Uint8Array.of(137), "image/png");
  assert.equal((await read()).type, "image/png");
  await write("");
  assert.equal((await read()).body, "");
  await write(null);
  assert.equal((await read()).body, "null");
});

test("a prefix of the whole bucket", async (t) => {
  const { write, read } = await start(t, `s3://${BUCKET}/`);
  await write(1);
  assert.equal((await read(MESSAGE.messageId)).body, "1");
});

test("a bucket that is busy is asked again", async (t) => {
  const { local, write, read } = await start(t);
  const faults = [{ status: 503 }, { status: 500 }, { connection: "reset" }] as const;
  let asked = 0;
  local.on(() => faults[asked++]);
  await write("there");
  assert.equal((await read()).body, "there");
});

test("what is not allowed is named", async (t) => {
  const { local, write } = await start(t);
  local.setCredentials({ ...local.credentials, deny: [{ action: "s3:PutObject", arn: "*" }] });
  const error = (await write(1).catch((thrown: unknown) => thrown)) as ColdframeError;
  assert.equal(error.code, "RESULT_NOT_SENT");
  assert.match(error.message, /s3:\/\/models\/out\/059f36b4 cannot be written: S3 answered 403 AccessDenied/);
  assert.match(error.fix ?? "", /Allow `s3:PutObject` on `arn:aws:s3:::models\/out\/\*` to arn:aws:iam::/);
});

test("a bucket that is not there", async (t) => {
  const { write } = await start(t, "s3://no-such-bucket/out/");
  await assert.rejects(write(1), { code: "RESULT_NOT_SENT", message: /404 NoSuchBucket/ });
});

test("a bucket in another region is found there", async (t) => {
  const { local } = await start(t);
  local.createBucket({ name: "far-away", region: "ap-south-1" });
  const { deliver } = toBucket("s3://far-away/out/", environmentOf(local));
  await deliver?.({ value: 1, contentType: undefined }, { input: 1, event: MESSAGE }, makeOrigin());
  assert.ok(local.requests.some(({ bucket, status }) => bucket === "far-away" && status === 200));
});
