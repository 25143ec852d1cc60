// What the engine asks an S3 source for: where a GET goes, and for how long that holds.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setSdkFile } from "../../../adapter/runtime/aws/sdk.ts";
import type { HttpAnswer, RemoteFile } from "../../../adapter/runtime/weights/_contracts.ts";
import createS3Source from "../../../adapter/runtime/weights/s3.ts";
import { KEYS, openS3, s3Error, startS3 } from "./_source-s3.ts";
import { listAll, makeAccess, makeEntry, overHttp } from "./_source-server.ts";

const fileOf = (key: string, more: Partial<RemoteFile> = {}): RemoteFile => ({
  path: key,
  key,
  size: 5,
  ...more,
});

const denied: HttpAnswer = {
  status: 403,
  headers: {},
  body: Buffer.from(String(s3Error(403, "AccessDenied").body)),
};

const awsSource = (environment: Record<string, string> = KEYS) =>
  overHttp(createS3Source(makeEntry({ source: "s3://models/p/" }), makeAccess(environment)));

/** Whatever asks for the SDK fails. */
async function withoutSdk(run: () => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "no-sdk-"));
  const file = join(folder, "aws-sdk.cjs");
  writeFileSync(file, "throw new Error('the SDK was loaded');");
  setSdkFile(file);
  try {
    await run();
  } finally {
    setSdkFile(join(folder, "absent.cjs"));
    rmSync(folder, { recursive: true });
  }
}

test("a plain bucket with the environment's keys is signed without the SDK", async () => {
  await withoutSdk(async () => {
    const { url, headers } = await awsSource().target(fileOf("p/a b"));
    assert.equal(url.href, "https://models.s3.us-east-1.amazonaws.com/p/a%20b");
    assert.match(headers["authorization"] ?? "", /SignedHeaders=host;x-amz-content-sha256;x-amz-date,/);
    // Whoever adds a range or a pin does not sign again.
    assert.equal("range" in headers, false);
  });
});

test("one signature for all ranges of an object, and no more signatures kept than there are connections", async () => {
  const source = awsSource();
  const file = fileOf("p/a");
  const first = await source.target(file);
  assert.equal(await source.target(file), first);
  for (let index = 0; index < 300; index++) await source.target(fileOf(`p/${index}`));
  assert.notEqual(await source.target(file), first);
});

test("a signature is made anew after five minutes", async (context) => {
  context.mock.method(performance, "now", () => at);
  let at = 1000;
  const source = awsSource();
  const file = fileOf("p/a");
  const first = await source.target(file);
  at += 4 * 60_000;
  assert.equal(await source.target(file), first);
  at += 2 * 60_000;
  assert.notEqual(await source.target(file), first);
});

test("the version that was pinned is asked for", async () => {
  const { url } = await awsSource().target(fileOf("p/a", { versionId: "v+1" }));
  assert.equal(url.search, "?versionId=v%2B1");
});

test("a role that may not name versions gets the object by its ETag", async () => {
  const source = awsSource();
  const file = fileOf("p/a", { versionId: "v1", etag: '"e"' });
  await source.target(file);
  assert.equal(source.judge(denied, file).action, "again");
  assert.equal((await source.target(file)).url.search, "");
});

test("without an ETag, or for a version that config.yaml names, a refusal is one", async () => {
  const source = awsSource();
  const file = fileOf("p/a", { versionId: "v1" });
  await source.target(file);
  assert.equal(source.judge(denied, file).action, "fail");
  const entry = makeEntry({ source: "s3://models/a", versionId: "v1" });
  const named = overHttp(createS3Source(entry, makeAccess(KEYS)));
  const pinned = fileOf("a", { versionId: "v1", etag: '"e"' });
  assert.match((await named.target(pinned)).url.search, /v1/);
  assert.equal(named.judge(denied, pinned).action, "fail");
});

test("a key that no URL can name is refused, not fetched from somewhere else", async () => {
  for (const key of ["p/../other", "./p", "p/.."]) {
    await assert.rejects(awsSource().target(fileOf(key)), { code: "WEIGHTS_INVALID" }, key);
  }
  assert.match((await awsSource().target(fileOf("p/..a/.b"))).url.pathname, /\/p\/\.\.a\/\.b$/);
});

test("making a source fails at nothing; using it says what is wrong", async () => {
  const bad = overHttp(createS3Source(makeEntry({ source: "s3://" }), makeAccess(KEYS)));
  await assert.rejects(listAll(bad), { code: "WEIGHTS_INVALID" });
  await assert.rejects(bad.target(fileOf("a")), { code: "WEIGHTS_INVALID" });
  const region = overHttp(
    createS3Source(makeEntry({ source: "s3://b/a", region: "evil.example/" }), makeAccess(KEYS)),
  );
  await assert.rejects(region.target(fileOf("a")), { code: "WEIGHTS_INVALID", message: /no region/ });
});

test("nobody has credentials: asked without any, and a refusal says so", async () => {
  const folder = mkdtempSync(join(tmpdir(), "no-credentials-"));
  const sdk = join(folder, "aws-sdk.cjs");
  writeFileSync(
    sdk,
    `exports.fromNodeProviderChain = () => async () => { throw Object.assign(new Error("the SSO session has expired"), { name: "CredentialsProviderError" }); };`,
  );
  setSdkFile(sdk);
  try {
    await using s3 = await startS3({ a: { body: "hello" } });
    const source = openS3(s3, { source: "s3://bucket/a" }, {});
    const [file] = await listAll(source);
    assert.equal(file?.size, 5);
    assert.equal(s3.asked[0]?.headers.authorization, undefined);
    assert.deepEqual((await source.target(fileOf("a"))).headers, {});
    const verdict = source.judge(denied, fileOf("a"));
    assert.equal(verdict.action, "fail");
    assert.match(
      (verdict.error as Error & { fix: string }).fix,
      /without credentials.*the SSO session has expired/,
    );
  } finally {
    setSdkFile(join(folder, "absent.cjs"));
    rmSync(folder, { recursive: true });
  }
});
