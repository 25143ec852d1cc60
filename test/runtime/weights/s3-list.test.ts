import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { RemoteFile } from "../../../adapter/runtime/weights/_contracts.ts";
import { KEYS, md5, openS3, s3Error, startS3 } from "./_source-s3.ts";
import { listAll } from "./_source-server.ts";

const MIB = 1024 * 1024;

const crc = (number: number): string => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return bytes.toString("base64");
};

test("one object: its pin, and its full-object checksum; one request", async () => {
  await using s3 = await startS3({
    "llama/model.bin": {
      size: 5 * MIB,
      etag: "0123456789abcdef0123456789abcdef",
      headers: { "x-amz-version-id": "v1" },
      checksums: { crc64nvme: "iSwnWqgaGQM=", type: "FULL_OBJECT" },
    },
  });
  const files = await listAll(openS3(s3, { source: "s3://bucket/llama/model.bin" }));
  assert.deepEqual(files, [
    {
      path: "",
      key: "llama/model.bin",
      size: 5 * MIB,
      etag: '"0123456789abcdef0123456789abcdef"',
      versionId: "v1",
      checksum: { algorithm: "crc64nvme", value: "892c275aa81a1903" },
    },
  ]);
  assert.deepEqual(
    s3.asked.map(({ method, path }) => `${method} ${path}`),
    ["HEAD /bucket/llama/model.bin"],
  );
  const authorization = s3.asked[0]?.headers.authorization ?? "";
  assert.match(authorization, /Credential=AKIATEST\/\d{8}\/us-east-1\/s3\/aws4_request/);
  assert.match(authorization, /x-amz-checksum-mode/);
});

test("a source without a slash that is no object is a folder", async () => {
  await using s3 = await startS3({
    "llama/a": { body: "a" },
    "llama/sub/b": { body: "bb" },
    llamas: { body: "no" },
  });
  const files = await listAll(openS3(s3, { source: "s3://bucket/llama" }));
  assert.deepEqual(
    files.map(({ path, key, size }) => [path, key, size]),
    [
      ["a", "llama/a", 1],
      ["sub/b", "llama/sub/b", 2],
    ],
  );
});

test("all pages of a list, whatever characters and order, each object once", async () => {
  const keys = ["p/z", "p/a b", "p/a+b", "p/ü/é", "p/🦜", "p/100%", "p/<&>\"'", "p/a//b", "p/A"];
  await using s3 = await startS3(Object.fromEntries(keys.map((key) => [key, { body: key }])));
  s3.pageSize = 2;
  const source = openS3(s3, { source: "s3://bucket/p/" });
  const pages: number[] = [];
  const found: string[] = [];
  for await (const page of source.list()) {
    pages.push(page.length);
    found.push(...page.map(({ key }) => key));
  }
  assert.deepEqual(found, keys);
  assert.deepEqual(pages, [2, 2, 2, 2, 1]);
});

test("a list that leads back to itself is refused, not followed for ever", async () => {
  await using s3 = await startS3();
  s3.intercept = () => ({
    body: "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>same</NextContinuationToken></ListBucketResult>",
  });
  await assert.rejects(listAll(openS3(s3, { source: "s3://bucket/p/" })), { code: "WEIGHTS_UNREACHABLE" });
  assert.equal(s3.asked.length, 2);
});

test("small objects: their ETag is their MD5, and they cost no request", async () => {
  const keys = Array.from({ length: 50 }, (_, index) => `p/${index}`);
  await using s3 = await startS3(Object.fromEntries(keys.map((key) => [key, { body: key }])));
  const files = await listAll(openS3(s3, { source: "s3://bucket/p/" }));
  for (const { key, checksum } of files) assert.deepEqual(checksum, { algorithm: "md5", value: md5(key) });
  // The oldest and the newest are looked at.
  assert.equal(s3.asked.filter(({ method }) => method === "HEAD").length, 2);
});

