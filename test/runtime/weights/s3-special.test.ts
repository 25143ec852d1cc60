// What only AWS's SDK can address and sign; our own connections send it. The SDK is the installed one; nothing leaves
// this machine.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { RemoteFile } from "../../../adapter/runtime/weights/_contracts.ts";
import createS3Source from "../../../adapter/runtime/weights/s3.ts";
import { KEYS, openS3, s3Error } from "./_source-s3.ts";
import {
  type Asked,
  listAll,
  makeAccess,
  makeEntry,
  overHttp,
  type Said,
  startServer,
} from "./_source-server.ts";

const fileOf = (key: string): RemoteFile => ({ path: key, key, size: 5 });

const open = (source: string, more: object = {}, environment: Record<string, string> = KEYS) =>
  overHttp(createS3Source(makeEntry({ source, ...more }), makeAccess(environment)));

const hostOf = async (source: string, more: object = {}, environment: Record<string, string> = KEYS) =>
  (await open(source, more, environment).target(fileOf("a b"))).url.href.replace(/\?.*/, "");

test("access points, object lambdas and FIPS have the hosts AWS gives them", async () => {
  assert.equal(
    await hostOf("s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/readers/p/"),
    "https://readers-123456789012.s3-accesspoint.eu-west-1.amazonaws.com/a%20b",
  );
  assert.equal(
    await hostOf("s3://arn:aws:s3-object-lambda:us-east-1:123456789012:accesspoint/ol/p/"),
    "https://ol-123456789012.s3-object-lambda.us-east-1.amazonaws.com/a%20b",
  );
  assert.equal(
    await hostOf("s3://models/p/", {}, { ...KEYS, AWS_USE_FIPS_ENDPOINT: "true" }),
    "https://models.s3-fips.us-east-1.amazonaws.com/a%20b",
  );
  assert.equal(
    await hostOf("s3://models/p/", { region: "us-iso-east-1" }),
    "https://models.s3.us-iso-east-1.c2s.ic.gov/a%20b",
  );
});

test("they are signed for their own region, with neither range nor pin in the signature", async () => {
  const source = open("s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/readers/p/", {
    requesterPays: true,
  });
  const { headers } = await source.target(fileOf("a"));
  assert.match(headers["authorization"] ?? "", /AKIATEST\/\d+\/eu-west-1\/s3\/.*x-amz-request-payer/);
  assert.doesNotMatch(headers["authorization"] ?? "", /range|if-match/);
  assert.equal("host" in headers, false);
});

test("a multi-region access point is refused with the way out", async () => {
  const source = open("s3://arn:aws:s3::123456789012:accesspoint/abc.mrap/p/");
  await assert.rejects(source.target(fileOf("a")), { code: "WEIGHTS_INVALID", message: /SigV4A/ });
});

/** A directory bucket: a session first, which is counted, then the request with it. */
function directoryBucket(answer: (asked: Asked) => Said) {
  let sessions = 0;
  return startServer((asked) => {
    if (!asked.query.has("session")) return answer(asked);
    const expiration = new Date(Date.now() + 300_000).toISOString();
    return {
      headers: { "content-type": "application/xml" },
      body: `<?xml version="1.0"?><CreateSessionResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Credentials><SessionToken>session-${++sessions}</SessionToken><SecretAccessKey>s</SecretAccessKey><AccessKeyId>ASIASESSION</AccessKeyId><Expiration>${expiration}</Expiration></Credentials></CreateSessionResult>`,
    };
  });
}

const DIRECTORY = "s3://models--usw2-az1--x-s3/a";

test("a directory bucket is asked with a session, and its ETags are no MD5s", async () => {
  const etag = `"${"a".repeat(32)}"`;
  await using server = await directoryBucket(() => ({ headers: { "content-length": "5", etag } }));
  const source = openS3(server, { source: DIRECTORY });
  const [file] = await listAll(source);
  assert.deepEqual(file, { path: "", key: "a", size: 5, etag });
  const [session, head] = server.asked;
  assert.match(session?.path ?? "", /\?session/);
  assert.match(session?.headers.authorization ?? "", /AKIATEST/);
  assert.equal(head?.method, "HEAD");
  assert.equal(head?.headers["x-amz-s3session-token"], "session-1");
  assert.match(head?.headers.authorization ?? "", /ASIASESSION\/\d+\/us-east-1\/s3express/);
});

test("a session that has expired is replaced", async () => {
  await using server = await directoryBucket(({ method, headers }) => {
    if (headers["x-amz-s3session-token"] === "session-1")
      return method === "HEAD" ? { status: 403 } : s3Error(403, "ExpiredToken");
    return { headers: { "content-length": "5" } };
  });
  const [file] = await listAll(openS3(server, { source: DIRECTORY }));
  assert.equal(file?.size, 5);
  assert.equal(server.asked.at(-1)?.headers["x-amz-s3session-token"], "session-2");
});

test("a session that is refused names the permission", async () => {
  await using server = await startServer(() => s3Error(403, "AccessDenied", { Message: "not authorized" }));
  await assert.rejects(listAll(openS3(server, { source: DIRECTORY })), {
    code: "WEIGHTS_FORBIDDEN",
    fix: /s3express:CreateSession/,
  });
});
