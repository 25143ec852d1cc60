// Notifications of S3, by location and by bytes, the latter from an S3 that verifies signatures.

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { S3Event } from "aws-lambda";
import { objectBytes } from "../../../adapter/runtime/events/_object-bytes.ts";
import s3 from "../../../adapter/runtime/events/s3.ts";
import type { ObjectLocation } from "../../../adapter/runtime/input.ts";
import type { LocalCredentials } from "../../../adapter/local/s3/local-s3.ts";
import { BUCKET, startS3 } from "../../local/_s3.ts";
import { logged } from "../_log.ts";
import { fixture, startRecords } from "./_records.ts";

const locationOf = (name: string) => s3.toRecords(fixture(name) as never)[0]?.input as ObjectLocation;

const eventOf = (key: string, object: object = {}, eventName = "ObjectCreated:Put") => {
  const [record] = fixture<S3Event>("s3").Records;
  const encoded = encodeURIComponent(key).replaceAll("%20", "+");
  return {
    Records: [
      {
        ...record,
        awsRegion: "us-east-1",
        eventName,
        s3: { bucket: { name: BUCKET }, object: { key: encoded, size: 3, ...object } },
      },
    ],
  };
};

test("a location: the key as it was written, and what S3 says of the object", () => {
  assert.deepEqual(locationOf("s3"), {
    bucket: "inputs-111122223333",
    key: "café au lait.wav",
    versionId: undefined,
    size: 1024,
    eTag: "d41d8cd98f00b204e9800998ecf8427e",
    region: "eu-central-1",
    eventName: "ObjectCreated:Put",
  });
  const versioned = locationOf("s3.versioned");
  assert.equal(versioned.key, "folder/a+b 100%.wav");
  assert.equal(versioned.versionId, "3HL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY");
  assert.equal(locationOf("s3.removed").size, undefined);
});

test("a key that nobody encoded is taken as it is", () => {
  const event = eventOf("x", { key: "100%.wav" });
  assert.equal((s3.toRecords(event as never)[0]?.input as ObjectLocation).key, "100%.wav");
});

test("that S3 tries a function is answered without the model", async () => {
  const fn = startRecords(
    class {
      predict() {
        throw new Error("it was asked");
      }
    },
    s3,
  );
  assert.deepEqual(await fn.invoke(fixture("s3.test-event")), []);
});

/** Of an object, in a process that has the function's credentials. */
async function start(t: TestContext, maxBytes = 1024) {
  const { local } = await startS3(t, { buckets: [{ name: BUCKET, versioned: true }] });
  const use = ({ accessKeyId, secretAccessKey }: LocalCredentials) =>
    Object.assign(process.env, {
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_ENDPOINT_URL_S3: local.url,
    });
  use(local.credentials);
  t.after(() => {
    for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL_S3"])
      delete process.env[name];
  });
  const fn = startRecords(
    class {
      predict(input: unknown) {
        assert.ok(input instanceof Uint8Array);
        return Buffer.from(input).toString("latin1");
      }
    },
    s3,
    { steps: objectBytes(maxBytes) },
  );
  const ask = async (event: unknown) =>
    (await logged(() => fn.invoke(event, 20_000).catch((error: unknown) => error))).result;
  return { local, ask };
}

test("bytes: the object is the input, whatever its key", async (t) => {
  const { local, ask } = await start(t);
  for (const key of ["plain.wav", "café au lait+100%.wav", "a/b//c?d=e&f#g", "日本/\u{1f600}", "!'()*~"]) {
    await local.put(BUCKET, key, "a\0\xff" === key ? key : Buffer.from([97, 0, 255]));
    assert.deepEqual(await ask(eventOf(key)), ["a\0\xff"], key);
  }
  await local.put(BUCKET, "empty", "");
  assert.deepEqual(await ask(eventOf("empty", { size: 0 })), [""]);
});

test("bytes: the version that the event tells of, though there is a newer one", async (t) => {
  const { local, ask } = await start(t);
  const { versionId } = await local.put(BUCKET, "a", "old");
  await local.put(BUCKET, "a", "new");
  assert.deepEqual(await ask(eventOf("a", { versionId })), ["old"]);
  assert.deepEqual(await ask(eventOf("a")), ["new"]);
});

test("bytes: too many are refused by what the event says, and by what comes", async (t) => {
  const { local, ask } = await start(t);
  await local.put(BUCKET, "large", "x".repeat(1025));
  const told = (await ask(eventOf("large", { size: 1025 }))) as Error & { fix: string };
  assert.equal(told.name, "INPUT_TOO_LARGE");
  assert.match(told.message, /s3:\/\/models\/large has 1025 bytes.*1024.*max_megabytes/);
  assert.equal(local.requests.length, 0, "it was not asked for");
  assert.match(String(await ask(eventOf("large", { size: 1 }))), /INPUT_TOO_LARGE.*max_megabytes/);
  // Without a length: known when it has come.
  local.on(() => ({ headers: { "content-length": undefined }, endAfter: 5000 }));
  assert.match(String(await ask(eventOf("large", { size: 1 }))), /INPUT_TOO_LARGE.*max_megabytes/);
  assert.equal(local.requests.length, 2, "asking again would not help");
  await local.put(BUCKET, "fits", "x".repeat(1024));
  assert.deepEqual(await ask(eventOf("fits", { size: 1024 })), ["x".repeat(1024)]);
});

test("bytes: what is removed has none, and what has gone since is said to be gone", async (t) => {
  const { ask } = await start(t);
  const removed = String(await ask(eventOf("a", {}, "ObjectRemoved:DeleteMarkerCreated")));
  assert.match(removed, /INPUT_UNREADABLE.*ObjectRemoved.*s3:ObjectCreated/);
  assert.match(String(await ask(eventOf("gone"))), /INPUT_UNREADABLE.*404 NoSuchKey.*removed it since/);
});

test("bytes: what is not allowed is named, with the object and who asked", async (t) => {
  const { local, ask } = await start(t);
  await local.put(BUCKET, "a b", "abc");
  local.setCredentials({ ...local.credentials, deny: [{ action: "s3:GetObject", arn: "*" }] });
  const denied = String(await ask(eventOf("a b")));
  assert.match(
    denied,
    /INPUT_UNREADABLE.*403 AccessDenied.*Allow `s3:GetObject` on `arn:aws:s3:::models\/a b` to arn:aws:iam::/,
  );
});

test("bytes: an S3 that is busy, or breaks off, is asked again", async (t) => {
  const { local, ask } = await start(t);
  await local.put(BUCKET, "a", "abc");
  const faults = [{ status: 503, code: "SlowDown" }, { connection: "reset" }, { cutAfter: 1 }] as const;
  let asked = 0;
  local.on(() => faults[asked++]);
  assert.deepEqual(await ask(eventOf("a")), ["abc"]);
  assert.equal(asked, 4);
});

test("bytes: a clock that is wrong is corrected by S3's", async (t) => {
  const { local, ask } = await start(t);
  await local.put(BUCKET, "a", "abc");
  local.clockOffsetMs = 3_600_000;
  assert.deepEqual(await ask(eventOf("a")), ["abc"]);
});