test("the more objects have to be asked for, the more at the same time, within limits", async () => {
  for (const [count, most] of [
    [40, 16],
    [320, 40],
    [900, 64],
  ] as const) {
    const keys = Array.from({ length: count }, (_, index) => `p/${index}`);
    await using s3 = await startS3(Object.fromEntries(keys.map((key) => [key, { size: 5 * MIB }])));
    const open = { now: 0, most: 0 };
    // Nobody is answered before as many have asked as may ask at once, and who asks too much has had the time to.
    const full = Promise.withResolvers<void>();
    const giveUp = setTimeout(full.resolve, 5000);
    s3.intercept = async ({ method }) => {
      if (method !== "HEAD") return undefined;
      open.most = Math.max(open.most, ++open.now);
      if (open.now === most) setTimeout(full.resolve, 50);
      await full.promise;
      open.now--;
      return undefined;
    };
    assert.equal((await listAll(openS3(s3, { source: "s3://bucket/p/" }))).length, count);
    clearTimeout(giveUp);
    assert.equal(open.most, most, `${count} objects`);
  }
});

test("where the newest is encrypted by KMS, an ETag is no MD5: every object is asked for", async () => {
  const kms = { "x-amz-server-side-encryption": "aws:kms" };
  await using s3 = await startS3({
    "p/old": { body: "old", modified: "2020-01-01T00:00:00Z" },
    "p/new": { body: "new", modified: "2026-01-01T00:00:00Z", headers: kms, etag: "f".repeat(32) },
    "p/between": { body: "between", modified: "2023-01-01T00:00:00Z", headers: kms, etag: "e".repeat(32) },
    "p/between2": { body: "x", modified: "2023-01-01T00:00:00Z" },
  });
  const files = await listAll(openS3(s3, { source: "s3://bucket/p/" }));
  const checksums = Object.fromEntries(files.map(({ path, checksum }) => [path, checksum?.value]));
  assert.deepEqual(checksums, { old: md5("old"), new: undefined, between: undefined, between2: md5("x") });
});

test("an ETag that was taken for an MD5 and is none is found out by the object's own headers, when that is asked", async () => {
  const kms = { "x-amz-server-side-encryption": "aws:kms" };
  const checksums = { crc32: "NSRBwg==" };
  await using s3 = await startS3({
    "p/old": { body: "old", modified: "2020-01-01T00:00:00Z" },
    "p/kms": { body: "a", modified: "2021-01-01T00:00:00Z", headers: kms, etag: "e".repeat(32) },
    "p/sum": { body: "a", modified: "2022-01-01T00:00:00Z", headers: kms, etag: "d".repeat(32), checksums },
    "p/new": { body: "new", modified: "2026-01-01T00:00:00Z" },
  });
  const source = openS3(s3, { source: "s3://bucket/p/" });
  const files = new Map((await listAll(source)).map((file) => [file.path, file]));
  const confirm = (path: string, more: Partial<RemoteFile> = {}) =>
    source.confirm?.({ ...(files.get(path) as RemoteFile), ...more });
  assert.equal(files.get("kms")?.checksum?.value, "e".repeat(32));
  const before = s3.asked.length;
  const { checksum: _md5, ...without } = files.get("kms") as RemoteFile;
  assert.deepEqual(await confirm("kms"), without);
  assert.deepEqual((await confirm("sum"))?.checksum, { algorithm: "crc32", value: "352441c2" });
  assert.equal(await confirm("old"), undefined, "it is its MD5");
  assert.equal(s3.asked.length, before + 3);
  const sha256 = { algorithm: "sha256", value: "0".repeat(64) } as const;
  assert.equal(await confirm("kms", { checksum: sha256 }), undefined, "it was no guess");
  assert.equal(s3.asked.length, before + 3);
});

test("a key of the customer makes an ETag no MD5, a key of S3 does not", async () => {
  const headers = { "x-amz-server-side-encryption-customer-algorithm": "AES256" };
  await using s3 = await startS3({
    a: { body: "a", headers },
    b: { body: "b", headers: { "x-amz-server-side-encryption": "AES256" } },
  });
  assert.equal((await listAll(openS3(s3, { source: "s3://bucket/a" })))[0]?.checksum, undefined);
  assert.equal((await listAll(openS3(s3, { source: "s3://bucket/b" })))[0]?.checksum?.value, md5("b"));
});

