import assert from "node:assert/strict";
import { request } from "node:http";
import { type TestContext, test } from "node:test";
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { BUCKET, type StartedS3, startS3 } from "./_s3.ts";

/** The credentials, the object and the day of the examples in AWS's own documentation. */
const EXAMPLE = {
  credentials: {
    accessKeyId: "AKIAIOSFODNN7EXAMPLE",
    secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  },
  time: Date.UTC(2013, 4, 24),
  scope: "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request",
};

async function startExample(t: TestContext): Promise<StartedS3> {
  const started = await startS3(t, { buckets: ["examplebucket"], credentials: EXAMPLE.credentials });
  started.local.clockOffsetMs = EXAMPLE.time - Date.now();
  await started.local.put("examplebucket", "test.txt", "0123456789abcdef");
  return started;
}

// Source: docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
test("AWS's own example of a signed GET is let in, and with one letter changed it is not", async (t) => {
  const { local } = await startExample(t);
  const headers = {
    host: "examplebucket.s3.amazonaws.com",
    range: "bytes=0-9",
    "x-amz-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "x-amz-date": "20130524T000000Z",
    authorization: `AWS4-HMAC-SHA256 Credential=${EXAMPLE.scope},SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41`,
  };
  const right = await send(local.url, { path: "/test.txt", headers });
  assert.deepEqual([right.status, right.body], [206, "0123456789"]);
  const wrong = await send(local.url, { path: "/test.txt", headers: { ...headers, range: "bytes=0-8" } });
  assert.equal(wrong.status, 403);
  assert.match(wrong.body, /<Code>SignatureDoesNotMatch<\/Code>/);
  assert.match(
    wrong.body,
    /<CanonicalRequest>GET\n\/test.txt\n\nhost:examplebucket.s3.amazonaws.com\nrange:bytes=0-8/,
  );
});

// Source: docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
test("AWS's own example of a presigned URL is let in for its day", async (t) => {
  const { local } = await startExample(t);
  const path = `/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${encodeURIComponent(EXAMPLE.scope)}&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404`;
  const headers = { host: "examplebucket.s3.amazonaws.com" };
  assert.equal((await send(local.url, { path, headers })).body, "0123456789abcdef");
  local.clockOffsetMs += 86_400_000 + 60_000;
  const late = await send(local.url, { path, headers });
  assert.equal(late.status, 403);
  assert.match(late.body, /Request has expired.*<X-Amz-Expires>86400<\/X-Amz-Expires>/);
  local.clockOffsetMs -= 2 * 86_400_000;
  assert.match((await send(local.url, { path, headers })).body, /not yet valid/);
});

// Source: docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
test("AWS's own example of an upload in signed pieces is let in, and with one byte changed it is not", async (t) => {
  const { local, raw } = await startExample(t);
  const upload = (fill: string) =>
    send(local.url, {
      method: "PUT",
      path: "/examplebucket/chunkObject.txt",
      headers: {
        host: "s3.amazonaws.com",
        "x-amz-date": "20130524T000000Z",
        "x-amz-storage-class": "REDUCED_REDUNDANCY",
        authorization: `AWS4-HMAC-SHA256 Credential=${EXAMPLE.scope},SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class,Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9`,
        "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": "66560",
        "content-length": "66824",
      },
      body: [
        `10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n${fill.repeat(65536)}\r\n`,
        `400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n${"a".repeat(1024)}\r\n`,
        "0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n",
      ].join(""),
    });
  const wrong = await upload("b");
  assert.match(wrong.body, /<Code>SignatureDoesNotMatch<\/Code>/);
  assert.equal((await upload("a")).status, 200);
  const time = new Date(EXAMPLE.time);
  const stored = await raw({ path: "/examplebucket/chunkObject.txt", time });
  assert.equal(stored.body.toString(), "a".repeat(66560));
  assert.equal(stored.headers["x-amz-storage-class"], "REDUCED_REDUNDANCY");
  assert.equal(stored.headers["content-encoding"], undefined);
});

test("a bucket in the Host is the same as one in the path", async (t) => {
  const { local, get } = await startS3(t);
  await local.put(BUCKET, "folder/key", "x");
  for (const host of [
    `${BUCKET}.localhost`,
    `${BUCKET}.s3.eu-west-1.amazonaws.com`,
    `${BUCKET}.s3.localhost:9000`,
  ]) {
    const answer = await get("", { host }, { path: "/folder/key" });
    assert.deepEqual([answer.status, answer.body.toString()], [200, "x"], host);
  }
  for (const host of ["localhost:9000", "s3.eu-west-1.amazonaws.com", "s3.localhost"]) {
    assert.equal((await get("folder/key", { host })).status, 200, host);
  }
});

