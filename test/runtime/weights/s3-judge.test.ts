// Every refusal of S3, by a server that refuses like it, through the requests of a list; verdicts over answers to a GET
// by `judge`.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { HttpAnswer } from "../../../adapter/runtime/weights/_contracts.ts";
import { type FakeS3, KEYS, md5, openS3, s3Error, startS3 } from "./_source-s3.ts";
import { type Asked, listAll, type Said } from "./_source-server.ts";

const DAY_MS = 86_400_000;

const file = { path: "", key: "a b", size: 5, etag: '"e"' };

const toAnswer = ({ status = 200, headers = {}, body = "" }: Said): HttpAnswer => ({
  status,
  headers,
  body: Buffer.from(body),
});

/** An S3 that says `said` to the first requests that `when` is true of. */
async function refusing(
  said: Said,
  count = 1,
  when: (asked: Asked) => boolean = () => true,
): Promise<FakeS3> {
  const s3 = await startS3({ "a b": { body: "hello" } });
  s3.intercept = (asked) => (when(asked) && count-- > 0 ? said : undefined);
  return s3;
}

const regionsOf = (s3: FakeS3) =>
  s3.asked.map(({ headers }) => /\/\d{8}\/([^/]+)\//.exec(headers.authorization ?? "")?.[1]);

test("a bucket of another region is asked there, and from then on at once", async () => {
  const elsewhere: Said[] = [
    { status: 301, headers: { "x-amz-bucket-region": "eu-west-2" } },
    { status: 400, headers: { "x-amz-bucket-region": "eu-west-2" } },
    s3Error(400, "AuthorizationHeaderMalformed", { Region: "eu-west-2" }),
    s3Error(307, "TemporaryRedirect", { Endpoint: "bucket.s3.eu-west-2.amazonaws.com" }),
  ];
  for (const said of elsewhere) {
    await using s3 = await startS3({ "a b": { body: "hello" } });
    s3.intercept = ({ headers }) => (headers.authorization?.includes("/eu-west-2/") ? undefined : said);
    const source = openS3(s3, { source: "s3://bucket/a b" });
    assert.equal((await listAll(source))[0]?.checksum?.value, md5("hello"));
    const before = s3.asked.length;
    await listAll(source);
    assert.deepEqual(regionsOf(s3).slice(before), ["eu-west-2"]);
  }
});

test("a region that is no name of a region does not become part of a host", async () => {
  await using s3 = await refusing({ status: 301, headers: { "x-amz-bucket-region": "evil.example/" } }, 99);
  await assert.rejects(listAll(openS3(s3, { source: "s3://bucket/a b" })), { code: "WEIGHTS_UNREACHABLE" });
  assert.deepEqual(new Set(regionsOf(s3)), new Set(["us-east-1"]));
});

test("a server that sends round in circles is left", async () => {
  const regions = ["eu-west-1", "eu-west-2"];
  await using s3 = await startS3();
  s3.intercept = () => ({
    status: 301,
    headers: { "x-amz-bucket-region": regions[s3.asked.length % 2] as string },
  });
  await assert.rejects(listAll(openS3(s3, { source: "s3://bucket/a" })), { code: "WEIGHTS_UNREACHABLE" });
  assert.ok(s3.asked.length < 10);
});

test("a clock that is wrong is set by the server's", async () => {
  const date = new Date(Date.now() - 3 * DAY_MS).toUTCString();
  for (const said of [
    { ...s3Error(403, "RequestTimeTooSkewed"), headers: { date } },
    // An answer to HEAD has no body.
    { status: 403, headers: { date } },
  ]) {
    await using s3 = await refusing(said);
    await listAll(openS3(s3, { source: "s3://bucket/a b" }));
    const days = s3.asked.map(({ headers }) => String(headers["x-amz-date"]).slice(0, 8));
    assert.equal(s3.asked.length, 2);
    assert.equal(days[1], new Date(Date.now() - 3 * DAY_MS).toISOString().slice(0, 10).replaceAll("-", ""));
  }
});

test("a refusal that comes with the right time is no matter of clocks", async () => {
  await using s3 = await refusing({ status: 403, headers: { date: new Date().toUTCString() } }, 99);
  await assert.rejects(listAll(openS3(s3, { source: "s3://bucket/a b" })), { code: "WEIGHTS_FORBIDDEN" });
});

test("a refusal with a reason is no matter of clocks or regions, whatever its headers say", async () => {
  await using s3 = await startS3();
  const source = openS3(s3, { source: "s3://bucket/a b" });
  await source.target(file);
  for (const headers of [
    { date: new Date(Date.now() - 3 * DAY_MS).toUTCString() },
    { "x-amz-bucket-region": "us-east-1" },
  ]) {
    const answer = toAnswer({ ...s3Error(403, "AccessDenied"), headers });
    assert.equal(source.judge(answer, file).action, "fail");
  }
});

test("expired credentials are read anew; a HEAD does not say so, and is asked again as a GET", async () => {
  const environment = { ...KEYS, AWS_SESSION_TOKEN: "old" };
  await using s3 = await startS3({ "a b": { body: "hello" } });
  s3.intercept = ({ method, headers }) => {
    if (headers["x-amz-security-token"] !== "old") return undefined;
    // Meanwhile somebody has renewed them.
    environment.AWS_SESSION_TOKEN = "new";
    return method === "HEAD" ? { status: 400 } : s3Error(400, "ExpiredToken");
  };
  const source = openS3(s3, { source: "s3://bucket/a b" }, environment);
  const [found] = await listAll(source);
  assert.equal(found?.checksum?.value, md5("hello"));
  assert.deepEqual(
    s3.asked.map(({ method, headers }) => [method, headers["x-amz-security-token"]]),
    [
      ["HEAD", "old"],
      ["GET", "old"],
      ["GET", "new"],
      ["HEAD", "new"],
    ],
  );
});

test("expired credentials that stay the same are a clear end", async () => {
  await using s3 = await startS3();
  s3.intercept = ({ method }) => (method === "HEAD" ? { status: 400 } : s3Error(400, "ExpiredToken"));
  await assert.rejects(listAll(openS3(s3, { source: "s3://bucket/a" })), {
    code: "WEIGHTS_FORBIDDEN",
    message: /refuses these credentials as expired/,
  });
});

test("an answer to a request from before the renewal does not renew again", async () => {
  const environment = { ...KEYS, AWS_SESSION_TOKEN: "one" };
  await using s3 = await startS3();
  const source = openS3(s3, { source: "s3://bucket/a b" }, environment);
  await source.target(file);
  environment.AWS_SESSION_TOKEN = "two";
  assert.equal(source.judge(toAnswer(s3Error(400, "ExpiredToken")), file).action, "again");
  assert.equal((await source.target(file)).headers["x-amz-security-token"], "two");
  assert.equal(source.judge(toAnswer(s3Error(400, "ExpiredToken")), file).action, "again");
  assert.equal((await source.target(file)).headers["x-amz-security-token"], "two");
});

test("busy and broken servers are asked again, the busy ones more slowly", async () => {
  await using s3 = await startS3();
  const source = openS3(s3, { source: "s3://bucket/a b" });
  await source.target(file);
  const judge = (said: Said) => {
    const { action, slow } = source.judge(toAnswer(said), file) as { action: string; slow?: boolean };
    return [action, slow ?? false];
  };
  for (const said of [s3Error(503, "SlowDown"), { status: 503 }, { status: 429 }, s3Error(400, "Throttling")])
    assert.deepEqual(judge(said), ["retry", true]);
  for (const said of [
    { status: 500 },
    { status: 502 },
    { status: 504 },
    s3Error(500, "InternalError"),
    s3Error(400, "RequestTimeout"),
  ])
    assert.deepEqual(judge(said), ["retry", false]);
  assert.deepEqual(judge({ status: 501 }), ["fail", false]);
  assert.deepEqual(judge({ status: 418 }), ["fail", false]);
});

test("a list survives a busy server", async () => {
  await using s3 = await refusing(s3Error(503, "SlowDown"), 3);
  assert.equal((await listAll(openS3(s3, { source: "s3://bucket/a b" }))).length, 1);
});

test("an object that was replaced is changed", async () => {
  await using s3 = await startS3();
  const source = openS3(s3, { source: "s3://bucket/a b" });
  for (const status of [412, 416]) {
    const verdict = source.judge(toAnswer({ status }), file);
    assert.equal(verdict.action, "changed");
    assert.match(verdict.error.message, /s3:\/\/bucket\/a b has another ETag|is shorter/);
  }
});

test("what is not there, with its name", async () => {
  await using s3 = await startS3();
  const source = openS3(s3, { source: "s3://bucket/a b" });
  const message = (code: string) => {
    const verdict = source.judge(toAnswer(s3Error(404, code)), { ...file, versionId: "v1" });
    assert.equal(verdict.action, "fail");
    assert.equal((verdict.error as { code?: string }).code, "WEIGHTS_NOT_FOUND");
    return verdict.error.message;
  };
  assert.match(message("NoSuchKey"), /there is no s3:\/\/bucket\/a b \(version v1\)/);
  assert.match(message("NoSuchVersion"), /version v1/);
  assert.match(message("NoSuchBucket"), /no bucket bucket/);
});

test("a refusal names the permission, the resource, and what else it may mean", async () => {
  await using s3 = await startS3();
  const denied = s3Error(403, "AccessDenied", { Message: "User: arn:aws:iam::1:user/me is not authorized" });
  s3.intercept = () => denied;
  await assert.rejects(listAll(openS3(s3, { source: "s3://bucket/p/" })), {
    code: "WEIGHTS_FORBIDDEN",
    message: /user\/me is not authorized/,
    fix: "Allow s3:ListBucket on arn:aws:s3:::bucket.",
  });
  await assert.rejects(listAll(openS3(s3, { source: "s3://bucket/a b" })), {
    fix: /^Allow s3:GetObject on arn:aws:s3:::bucket\/a b .*kms:Decrypt.* may also be missing: without s3:ListBucket on arn:aws:s3:::bucket /,
  });
  await assert.rejects(listAll(openS3(s3, { source: "s3://bucket/a", versionId: "v" })), {
    fix: /^Allow s3:GetObjectVersion on /,
  });
});

test("refusals with a reason of their own", async () => {
  const cases: [Said, RegExp][] = [
    [s3Error(403, "InvalidObjectState", { StorageClass: "GLACIER" }), /archived \(GLACIER\).*restore-object/],
    [
      s3Error(400, "InvalidRequest", {
        Message: "The object was stored using a form of Server Side Encryption.",
      }),
      /SSE-C/,
    ],
    [
      s3Error(403, "AccessDenied", { Message: "not authorized to perform: kms:Decrypt on the resource" }),
      /Allow kms:Decrypt/,
    ],
    [s3Error(400, "KMS.DisabledException", { Message: "key is disabled" }), /Allow kms:Decrypt/],
    [s3Error(403, "SignatureDoesNotMatch"), /do not belong together/],
    [s3Error(403, "InvalidAccessKeyId"), /do not belong together/],
  ];
  for (const [said, expected] of cases) {
    await using s3 = await startS3();
    s3.intercept = ({ method }) => (method === "HEAD" ? { status: said.status ?? 0 } : said);
    await assert.rejects(
      listAll(openS3(s3, { source: "s3://bucket/a b" })),
      (error: Error & { sentence: string; code: string }) => {
        assert.equal(error.code, "WEIGHTS_FORBIDDEN");
        assert.match(error.sentence, expected);
        return true;
      },
    );
  }
});

test("a gateway that refuses HEAD and allows GET is read by its GETs", async () => {
  await using s3 = await startS3();
  s3.intercept = ({ method, headers }) => {
    if (method === "HEAD") return { status: 403 };
    assert.equal(headers.range, "bytes=0-0");
    return { status: 206, headers: { "content-range": "bytes 0-0/5", etag: `"${md5("hello")}"` }, body: "h" };
  };
  const [found] = await listAll(openS3(s3, { source: "s3://bucket/a" }));
  assert.deepEqual([found?.size, found?.checksum?.value], [5, md5("hello")]);
});

test("no message holds a secret or a signature", async () => {
  await using s3 = await startS3();
  s3.intercept = () =>
    s3Error(403, "SignatureDoesNotMatch", {
      Message: "no match",
      StringToSign: "AWS4-HMAC-SHA256 hunter2",
      SignatureProvided: "hunter2",
    });
  const source = openS3(s3, { source: "s3://bucket/a b" }, { ...KEYS, AWS_SECRET_ACCESS_KEY: "hunter2" });
  await assert.rejects(
    listAll(source),
    (error: Error & { sentence: string }) => !error.sentence.includes("hunter2"),
  );
});