test("what the patterns leave out, empty objects and names no URL has are listed without a second look", async () => {
  await using s3 = await startS3({
    "p/a.bin": { size: 9 * MIB },
    "p/b.txt": { size: 9 * MIB },
    "p/empty": {},
    "p/dir/": {},
    "p/../evil": { size: 9 * MIB },
  });
  const files = await listAll(
    openS3(s3, { source: "s3://bucket/p/", allowPatterns: ["*.bin", "empty", "../*"] }),
  );
  assert.deepEqual(
    files.map(({ path }) => path),
    ["a.bin", "b.txt", "empty", "dir/", "../evil"],
  );
  assert.deepEqual(
    s3.asked.filter(({ method }) => method === "HEAD").map(({ path }) => path),
    ["/bucket/p/a.bin"],
  );
});

test("an object that is gone between the list and its HEAD is an error: a model that lacks a file is another one", async () => {
  await using s3 = await startS3({ "p/a": { size: 2 * MIB }, "p/b": { size: 2 * MIB } });
  s3.intercept = ({ method, path }) =>
    method === "HEAD" && path.endsWith("/b") ? { status: 404 } : undefined;
  await assert.rejects(listAll(openS3(s3, { source: "s3://bucket/p/" })), {
    code: "WEIGHTS_NOT_FOUND",
    message: /^s3:\/\/bucket\/p\/b was listed/,
  });
});

test("a multipart object with a full checksum: ranges follow its real parts", async () => {
  const parts = [{ size: 5 * MIB }, { size: 5 * MIB }, { size: 100 }];
  const checksums = { crc64nvme: "iSwnWqgaGQM=", type: "FULL_OBJECT" };
  await using s3 = await startS3({ a: { parts, etag: `${"a".repeat(32)}-3`, checksums } });
  const [file] = await listAll(openS3(s3, { source: "s3://bucket/a" }));
  assert.equal(file?.partSize, 5 * MIB);
  assert.equal(file?.checksum?.algorithm, "crc64nvme");
  assert.equal(s3.asked[1]?.headers["if-match"], `"${"a".repeat(32)}-3"`);
});

test("a server that knows no parts tells no part size", async () => {
  await using s3 = await startS3({ a: { size: 20 * MIB, etag: `${"a".repeat(32)}-3` } });
  const [file] = await listAll(openS3(s3, { source: "s3://bucket/a" }));
  const plain = { path: "", key: "a", size: 20 * MIB, etag: `"${"a".repeat(32)}-3"` };
  assert.deepEqual(file, plain);
  // Nor does one that means something else by it.
  s3.intercept = ({ query }) =>
    query.has("partNumber") ? { headers: { "content-length": "5" } } : undefined;
  assert.deepEqual(await listAll(openS3(s3, { source: "s3://bucket/a" })), [plain]);
});

test("composite checksums become blocks, from all pages of GetObjectAttributes", async () => {
  const parts = [7, 8, 9].map((number, index) => ({
    size: index < 2 ? 5 * MIB : 3,
    checksums: { crc32: crc(number) },
  }));
  const checksums = { crc32: `${crc(1)}-3`, type: "COMPOSITE" };
  await using s3 = await startS3({ a: { parts, etag: `${"a".repeat(32)}-3`, checksums } });
  s3.partsPerPage = 2;
  const [file] = await listAll(openS3(s3, { source: "s3://bucket/a" }));
  assert.deepEqual(file?.blocks, {
    algorithm: "crc32",
    size: 5 * MIB,
    values: Buffer.from("000000070000000800000009", "hex").toString("base64"),
  });
  assert.equal(file?.checksum, undefined);
  assert.equal(file?.partSize, 5 * MIB);
  assert.equal(s3.asked[1]?.headers["x-amz-object-attributes"], "ETag,ObjectParts");
});

