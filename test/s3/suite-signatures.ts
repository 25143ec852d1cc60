// The contract: what is let in and what is not.

import assert from "node:assert/strict";
import { sendRaw } from "./_signed.ts";
import type { Cases, Contract } from "./suite.ts";

const MINUTE_MS = 60_000;

export const signatureCases: Cases = {
  "a presigned URL needs nothing else": async (contract) => {
    const path = await object(contract, "signed/url");
    const answer = await sendRaw(contract.server, { path, sign: "query" });
    assert.deepEqual([answer.status, answer.body.toString()], [200, "0123456789"]);
    const range = await sendRaw(contract.server, { path, sign: "query", unsigned: { range: "bytes=1-2" } });
    assert.deepEqual([range.status, range.body.toString()], [206, "12"]);
  },

  "a presigned URL ends": async (contract) => {
    const path = await object(contract, "signed/expired");
    const time = new Date(Date.now() - 2 * MINUTE_MS);
    const late = await sendRaw(contract.server, { path, sign: "query", time, expires: 60 });
    assert.deepEqual([late.status, late.code], [403, "AccessDenied"]);
    const inTime = await sendRaw(contract.server, { path, sign: "query", time, expires: 600 });
    assert.equal(inTime.status, 200);
  },

  "a presigned URL is for one key and one method": async (contract) => {
    const path = await object(contract, "signed/one");
    const other = await sendRaw(contract.server, {
      path,
      sign: "query",
      tamper: (signed) => ({ path: signed.path.replace("signed/one", "signed/url") }),
    });
    assert.deepEqual([other.status, other.code], [403, "SignatureDoesNotMatch"]);
  },

  "a wrong secret is SignatureDoesNotMatch": async (contract) => {
    const { accessKeyId } = contract.server.credentials;
    const credentials = { accessKeyId, secretAccessKey: "wrong" };
    const answer = await sendRaw(contract.server, { path: `/${contract.bucket}`, credentials });
    assert.deepEqual([answer.status, answer.code], [403, "SignatureDoesNotMatch"]);
  },

  "an unknown key is InvalidAccessKeyId": async (contract) => {
    const credentials = { accessKeyId: "AKIANOBODY", secretAccessKey: "wrong" };
    const answer = await sendRaw(contract.server, { path: `/${contract.bucket}`, credentials });
    assert.deepEqual([answer.status, answer.code], [403, "InvalidAccessKeyId"]);
  },

  "what was signed cannot be changed": async (contract) => {
    const path = await object(contract, "signed/changed");
    const query = { "response-content-type": "text/plain" };
    const changed = await sendRaw(contract.server, {
      path,
      query,
      tamper: (signed) => ({ path: signed.path.replace("plain", "html") }),
    });
    assert.deepEqual([changed.status, changed.code], [403, "SignatureDoesNotMatch"]);
    const header = await sendRaw(contract.server, {
      path,
      headers: { "x-amz-checksum-mode": "DISABLED" },
      tamper: ({ headers }) => ({ headers: { ...headers, "x-amz-checksum-mode": "ENABLED" } }),
    });
    assert.deepEqual([header.status, header.code], [403, "SignatureDoesNotMatch"]);
  },

  "one signature serves any range": async (contract) => {
    const path = await object(contract, "signed/ranges");
    const time = new Date();
    for (const [range, body] of [
      ["bytes=0-1", "01"],
      ["bytes=8-9", "89"],
    ] as const) {
      const answer = await sendRaw(contract.server, { path, time, unsigned: { range } });
      assert.deepEqual([answer.status, answer.body.toString()], [206, body]);
    }
  },

  "a clock a quarter of an hour off is RequestTimeTooSkewed": async (contract) => {
    const path = await object(contract, "signed/skewed");
    for (const minutes of [-16, 16]) {
      const time = new Date(Date.now() + minutes * MINUTE_MS);
      const answer = await sendRaw(contract.server, { path, time });
      assert.deepEqual([answer.status, answer.code], [403, "RequestTimeTooSkewed"], `${minutes} min`);
    }
    const time = new Date(Date.now() - 14 * MINUTE_MS);
    assert.equal((await sendRaw(contract.server, { path, time })).status, 200);
  },

  "without a signature nothing is to be had": async (contract) => {
    const path = await object(contract, "signed/anonymous");
    const requests = [{ path }, { path: `/${contract.bucket}`, query: { "list-type": "2" } }];
    for (const one of requests) {
      const answer = await sendRaw(contract.server, { ...one, sign: false });
      assert.deepEqual([answer.status, answer.code], [403, "AccessDenied"], one.path);
    }
  },

  "a body is held against the hash that was signed": async ({ server, bucket }) => {
    const answer = await sendRaw(server, {
      method: "PUT",
      path: `/${bucket}/signed/body`,
      body: "what is sent",
      payload: "0".repeat(64),
    });
    assert.deepEqual([answer.status, answer.code], [400, "XAmzContentSHA256Mismatch"]);
    assert.equal((await sendRaw(server, { path: `/${bucket}/signed/body` })).status, 404);
  },

  "a body whose hash was not signed is taken as it is": async ({ server, bucket }) => {
    const answer = await sendRaw(server, {
      method: "PUT",
      path: `/${bucket}/signed/unsigned`,
      body: "anything",
      payload: "UNSIGNED-PAYLOAD",
    });
    assert.equal(answer.status, 200);
  },

  "a body is held against Content-MD5": async ({ server, bucket }) => {
    const put = (md5: string) =>
      sendRaw(server, {
        method: "PUT",
        path: `/${bucket}/signed/md5`,
        body: "x",
        headers: { "content-md5": md5 },
      });
    const wrong = await put("1B2M2Y8AsgTpgAmY7PhCfg==");
    assert.deepEqual([wrong.status, wrong.code], [400, "BadDigest"]);
    const none = await put("no md5");
    assert.deepEqual([none.status, none.code], [400, "InvalidDigest"]);
    assert.equal((await put("nd1Hobs/3F1kqeVGmGDOOA==")).status, 400);
    assert.equal((await put("ndTkZKkRZuBNbM2QaIgp4Q==")).status, 400);
  },

  "a header x-amz-* that is not signed is refused": async (contract) => {
    const path = await object(contract, "signed/header");
    const answer = await sendRaw(contract.server, { path, unsigned: { "x-amz-meta-a": "b" } });
    assert.deepEqual([answer.status, answer.code], [403, "AccessDenied"]);
    assert.match(answer.body.toString(), /<HeadersNotSigned>x-amz-meta-a<\/HeadersNotSigned>/);
  },

  "a signature of another service is refused": async (contract) => {
    const answer = await sendRaw(contract.server, { path: `/${contract.bucket}`, service: "ec2" });
    assert.deepEqual([answer.status, answer.code], [400, "AuthorizationHeaderMalformed"]);
  },

  "two signatures are one too many": async (contract) => {
    const path = await object(contract, "signed/twice");
    const answer = await sendRaw(contract.server, {
      path,
      sign: "query",
      unsigned: { authorization: "AWS4-HMAC-SHA256 Credential=a/b/c/s3/aws4_request" },
    });
    assert.deepEqual([answer.status, answer.code], [400, "InvalidArgument"]);
  },
};

async function object({ server, bucket }: Contract, key: string): Promise<string> {
  await server.put(bucket, key, "0123456789");
  return `/${bucket}/${key}`;
}