test("temporary credentials need their token, until they end", async (t) => {
  const temporary = { accessKeyId: "ASIATEMPORARY", secretAccessKey: "s", sessionToken: "token/+=" };
  const { local, get } = await startS3(t, { credentials: temporary });
  await local.put(BUCKET, "key", "x");
  for (const sign of ["header", "query"] as const) {
    assert.equal((await get("key", {}, { sign })).status, 200, sign);
    const { sessionToken: _, ...without } = temporary;
    const codeOf = async (credentials: typeof temporary | typeof without) => {
      const answer = await get("key", {}, { sign, credentials });
      return [answer.status, answer.code];
    };
    assert.deepEqual(await codeOf(without), [403, "InvalidAccessKeyId"]);
    assert.deepEqual(await codeOf({ ...temporary, sessionToken: "other" }), [400, "InvalidToken"]);
  }
  local.setCredentials({ ...temporary, expiration: new Date(Date.now() - 1) });
  const expired = await get("key");
  assert.deepEqual([expired.status, expired.code], [400, "ExpiredToken"]);
  local.setCredentials({ accessKeyId: "AKIANEXT", secretAccessKey: "n" });
  assert.equal((await get("key")).status, 200);
  const rotated = await get("key", {}, { credentials: temporary });
  assert.deepEqual([rotated.status, rotated.code], [403, "InvalidAccessKeyId"]);
});

test("a server whose clock is ahead says what it thinks the time is", async (t) => {
  const { local, get } = await startS3(t);
  await local.put(BUCKET, "key", "x");
  local.clockOffsetMs = 20 * 60_000;
  const answer = await get("key");
  assert.deepEqual([answer.status, answer.code], [403, "RequestTimeTooSkewed"]);
  assert.match(answer.body.toString(), /<MaxAllowedSkewMilliseconds>900000<\/MaxAllowedSkewMilliseconds>/);
  const ahead = Date.parse(String(answer.headers.date)) - Date.now();
  assert.ok(Math.abs(ahead - local.clockOffsetMs) < 60_000);
  assert.equal((await get("key", {}, { time: new Date(Date.now() + ahead) })).status, 200);
});

test("a bucket of another region redirects, and a wrong region is told the right one", async (t) => {
  const { local, get, raw } = await startS3(t, {
    buckets: [BUCKET, { name: "abroad", region: "eu-west-1" }],
  });
  await local.put("abroad", "key", "x");
  const path = "/abroad/key";
  const redirect = await raw({ path });
  assert.deepEqual([redirect.status, redirect.code], [301, "PermanentRedirect"]);
  assert.equal(redirect.headers["x-amz-bucket-region"], "eu-west-1");
  assert.equal(redirect.headers["location"], undefined);
  assert.match(redirect.body.toString(), /<Endpoint>abroad.s3.eu-west-1.amazonaws.com<\/Endpoint>/);
  const head = await raw({ path, method: "HEAD" });
  assert.deepEqual([head.status, head.headers["x-amz-bucket-region"]], [301, "eu-west-1"]);
  assert.equal((await raw({ path, region: "eu-west-1" })).status, 200);
  assert.equal((await raw({ path, sign: false })).status, 301);

  const wrong = await get("key", {}, { region: "us-west-2" });
  assert.deepEqual([wrong.status, wrong.code], [400, "AuthorizationHeaderMalformed"]);
  assert.match(
    wrong.body.toString(),
    /the region 'us-west-2' is wrong; expecting 'us-east-1'.*<Region>us-east-1<\/Region>/,
  );
  const query = await get("key", {}, { region: "us-west-2", sign: "query" });
  assert.deepEqual([query.status, query.code], [400, "AuthorizationQueryParametersError"]);

  const place = await raw({ path: "/abroad", query: { location: "" } });
  assert.match(place.body.toString(), />eu-west-1<\/LocationConstraint>$/);
  const home = await raw({ path: `/${BUCKET}`, query: { location: "" } });
  assert.match(home.body.toString(), /<LocationConstraint [^>]*><\/LocationConstraint>$/);
});

test("the SDK follows a redirect to another region", async (t) => {
  const { local } = await startS3(t, { buckets: [{ name: "abroad", region: "eu-west-1" }] });
  await local.put("abroad", "key", "found");
  const s3 = new S3Client({
    endpoint: local.url,
    region: local.region,
    credentials: { ...local.credentials },
    forcePathStyle: true,
    followRegionRedirects: true,
  });
  t.after(() => s3.destroy());
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: "abroad", Key: "key" }));
  assert.equal(await Body?.transformToString(), "found");
});