test("without the permission for GetObjectAttributes, each part is asked for", async () => {
  const parts = [7, 8].map((number) => ({
    size: 5 * MIB,
    checksums: { sha1: Buffer.alloc(20, number).toString("base64") },
  }));
  const checksums = { sha1: `${Buffer.alloc(20, 1).toString("base64")}-2` };
  await using s3 = await startS3({ a: { parts, etag: `${"a".repeat(32)}-2`, checksums } });
  s3.intercept = ({ query }) => (query.has("attributes") ? s3Error(403, "AccessDenied") : undefined);
  const [file] = await listAll(openS3(s3, { source: "s3://bucket/a" }));
  assert.deepEqual(file?.blocks, {
    algorithm: "sha1",
    size: 5 * MIB,
    values: Buffer.concat([Buffer.alloc(20, 7), Buffer.alloc(20, 8)]).toString("base64"),
  });
});

test("parts that are not all of one size, or not all there, or of another object, are no blocks", async () => {
  const checksums = { crc32: `${crc(1)}-2`, type: "COMPOSITE" };
  const part = (size: number) => ({ size, checksums: { crc32: crc(size) } });
  const etag = `${"a".repeat(32)}-2`;
  await using s3 = await startS3({
    uneven: { parts: [part(5), part(6)], etag, checksums },
    bare: { parts: [part(5), { size: 5 }], etag, checksums },
    short: { size: 11, parts: [part(5), part(5)], etag, checksums },
  });
  for (const key of ["uneven", "bare", "short"]) {
    const [file] = await listAll(openS3(s3, { source: `s3://bucket/${key}` }));
    assert.equal(file?.blocks, undefined, key);
    assert.equal(file?.checksum, undefined, key);
  }
  const other =
    "<GetObjectAttributesResponse><ETag>other-1</ETag><ObjectParts><PartsCount>1</PartsCount><Part><ChecksumCRC32>AAAAAQ==</ChecksumCRC32><PartNumber>1</PartNumber><Size>10</Size></Part></ObjectParts></GetObjectAttributesResponse>";
  s3.objects.set("replaced", { size: 10, etag: `${"a".repeat(32)}-1`, checksums });
  s3.intercept = ({ query }) => (query.has("attributes") ? { body: other } : undefined);
  const [file] = await listAll(openS3(s3, { source: "s3://bucket/replaced" }));
  assert.equal(file?.blocks, undefined);
});

test("a composite checksum that does not say so is not taken for one of the whole object", async () => {
  await using s3 = await startS3({
    // As a range from 0 answers: without the number of parts behind.
    a: { size: 10, etag: `${"a".repeat(32)}-2`, checksums: { crc32: crc(1) } },
    b: { size: 10, etag: `${"a".repeat(32)}-2`, checksums: { crc32: `${crc(1)}-2` } },
  });
  for (const key of ["a", "b"]) {
    const [file] = await listAll(openS3(s3, { source: `s3://bucket/${key}` }));
    assert.equal(file?.checksum, undefined, key);
  }
});

test("a checksum somebody wrote into the metadata counts only when S3 has none", async () => {
  const sha256 = createHash("sha256").update("x").digest("hex");
  const headers = { "x-amz-meta-sha256": sha256.toUpperCase() };
  const etag = `${"a".repeat(32)}-2`;
  await using s3 = await startS3({
    alone: { size: 10, etag, headers },
    better: { size: 10, etag, headers, checksums: { crc32: crc(1), type: "FULL_OBJECT" } },
    plain: { body: "plain", headers },
    nonsense: { size: 10, etag, headers: { "x-amz-meta-sha256": "yes" } },
  });
  const checksumOf = async (key: string) =>
    (await listAll(openS3(s3, { source: `s3://bucket/${key}` })))[0]?.checksum;
  assert.deepEqual(await checksumOf("alone"), { algorithm: "sha256", value: sha256 });
  assert.deepEqual(await checksumOf("better"), { algorithm: "crc32", value: "00000001" });
  assert.deepEqual(await checksumOf("plain"), { algorithm: "md5", value: md5("plain") });
  assert.equal(await checksumOf("nonsense"), undefined);
});

