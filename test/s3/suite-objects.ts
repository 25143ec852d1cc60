// The contract: one object written, read, in pieces, under conditions.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { newBucketName } from "./_server.ts";
import { sendRaw } from "./_signed.ts";
import type { Cases, Contract } from "./suite.ts";

const TEN = "0123456789";

export const objectCases: Cases = {
  "an object comes back with its bytes, its MD5 as ETag, its type and its metadata": async ({
    s3,
    bucket,
  }) => {
    const body = randomBytes(300_000);
    const put = await s3.send(
      new PutObjectCommand({
        Bucket: bucket,
        Key: "object/whole",
        Body: body,
        ContentType: "application/x-model",
        CacheControl: "max-age=60",
        Metadata: { author: "ada", "a-b": "1 2" },
      }),
    );
    const etag = `"${createHash("md5").update(body).digest("hex")}"`;
    assert.equal(put.ETag, etag);
    const got = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: "object/whole" }));
    assert.ok(body.equals((await got.Body?.transformToByteArray()) ?? Buffer.alloc(0)));
    const head = await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: "object/whole" }));
    for (const answer of [got, head]) {
      assert.equal(answer.ETag, etag);
      assert.equal(answer.ContentLength, body.length);
      assert.equal(answer.ContentType, "application/x-model");
      assert.equal(answer.CacheControl, "max-age=60");
      assert.equal(answer.AcceptRanges, "bytes");
      assert.deepEqual(answer.Metadata, { author: "ada", "a-b": "1 2" });
      assert.ok(Math.abs((answer.LastModified?.getTime() ?? 0) - Date.now()) < 600_000);
    }
  },

  "an object without a type is binary/octet-stream": async (contract) => {
    await sendRaw(contract.server, { method: "PUT", path: `/${contract.bucket}/object/typeless`, body: "x" });
    const { headers } = await get(contract, "object/typeless");
    assert.equal(headers["content-type"], "binary/octet-stream");
  },

  "an empty object is an object": async ({ s3, server, bucket }) => {
    await server.put(bucket, "object/empty", "");
    const got = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: "object/empty" }));
    assert.equal(await got.Body?.transformToString(), "");
    assert.equal(got.ContentLength, 0);
    assert.equal(got.ETag, '"d41d8cd98f00b204e9800998ecf8427e"');
  },

  "writing again replaces, deleting removes, and deleting nothing is no error": async ({
    s3,
    server,
    bucket,
  }) => {
    await server.put(bucket, "object/again", "one");
    await server.put(bucket, "object/again", "two");
    const key = { Bucket: bucket, Key: "object/again" };
    assert.equal(await (await s3.send(new GetObjectCommand(key))).Body?.transformToString(), "two");
    await s3.send(new DeleteObjectCommand(key));
    await assert.rejects(s3.send(new GetObjectCommand(key)), { name: "NoSuchKey" });
    await s3.send(new DeleteObjectCommand(key));
  },

  "several objects are deleted with one request": async ({ s3, server, bucket }) => {
    const keys = ["object/several/<1>&", "object/several/ü", "object/several/never"];
    await server.put(bucket, keys[0] as string, "1");
    await server.put(bucket, keys[1] as string, "2");
    const gone = await s3.send(
      new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: keys.map((Key) => ({ Key })) } }),
    );
    assert.deepEqual(gone.Deleted?.map(({ Key }) => Key).toSorted(), keys.toSorted());
    await assert.rejects(s3.send(new GetObjectCommand({ Bucket: bucket, Key: keys[1] })), {
      name: "NoSuchKey",
    });
  },

  "a range is the bytes it names, and Content-Range says so": async (contract) => {
    await contract.server.put(contract.bucket, "range/ten", TEN);
    const expected = {
      "bytes=0-0": ["0", "bytes 0-0/10"],
      "bytes=2-5": ["2345", "bytes 2-5/10"],
      "bytes=7-": ["789", "bytes 7-9/10"],
      "bytes=-3": ["789", "bytes 7-9/10"],
      "bytes=-15": [TEN, "bytes 0-9/10"],
      "bytes=0-": [TEN, "bytes 0-9/10"],
      "bytes=8-100": ["89", "bytes 8-9/10"],
    };
    for (const [range, [body, contentRange]] of Object.entries(expected)) {
      const answer = await get(contract, "range/ten", { range });
      assert.deepEqual(
        [answer.status, answer.body.toString(), answer.headers["content-range"]],
        [206, body, contentRange],
        range,
      );
      assert.equal(answer.headers["content-length"], String(body?.length), range);
      assert.equal(answer.headers["etag"], '"781e5e245d69b566979b86e28d23f2c7"', range);
    }
  },

  "what is no range is ignored": async (contract) => {
    await contract.server.put(contract.bucket, "range/ignored", TEN);
    for (const range of ["bytes", "bytes=a-b", "bytes=-", "characters=0-3"]) {
      const answer = await get(contract, "range/ignored", { range });
      assert.deepEqual([answer.status, answer.body.toString()], [200, TEN], range);
      assert.equal(answer.headers["content-range"], undefined, range);
    }
  },

  "a range that ends before it begins is ignored": async (contract) => {
    await contract.server.put(contract.bucket, "range/reversed", TEN);
    const answer = await get(contract, "range/reversed", { range: "bytes=5-2" });
    assert.deepEqual([answer.status, answer.body.toString()], [200, TEN]);
  },

  "several ranges are answered with the whole object": async (contract) => {
    await contract.server.put(contract.bucket, "range/several", TEN);
    const answer = await get(contract, "range/several", { range: "bytes=0-1,4-5" });
    assert.deepEqual([answer.status, answer.body.toString()], [200, TEN]);
  },

  "a range beyond the end is 416": async (contract) => {
    await contract.server.put(contract.bucket, "range/beyond", TEN);
    for (const range of ["bytes=10-", "bytes=10-20", "bytes=100-200"]) {
      const answer = await get(contract, "range/beyond", { range });
      assert.deepEqual([answer.status, answer.code], [416, "InvalidRange"], range);
    }
  },

  "the last no bytes are 416": async (contract) => {
    await contract.server.put(contract.bucket, "range/none", TEN);
    const answer = await get(contract, "range/none", { range: "bytes=-0" });
    assert.deepEqual([answer.status, answer.code], [416, "InvalidRange"]);
  },

  "an error about a range says the object's size": async (contract) => {
    await contract.server.put(contract.bucket, "range/size", TEN);
    const answer = await get(contract, "range/size", { range: "bytes=99-" });
    assert.match(answer.body.toString(), /<ActualObjectSize>10<\/ActualObjectSize>/);
  },

  "a range of an empty object is 416": async (contract) => {
    await contract.server.put(contract.bucket, "range/empty", "");
    for (const range of ["bytes=0-", "bytes=0-0"]) {
      const answer = await get(contract, "range/empty", { range });
      assert.deepEqual([answer.status, answer.code], [416, "InvalidRange"], range);
    }
  },

  "HEAD takes a range": async (contract) => {
    await contract.server.put(contract.bucket, "range/head", TEN);
    const answer = await get(contract, "range/head", { range: "bytes=2-5" }, "HEAD");
    assert.deepEqual([answer.status, answer.headers["content-length"]], [206, "4"]);
    assert.equal(answer.headers["content-range"], "bytes 2-5/10");
    assert.equal(answer.body.length, 0);
  },

  "If-Match holds a GET to one state of the object": async (contract) => {
    const { etag } = await contract.server.put(contract.bucket, "condition/match", "one");
    const right = await get(contract, "condition/match", { "if-match": etag, range: "bytes=0-0" });
    assert.deepEqual([right.status, right.body.toString()], [206, "o"]);
    await contract.server.put(contract.bucket, "condition/match", "two");
    const wrong = await get(contract, "condition/match", { "if-match": etag, range: "bytes=0-0" });
    assert.deepEqual([wrong.status, wrong.code], [412, "PreconditionFailed"]);
    const head = await get(contract, "condition/match", { "if-match": etag }, "HEAD");
    assert.deepEqual([head.status, head.body.length], [412, 0]);
  },

  "If-Match comes before the range": async (contract) => {
    await contract.server.put(contract.bucket, "condition/before", "one");
    const headers = { "if-match": '"d41d8cd98f00b204e9800998ecf8427e"', range: "bytes=99-" };
    assert.equal((await get(contract, "condition/before", headers)).status, 412);
  },

  "If-None-Match is 304 for the state a client has": async (contract) => {
    const { etag } = await contract.server.put(contract.bucket, "condition/none", "one");
    const same = await get(contract, "condition/none", { "if-none-match": etag });
    assert.deepEqual([same.status, same.body.length], [304, 0]);
    const other = await get(contract, "condition/none", { "if-none-match": '"0"' });
    assert.equal(other.status, 200);
  },

  "a date decides where there is no ETag": async (contract) => {
    await contract.server.put(contract.bucket, "condition/date", "one");
    const before = new Date(Date.now() - 3_600_000).toUTCString();
    const { headers } = await get(contract, "condition/date");
    const now = String(headers["last-modified"]);
    const status = async (conditions: Record<string, string>) =>
      (await get(contract, "condition/date", conditions)).status;
    assert.equal(await status({ "if-unmodified-since": before }), 412);
    assert.equal(await status({ "if-unmodified-since": now }), 200);
    assert.equal(await status({ "if-modified-since": before }), 200);
    assert.equal(await status({ "if-modified-since": now }), 304);
  },

  "an ETag wins over a date": async (contract) => {
    const { etag } = await contract.server.put(contract.bucket, "condition/both", "one");
    const before = new Date(Date.now() - 3_600_000).toUTCString();
    const match = await get(contract, "condition/both", { "if-match": etag, "if-unmodified-since": before });
    assert.equal(match.status, 200);
    const none = await get(contract, "condition/both", {
      "if-none-match": '"0"',
      "if-modified-since": now(),
    });
    assert.equal(none.status, 200);
  },

  "PUT with If-None-Match: * writes only what is not there": async ({ server, bucket }) => {
    const put = (headers: Record<string, string>) =>
      sendRaw(server, { method: "PUT", path: `/${bucket}/condition/put`, body: "x", headers });
    assert.equal((await put({ "if-none-match": "*" })).status, 200);
    const again = await put({ "if-none-match": "*" });
    assert.deepEqual([again.status, again.code], [412, "PreconditionFailed"]);
  },

  "a query replaces headers of the answer": async (contract) => {
    await contract.server.put(contract.bucket, "object/override", "x");
    const { headers } = await sendRaw(contract.server, {
      path: `/${contract.bucket}/object/override`,
      query: { "response-content-type": "text/x-model", "response-content-disposition": "attachment" },
    });
    assert.equal(headers["content-type"], "text/x-model");
    assert.equal(headers["content-disposition"], "attachment");
  },

  "a version stays readable under its id": async ({ s3, server }) => {
    const bucket = newBucketName("versions");
    await server.createBucket(bucket);
    await s3.send(
      new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: "Enabled" } }),
    );
    const key = { Bucket: bucket, Key: "model" };
    const one = await s3.send(new PutObjectCommand({ ...key, Body: "one" }));
    const two = await s3.send(new PutObjectCommand({ ...key, Body: "two" }));
    assert.notEqual(one.VersionId, two.VersionId);
    const newest = await s3.send(new GetObjectCommand(key));
    assert.deepEqual([await newest.Body?.transformToString(), newest.VersionId], ["two", two.VersionId]);
    const marker = await s3.send(new DeleteObjectCommand(key));
    assert.equal(marker.DeleteMarker, true);
    const old = await s3.send(new GetObjectCommand({ ...key, VersionId: one.VersionId }));
    assert.deepEqual([await old.Body?.transformToString(), old.VersionId], ["one", one.VersionId]);
    await assert.rejects(s3.send(new GetObjectCommand(key)), { name: "NoSuchKey" });
    await s3.send(new DeleteObjectCommand({ ...key, VersionId: marker.VersionId }));
    assert.equal(await (await s3.send(new GetObjectCommand(key))).Body?.transformToString(), "two");
    await s3.send(new DeleteObjectCommand({ ...key, VersionId: one.VersionId }));
  },

  "a delete marker cannot be read": async (contract) => {
    const { key, marker } = await deleted(contract);
    const read = new GetObjectCommand({ ...key, VersionId: marker });
    await assert.rejects(contract.s3.send(read), { name: "MethodNotAllowed" });
  },

  "a version that is gone is NoSuchVersion": async (contract) => {
    const { key, version } = await deleted(contract);
    await contract.s3.send(new DeleteObjectCommand({ ...key, VersionId: version }));
    const read = new GetObjectCommand({ ...key, VersionId: version });
    await assert.rejects(contract.s3.send(read), { name: "NoSuchVersion" });
  },
};

/** One version, and a delete marker over it. */
async function deleted({ s3, server }: Contract) {
  const bucket = newBucketName("deleted");
  await server.createBucket(bucket);
  await s3.send(
    new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: "Enabled" } }),
  );
  const key = { Bucket: bucket, Key: "model" };
  const { VersionId: version } = await s3.send(new PutObjectCommand({ ...key, Body: "one" }));
  const { VersionId: marker } = await s3.send(new DeleteObjectCommand(key));
  return { key, version, marker };
}

const now = () => new Date().toUTCString();

function get(
  { server, bucket }: Contract,
  key: string,
  headers: Record<string, string> = {},
  method = "GET",
) {
  return sendRaw(server, { method, path: `/${bucket}/${key}`, headers });
}
