// The contract: what is not there, what cannot be, and the form of saying so.

import assert from "node:assert/strict";
import { Agent } from "node:http";
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  GetBucketLocationCommand,
  HeadBucketCommand,
} from "@aws-sdk/client-s3";
import { newBucketName } from "./_server.ts";
import { sendRaw } from "./_signed.ts";
import type { Cases } from "./suite.ts";

export const errorCases: Cases = {
  "a key that is not there is 404, as a document with the ids of the request": async ({ server, bucket }) => {
    const answer = await sendRaw(server, { path: `/${bucket}/not/there` });
    assert.deepEqual([answer.status, answer.code], [404, "NoSuchKey"]);
    assert.match(answer.body.toString(), /^<\?xml version="1.0" encoding="UTF-8"\?>/);
    assert.equal(answer.headers["content-type"], "application/xml");
    const requestId = answer.headers["x-amz-request-id"];
    assert.ok(requestId);
    assert.match(
      answer.body.toString(),
      new RegExp(`<RequestId>${requestId}</RequestId><HostId>.+</HostId>`),
    );
    assert.ok(answer.headers["date"]);
  },

  "HEAD of a key that is not there is 404 without a body": async ({ server, bucket }) => {
    const answer = await sendRaw(server, { method: "HEAD", path: `/${bucket}/not/there` });
    assert.deepEqual([answer.status, answer.body.length], [404, 0]);
  },

  "a bucket that is not there is NoSuchBucket": async ({ server }) => {
    const bucket = newBucketName("missing");
    for (const path of [`/${bucket}/key`, `/${bucket}`]) {
      const answer = await sendRaw(server, { path, query: path.endsWith("key") ? {} : { "list-type": "2" } });
      assert.deepEqual([answer.status, answer.code], [404, "NoSuchBucket"], path);
    }
    const put = await sendRaw(server, { method: "PUT", path: `/${bucket}/key`, body: "x" });
    assert.deepEqual([put.status, put.code], [404, "NoSuchBucket"]);
  },

  "a bucket has a place, and is deleted when it is empty": async ({ s3, server }) => {
    const bucket = newBucketName("place");
    await s3.send(new CreateBucketCommand({ Bucket: bucket }));
    await s3.send(new HeadBucketCommand({ Bucket: bucket }));
    const { LocationConstraint } = await s3.send(new GetBucketLocationCommand({ Bucket: bucket }));
    assert.ok(!LocationConstraint || typeof LocationConstraint === "string");
    await server.put(bucket, "key", "x");
    await assert.rejects(s3.send(new DeleteBucketCommand({ Bucket: bucket })), { name: "BucketNotEmpty" });
    await server.remove(bucket, "key");
    await s3.send(new DeleteBucketCommand({ Bucket: bucket }));
    await assert.rejects(s3.send(new HeadBucketCommand({ Bucket: bucket })), { name: "NotFound" });
  },

  "a name that no bucket can have is refused": async ({ server }) => {
    const answer = await sendRaw(server, { method: "PUT", path: "/No_Bucket" });
    assert.deepEqual([answer.status, answer.code], [400, "InvalidBucketName"]);
  },

  "a key above 1,024 bytes is refused": async ({ server, bucket }) => {
    const answer = await sendRaw(server, {
      method: "PUT",
      path: `/${bucket}/${"k".repeat(1025)}`,
      body: "x",
    });
    assert.deepEqual([answer.status, answer.code], [400, "KeyTooLongError"]);
  },

  "a version id that no server gave is refused": async ({ server, bucket }) => {
    await server.put(bucket, "error/version", "x");
    const query = { versionId: "not a version id" };
    const answer = await sendRaw(server, { path: `/${bucket}/error/version`, query });
    assert.deepEqual([answer.status, answer.code], [400, "InvalidArgument"]);
  },

  "a PUT has to say how long it is": async ({ server, bucket }) => {
    const answer = await sendRaw(server, {
      method: "PUT",
      path: `/${bucket}/error/length`,
      payload: "UNSIGNED-PAYLOAD",
      unsigned: { "transfer-encoding": "chunked" },
      body: "x",
    });
    assert.deepEqual([answer.status, answer.code], [501, "NotImplemented"]);
  },

  "one connection serves request after request, errors among them": async ({ server, bucket }) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    try {
      await server.put(bucket, "error/alive", "x");
      let opened = 0;
      agent.on("free", () => opened++);
      for (const key of ["error/alive", "not/there", "error/alive"]) {
        await sendRaw(server, { path: `/${bucket}/${key}`, agent });
      }
      await sendRaw(server, { method: "HEAD", path: `/${bucket}/not/there`, agent });
      const last = await sendRaw(server, { path: `/${bucket}/error/alive`, agent });
      assert.equal(last.body.toString(), "x");
      assert.equal(opened, 5);
    } finally {
      agent.destroy();
    }
  },
};