test("one version of one object", async () => {
  await using s3 = await startS3({ a: { body: "a", headers: { "x-amz-version-id": "v 1" } } });
  const [file] = await listAll(openS3(s3, { source: "s3://bucket/a", versionId: "v 1" }));
  assert.equal(file?.versionId, "v 1");
  assert.equal(s3.asked[0]?.path, "/bucket/a?versionId=v%201");
  await assert.rejects(listAll(openS3(s3, { source: "s3://bucket/a/", versionId: "v1" })), {
    code: "WEIGHTS_INVALID",
  });
  await assert.rejects(listAll(openS3(s3, { source: "s3://bucket/b", versionId: "v1" })), {
    code: "WEIGHTS_NOT_FOUND",
  });
});

test("an object older than the bucket's versioning has no version", async () => {
  await using s3 = await startS3({ a: { body: "a", headers: { "x-amz-version-id": "null" } } });
  assert.equal("versionId" in ((await listAll(openS3(s3, { source: "s3://bucket/a" })))[0] ?? {}), false);
});

test("the requester pays, in every request, and signs that", async () => {
  await using s3 = await startS3({ "p/a": { size: 2 * MIB } });
  const source = openS3(s3, { source: "s3://bucket/p/", requesterPays: true });
  const [file] = await listAll(source);
  assert.ok(file);
  const { headers } = await source.target(file);
  for (const sent of [headers, ...s3.asked.map((asked) => asked.headers)]) {
    assert.equal(sent["x-amz-request-payer"], "requester");
    assert.match(sent["authorization"] ?? "", /SignedHeaders=[^,]*x-amz-request-payer/);
  }
});

test("nothing there is said, with the name", async () => {
  await using s3 = await startS3();
  await assert.rejects(listAll(openS3(s3, { source: "s3://bucket/x" })), {
    code: "WEIGHTS_NOT_FOUND",
    message: "there is no object s3://bucket/x, and nothing below s3://bucket/x/.",
  });
  await assert.rejects(listAll(openS3(s3, { source: "s3://bucket/x/" })), {
    code: "WEIGHTS_NOT_FOUND",
    message: /below s3:\/\/bucket\/x\//,
  });
  await assert.rejects(listAll(openS3(s3, { source: "s3://absent/x" })), {
    code: "WEIGHTS_NOT_FOUND",
    message: /no bucket absent/,
  });
});

test("a folder is not our idea where only the object may be looked up", async () => {
  await using s3 = await startS3();
  s3.intercept = ({ query }) => (query.has("list-type") ? s3Error(403, "AccessDenied") : undefined);
  await assert.rejects(listAll(openS3(s3, { source: "s3://bucket/x" })), { code: "WEIGHTS_NOT_FOUND" });
});

test("with whose credentials: a secret's, with its region", async () => {
  await using s3 = await startS3({ a: { body: "a" } });
  const secrets = {
    aws: '{"access_key_id": "AKIASECRET", "secret_access_key": "s", "session_token": "t", "region": "eu-west-3"}',
  };
  await listAll(openS3(s3, { source: "s3://bucket/a", auth: { secret: "aws" } }, KEYS, secrets));
  assert.match(s3.asked[0]?.headers.authorization ?? "", /AKIASECRET\/\d+\/eu-west-3\//);
  assert.equal(s3.asked[0]?.headers["x-amz-security-token"], "t");
});

test("for which region: the entry's, then the environment's", async () => {
  await using s3 = await startS3({ a: { body: "a" } });
  await listAll(openS3(s3, { source: "s3://bucket/a", region: "eu-north-1" }));
  await listAll(
    openS3(s3, { source: "s3://bucket/a" }, { ...KEYS, AWS_REGION: "", AWS_DEFAULT_REGION: "sa-east-1" }),
  );
  assert.match(s3.asked[0]?.headers.authorization ?? "", /\/eu-north-1\//);
  assert.match(s3.asked[1]?.headers.authorization ?? "", /\/sa-east-1\//);
});
