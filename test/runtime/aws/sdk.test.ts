import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { build } from "esbuild";
import {
  createCapture,
  fromSdkCredentials,
  loadSdk,
  setSdkFile,
  toSdkCredentials,
} from "../../../adapter/runtime/aws/sdk.ts";
import { partOptions } from "../../../esbuild.config.mjs";

/** It is read on a cold start, if at all. */
const MAX_BYTES = 480_000;

const folder = mkdtempSync(join(tmpdir(), "sdk-"));
after(() => {
  setSdkFile(join(folder, "absent.cjs"));
  rmSync(folder, { recursive: true });
});

const credentials = { accessKeyId: "AKIATEST", secretAccessKey: "s" };

test("aws-sdk.cjs is small, comes before what is installed, and signs", async () => {
  const file = join(folder, "aws-sdk.cjs");
  const entry = join(import.meta.dirname, "../../../adapter/runtime/aws/sdk-entry.ts");
  const { outputFiles } = await build(partOptions({ folder, entry, outfile: file, runtime: "nodejs24.x" }));
  const bytes = outputFiles[0]?.contents ?? new Uint8Array();
  assert.ok(bytes.length > 0 && bytes.length < MAX_BYTES, `${bytes.length} bytes`);
  writeFileSync(file, bytes);
  setSdkFile(file);
  assert.equal((await loadSdk()).S3Client, createRequire(file)(file).S3Client);

  const capture = await createCapture({ region: "eu-west-1", credentials });
  const { url, headers } = await capture("GetObject", { Bucket: "models", Key: "a b/ü", VersionId: "v 1" });
  assert.equal(url.origin, "https://models.s3.eu-west-1.amazonaws.com");
  assert.equal(url.pathname, "/a%20b/%C3%BC");
  assert.equal(url.searchParams.get("versionId"), "v 1");
  assert.match(
    headers["authorization"] ?? "",
    /^AWS4-HMAC-SHA256 Credential=AKIATEST\/\d{8}\/eu-west-1\/s3\//,
  );
});

test("without that file, the installed SDK is used", async () => {
  setSdkFile(join(folder, "absent.cjs"));
  const { S3Client, fromTokenFile } = await loadSdk();
  assert.equal(typeof S3Client, "function");
  assert.equal(typeof fromTokenFile, "function");
});

test("a list is signed with its prefix and its token, by the server's clock", async () => {
  const capture = await createCapture({ region: "us-east-1", credentials, clockOffsetMs: -3 * 86_400_000 });
  const { url, headers } = await capture("ListObjectsV2", {
    Bucket: "models",
    Prefix: "a&b/",
    ContinuationToken: "1+2=",
  });
  assert.deepEqual(
    ["list-type", "prefix", "continuation-token"].map((name) => url.searchParams.get(name)),
    ["2", "a&b/", "1+2="],
  );
  const then = new Date(Date.now() - 3 * 86_400_000).toISOString().slice(0, 10).replaceAll("-", "");
  assert.ok(headers["x-amz-date"]?.startsWith(then));
});

test("credentials there and back", () => {
  const full = { ...credentials, sessionToken: "t", expiresAt: Date.parse("2026-01-01T00:00:00Z") };
  assert.deepEqual(fromSdkCredentials(toSdkCredentials(full)), full);
  assert.deepEqual(fromSdkCredentials(toSdkCredentials(credentials)), credentials);
});