test("what a policy denies is 403, and says which action on what", async (t) => {
  const { local, get, raw } = await startS3(t);
  await local.put(BUCKET, "open/key", "x");
  await local.put(BUCKET, "secret/key", "x");
  const list = (prefix: string) => raw({ path: `/${BUCKET}`, query: { "list-type": "2", prefix } });
  local.setCredentials({
    ...local.credentials,
    deny: [{ action: "s3:GetObject", arn: `arn:aws:s3:::${BUCKET}/secret/*` }],
  });
  assert.equal((await get("open/key")).status, 200);
  const denied = await get("secret/key");
  assert.deepEqual([denied.status, denied.code], [403, "AccessDenied"]);
  assert.match(
    denied.body.toString(),
    /is not authorized to perform: s3:GetObject on resource: &quot;arn:aws:s3:::models\/secret\/key&quot;/,
  );
  assert.equal((await get("secret/key", {}, { method: "HEAD" })).status, 403);
  assert.equal((await list("secret/")).status, 200);
  assert.equal((await get("missing")).status, 404);

  local.setCredentials({ ...local.credentials, deny: [{ action: "s3:ListBucket", arn: "*" }] });
  assert.equal((await get("open/key")).status, 200);
  assert.equal((await list("")).status, 403);
  // Whoever may not list may not know what is missing either.
  const missing = await get("missing");
  assert.deepEqual([missing.status, missing.code], [403, "AccessDenied"]);
  assert.match(missing.body.toString(), /s3:ListBucket/);
  assert.equal((await get("missing", {}, { method: "HEAD" })).status, 403);

  local.setCredentials({ ...local.credentials, deny: [{ action: "s3:*", arn: "*" }] });
  assert.equal((await get("open/key")).status, 403);
});

test("a public bucket is open for what it is public for", async (t) => {
  const { local, get, raw } = await startS3(t, {
    buckets: [{ name: BUCKET, publicActions: ["s3:GetObject"] }],
  });
  await local.put(BUCKET, "key", "x");
  const sign = false;
  assert.equal((await get("key", {}, { sign })).status, 200);
  assert.equal((await get("missing", {}, { sign })).status, 403);
  assert.equal((await raw({ path: `/${BUCKET}`, query: { "list-type": "2" }, sign })).status, 403);
  assert.equal((await raw({ method: "PUT", path: `/${BUCKET}/key`, body: "y", sign })).status, 403);
  const query = { "response-content-type": "text/html" };
  assert.equal((await get("key", {}, { sign, query })).status, 400);
});

test("a signature that cannot be read is refused with the reason", async (t) => {
  const { local, raw } = await startS3(t);
  await local.put(BUCKET, "key", "x");
  const path = `/${BUCKET}/key`;
  const day = new Date().toISOString().slice(0, 10).replaceAll("-", "");
  const header = (authorization: string, more: Record<string, string> = {}) =>
    raw({
      path,
      sign: false,
      headers: { authorization, "x-amz-content-sha256": "UNSIGNED-PAYLOAD", ...more },
    });
  const scope = `a/${day}/us-east-1/s3/aws4_request`;
  const time = { "x-amz-date": `${day}T000000Z` };
  const refusals = [
    [await header("AWS key:signature"), "InvalidRequest"],
    [await header("AWS4-HMAC-SHA256 Credential=a"), "AuthorizationHeaderMalformed"],
    [
      await header("AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0", time),
      "AuthorizationHeaderMalformed",
    ],
    [await header(`AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0`), "AccessDenied"],
    [
      await header(`AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0`, {
        "x-amz-date": "20130524T000000Z",
      }),
      "AuthorizationHeaderMalformed",
    ],
    [
      await raw({
        path,
        sign: false,
        headers: { authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0` },
      }),
      "InvalidRequest",
    ],
    [
      await raw({ path, sign: false, query: { "X-Amz-Signature": "0" } }),
      "AuthorizationQueryParametersError",
    ],
    [await raw({ path, sign: "query", expires: 604_801 }), "AuthorizationQueryParametersError"],
    [await raw({ path, sign: "query", expires: -1 }), "AuthorizationQueryParametersError"],
    [await raw({ path, payload: "no hash" }), "InvalidArgument"],
    [
      await raw({
        path,
        tamper: ({ headers }) => ({
          headers: { ...headers, authorization: String(headers["authorization"]).replace("host;", "") },
        }),
      }),
      "AccessDenied",
    ],
  ] as const;
  for (const [i, [answer, code]] of refusals.entries()) assert.equal(answer.code, code, `refusal ${i}`);
});

/** As it is: nothing is signed here. */
function send(
  url: string,
  options: { method?: string; path: string; headers: Record<string, string>; body?: string },
): Promise<{ status: number; body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
  const { port } = new URL(url);
  const message = request({ host: "127.0.0.1", port, agent: false, ...options }, (response) => {
    let body = "";
    response.setEncoding("latin1").on("data", (piece: string) => (body += piece));
    response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
  });
  message.on("error", reject);
  message.end(options.body);
  return promise;
}
