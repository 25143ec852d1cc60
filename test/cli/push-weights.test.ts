import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, type TestContext, test } from "node:test";
import {
  CompleteMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { type PushOptions, pushWeights } from "../../adapter/build/push/push-weights.ts";
import { readLock } from "../../adapter/build/weights/lock.ts";
import { startLocalS3 } from "../../adapter/local/s3/local-s3.ts";
import type { ColdframeError } from "../../adapter/runtime/errors.ts";
import { createChecksum } from "../../adapter/runtime/weights/files/checksum.ts";
import type { ChecksumAlgorithm } from "../../adapter/runtime/weights/_contracts.ts";

const MIB = 2 ** 20;

const s3 = await startLocalS3({ buckets: ["models", { name: "elsewhere", region: "eu-west-1" }] });
after(() => s3.close());

const ENVIRONMENT = {
  AWS_ENDPOINT_URL_S3: s3.url,
  AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
  AWS_REGION: "us-east-1",
};
Object.assign(process.env, ENVIRONMENT);
const client = new S3Client({ forcePathStyle: true });
after(() => client.destroy());

/** Incompressible, and different in every block. */
const large = randomBytes(34 * MIB + 12_345);

let prefixes = 0;

/** A folder with these files, and a prefix that nobody else uses. */
function weights(t: TestContext, files: Readonly<Record<string, string | Uint8Array>>) {
  const folder = mkdtempSync(join(tmpdir(), "coldframe-push-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  const prefix = `p${++prefixes}/`;
  const destination = `s3://models/${prefix}`;
  const push = (more: Partial<PushOptions> = {}) =>
    pushWeights({ folder, destination, project: join(folder, "no-project"), ...more });
  return { folder, prefix, destination, push };
}

async function objectAt(Key: string) {
  const head = await client.send(new HeadObjectCommand({ Bucket: "models", Key, ChecksumMode: "ENABLED" }));
  const { Body } = await client.send(new GetObjectCommand({ Bucket: "models", Key }));
  return { ...head, body: Buffer.from((await Body?.transformToByteArray()) ?? []) };
}

async function unfinished(): Promise<string[]> {
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: "models" }));
  return Uploads.map(({ Key = "" }) => Key);
}

/** Requests for objects since the last look, as `PUT p1/a 200`. */
function requests(): string[] {
  const seen = s3.requests.slice(looked);
  looked = s3.requests.length;
  return seen.filter(({ key }) => key !== "").map(({ method, key, status }) => `${method} ${key} ${status}`);
}
let looked = 0;

function digest(algorithm: ChecksumAlgorithm, content: Uint8Array): string {
  const checksum = createChecksum(algorithm, content.length);
  checksum.update(content);
  return checksum.digest();
}

const base64 = (hex: string) => Buffer.from(hex, "hex").toString("base64");

/** The command, in a process of its own. */
function start(args: readonly string[]) {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, "../../adapter/cli/main.ts"), "push-weights", ...args],
    {
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const text = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk) => (text.stdout += chunk));
  child.stderr.on("data", (chunk) => (text.stderr += chunk));
  return { child, ended: once(child, "close").then(([status]) => ({ status, ...text })) };
}

test("files of every size arrive whole, with the CRC32C of the whole and the SHA-256 in the metadata", async (t) => {
  const files = {
    empty: "",
    "a.json": "{}",
    "deep/er/whole.bin": large.subarray(0, 16 * MIB),
    "large.bin": large,
  };
  const { push, prefix, destination } = weights(t, {
    ...files,
    ".DS_Store": "litter",
    "deep/.git/x": "litter",
  });
  const unchecked: string[] = [];
  const undo = s3.on(({ method, key, query, headers }) => {
    const writes = method === "PUT" || (method === "POST" && query.has("uploadId"));
    if (writes && headers["x-amz-checksum-crc32c"] === undefined) unchecked.push(`${method} ${key}`);
    return undefined;
  });
  const report = await push({ destination: destination.slice(0, -1) });
  undo();
  assert.deepEqual(unchecked, []);
  assert.equal(report.destination, destination);
  assert.deepEqual(
    report.files.map(({ path, status }) => [path, status]),
    [
      ["a.json", "uploaded"],
      ["deep/er/whole.bin", "uploaded"],
      ["empty", "uploaded"],
      ["large.bin", "uploaded"],
    ],
  );
  assert.equal(report.uploadedBytes, 2 + 16 * MIB + large.length);
  assert.deepEqual(report.warnings, []);
  for (const { path, key, etag, crc32c, sha256 } of report.files) {
    const content = Buffer.from(files[path as keyof typeof files]);
    const object = await objectAt(key);
    assert.equal(key, prefix + path);
    assert.ok(object.body.equals(content));
    assert.equal(object.ETag, etag);
    assert.equal(object.ChecksumCRC32C, base64(digest("crc32c", content)));
    assert.equal(object.ChecksumType, "FULL_OBJECT");
    assert.deepEqual(object.Metadata, { sha256 });
    assert.deepEqual([crc32c, sha256], [digest("crc32c", content), digest("sha256", content)]);
  }
  assert.match(report.files[3]?.etag ?? "", /-3"$/);
  assert.deepEqual(await unfinished(), []);
});

test("what is there already is not sent again; what has changed is", async (t) => {
  const { push, folder, prefix } = weights(t, { "a.bin": "alpha", "large.bin": large });
  requests();
  await push();
  const looks = requests().filter((line) => line.startsWith("HEAD"));
  assert.deepEqual(looks.toSorted(), [`HEAD ${prefix}a.bin 404`, `HEAD ${prefix}large.bin 404`]);
  const again = await push();
  assert.deepEqual(
    again.files.map(({ status }) => status),
    ["unchanged", "unchanged"],
  );
  assert.equal(again.uploadedBytes, 0);
  assert.deepEqual(requests().toSorted(), [`HEAD ${prefix}a.bin 200`, `HEAD ${prefix}large.bin 200`]);
  // The same size, and one byte is another.
  writeFileSync(join(folder, "a.bin"), "alphA");
  const changed = await push();
  assert.deepEqual(
    changed.files.map(({ status }) => status),
    ["uploaded", "unchanged"],
  );
  assert.equal(`${(await objectAt(`${prefix}a.bin`)).body}`, "alphA");
});

test("an object that another tool put there counts by whatever S3 knows of it", async (t) => {
  const known = ["CRC32", "CRC32C", "CRC64NVME", "SHA256"] as const;
  const { push, prefix } = weights(t, {
    ...Object.fromEntries(known.map((name) => [name, `with ${name}`])),
    c: "charlie",
    d: "delta",
  });
  const Bucket = "models";
  const { PutObjectCommand } = await import("@aws-sdk/client-s3");
  for (const ChecksumAlgorithm of known) {
    const Key = prefix + ChecksumAlgorithm;
    const Body = `with ${ChecksumAlgorithm}`;
    await client.send(new PutObjectCommand({ Bucket, Key, Body, ChecksumAlgorithm }));
  }
  // Metadata that lies, where S3 knows better; and other bytes of the same length.
  const Metadata = { sha256: digest("sha256", Buffer.from("charlie")) };
  await client.send(new PutObjectCommand({ Bucket, Key: `${prefix}c`, Body: "CHARLIE", Metadata }));
  await client.send(new PutObjectCommand({ Bucket, Key: `${prefix}d`, Body: "DELTA" }));
  const { files } = await push();
  assert.deepEqual(
    files.map(({ path, status }) => [path, status]),
    [...known.map((name) => [name, "unchanged"]), ["c", "uploaded"], ["d", "uploaded"]],
  );
  assert.equal(`${(await objectAt(`${prefix}c`)).body}`, "charlie");
});

test("a dry run compares and writes nothing", async (t) => {
  const { push, prefix } = weights(t, { a: "alpha", "large.bin": large });
  requests();
  const report = await push({ dryRun: true });
  assert.deepEqual(
    report.files.map(({ status }) => status),
    ["uploaded", "uploaded"],
  );
  assert.equal(report.uploadedBytes, 5 + large.length);
  assert.deepEqual(requests().toSorted(), [`HEAD ${prefix}a 404`, `HEAD ${prefix}large.bin 404`]);
});

test("four requests at a time, and no more", async (t) => {
  const { push } = weights(t, { "large.bin": randomBytes(6 * 16 * MIB) });
  const four = Promise.withResolvers<void>();
  let running = 0;
  let most = 0;
  const undo = s3.on(async ({ method }) => {
    if (method !== "PUT") return undefined;
    most = Math.max(most, ++running);
    if (running === 4) four.resolve();
    await four.promise;
    // Long enough for a fifth to come, if there was one.
    await client.send(new ListMultipartUploadsCommand({ Bucket: "models" }));
    running--;
    return undefined;
  });
  await push();
  undo();
  assert.equal(most, 4);
});

test("what fails once is tried again", async (t) => {
  const { push, prefix } = weights(t, { "large.bin": large });
  const faults = [{ status: 503, code: "SlowDown" }, { connection: "reset" as const }, { status: 500 }];
  const undo = s3.on(({ method, query }) =>
    method === "PUT" && query.get("partNumber") === "2" ? faults.shift() : undefined,
  );
  await push();
  undo();
  assert.deepEqual(faults, []);
  assert.ok((await objectAt(`${prefix}large.bin`)).body.equals(large));
});

test("a refused part ends the push, names what is missing where, and leaves no unfinished upload", async (t) => {
  const { push, prefix } = weights(t, { "a.bin": large, "b.bin": large });
  const undo = s3.on(({ method, query, key }) =>
    method === "PUT" && query.get("partNumber") === "3" && key.endsWith("a.bin")
      ? { status: 403, code: "AccessDenied", message: "Access Denied" }
      : undefined,
  );
  await assert.rejects(push(), {
    code: "WEIGHTS_FORBIDDEN",
    message: `S3 refuses to write s3://models/${prefix}a.bin: AccessDenied, Access Denied.`,
    fix: new RegExp(`s3:PutObject on arn:aws:s3:::models/${prefix}a\\.bin.* kms:GenerateDataKey`),
  });
  undo();
  assert.deepEqual(await unfinished(), []);
});

test("when a part is refused, those that wait are not sent, and those on their way are given up", async (t) => {
  const { push } = weights(t, { "large.bin": Buffer.alloc(8 * 16 * MIB) });
  const cleanedUp = Promise.withResolvers<undefined>();
  const parts = new Set<string>();
  const four = Promise.withResolvers<void>();
  const undo = s3.on(async ({ method, query }) => {
    if (method === "DELETE") cleanedUp.resolve(undefined);
    const part = query.get("partNumber");
    if (part === undefined) return undefined;
    if (parts.add(part).size === 4) four.resolve();
    await four.promise;
    return part === "2" ? { status: 403, code: "AccessDenied" } : cleanedUp.promise;
  });
  await assert.rejects(push(), { code: "WEIGHTS_FORBIDDEN" });
  undo();
  assert.deepEqual([...parts].toSorted(), ["1", "2", "3", "4"]);
  assert.deepEqual(await unfinished(), []);
});

test("an upload whose last answer is lost is complete", async (t) => {
  const { push, prefix } = weights(t, { "large.bin": large });
  let lost = 0;
  const undo = s3.on(async ({ method, query }) => {
    const UploadId = query.get("uploadId");
    if (method !== "POST" || UploadId === undefined || ++lost !== 1) return undefined;
    const upload = { Bucket: "models", Key: `${prefix}large.bin`, UploadId };
    const { Parts } = await client.send(new ListPartsCommand(upload));
    await client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } }));
    return { status: 500 };
  });
  const { files } = await push();
  undo();
  assert.equal(lost, 3);
  assert.equal(files[0]?.etag, (await objectAt(`${prefix}large.bin`)).ETag);
});

test("a policy that denies, and a key that may not be used", async (t) => {
  const { push, prefix } = weights(t, { "a.bin": "alpha" });
  const credentials = s3.credentials;
  s3.setCredentials({
    ...credentials,
    deny: [{ action: "s3:PutObject", arn: `arn:aws:s3:::models/${prefix}*` }],
  });
  await assert.rejects(push(), {
    code: "WEIGHTS_FORBIDDEN",
    fix: new RegExp(`^Allow s3:PutObject on arn:aws:s3:::models/${prefix}a\\.bin`),
  });
  s3.setCredentials(credentials);
  const key = "arn:aws:kms:us-east-1:123456789012:key/1234";
  const message = `User: arn:aws:iam::1:user/x is not authorized to perform: kms:GenerateDataKey on resource: ${key} because no identity-based policy allows it`;
  const undo = s3.on(({ method }) =>
    method === "PUT" ? { status: 403, code: "AccessDenied", message } : undefined,
  );
  await assert.rejects(push(), {
    code: "WEIGHTS_FORBIDDEN",
    fix: new RegExp(`^Allow kms:GenerateDataKey and kms:Decrypt on ${key}`),
  });
  undo();
});

test("a server that keeps no checksums checks each request, and the metadata says what is there", async (t) => {
  const { push, prefix } = weights(t, { "a.bin": "alpha" });
  const none = { "x-amz-checksum-crc32c": undefined, "x-amz-checksum-type": undefined };
  const sums: (string | undefined)[] = [];
  const undo = s3.on(({ method, headers }) => {
    if (method === "PUT") sums.push(headers["content-md5"]);
    return { headers: none };
  });
  const { files, warnings } = await push();
  assert.deepEqual(sums, [base64(digest("md5", Buffer.from("alpha")))]);
  assert.match(warnings.join(), /keeps no checksums/);
  assert.equal(files[0]?.etag, (await objectAt(`${prefix}a.bin`)).ETag);
  assert.equal((await push()).files[0]?.status, "unchanged");
  undo();
  // Somebody else writes to it in between.
  s3.remove("models", `${prefix}a.bin`);
  let looks = 0;
  const undoOther = s3.on(async ({ method, key }) => {
    if (method === "HEAD" && key !== "" && ++looks === 2) await s3.put("models", `${prefix}a.bin`, "omega!");
    return { headers: none };
  });
  await assert.rejects(push(), { code: "WEIGHTS_CORRUPT", message: /6 bytes there, and 5 here/ });
  undoOther();
});

test("who may write and not read pushes all the same", async (t) => {
  const { push, prefix } = weights(t, { "a.bin": "alpha" });
  const credentials = s3.credentials;
  s3.setCredentials({ ...credentials, deny: [{ action: "s3:GetObject", arn: "*" }] });
  const { files } = await push();
  s3.setCredentials(credentials);
  assert.equal(files[0]?.status, "uploaded");
  assert.equal(`${(await objectAt(`${prefix}a.bin`)).body}`, "alpha");
});

test("wrong keys, no bucket, no server, no region", async (t) => {
  const { push } = weights(t, { "a.bin": "alpha" });
  await assert.rejects(push({ destination: "s3://no-such-bucket/a/" }), {
    code: "WEIGHTS_NOT_FOUND",
    fix: /aws s3 mb s3:\/\/no-such-bucket/,
  });
  await assert.rejects(push({ endpoint: "http://127.0.0.1:1" }), {
    code: "WEIGHTS_UNREACHABLE",
    message: /ECONNREFUSED \(http:\/\/127\.0\.0\.1:1\)/,
  });
  process.env["AWS_SECRET_ACCESS_KEY"] = "another";
  const failure = await push().then(
    () => assert.fail("was accepted"),
    (error: ColdframeError) => error,
  );
  process.env["AWS_SECRET_ACCESS_KEY"] = ENVIRONMENT.AWS_SECRET_ACCESS_KEY;
  assert.equal(failure.code, "WEIGHTS_FORBIDDEN");
  assert.match(failure.message, /SignatureDoesNotMatch/);
  assert.ok(!JSON.stringify(failure).includes("another"));
  delete process.env["AWS_REGION"];
  t.after(() => Object.assign(process.env, ENVIRONMENT));
  assert.equal((await push()).files[0]?.status, "uploaded", "another server's region is any");
  process.env["AWS_DEFAULT_REGION"] = "eu-west-1";
  t.after(() => delete process.env["AWS_DEFAULT_REGION"]);
  assert.match((await push({ destination: "s3://elsewhere/a/" })).config ?? "", /region: eu-west-1/);
});

test("a bucket of another region is found there", async (t) => {
  const { push } = weights(t, { "a.bin": "alpha", "large.bin": large });
  requests();
  const report = await push({ destination: "s3://elsewhere/b/" });
  assert.match(report.config ?? "", /region: eu-west-1/);
  assert.deepEqual(
    requests().filter((line) => !line.endsWith(" 200")),
    ["HEAD b/a.bin 404", "HEAD b/large.bin 404"],
    "nothing was sent anywhere else",
  );
});

test("a file that changes while it is uploaded is no object", async (t) => {
  for (const change of [
    (path: string) => writeFileSync(path, Buffer.alloc(large.length)),
    (path: string) => writeFileSync(path, "short"),
  ]) {
    const { push, folder, prefix } = weights(t, { "large.bin": large });
    const undo = s3.on(({ method }) => {
      if (method === "POST") change(join(folder, "large.bin"));
      return undefined;
    });
    await assert.rejects(push(), { code: "WEIGHTS_CHANGED", message: /large\.bin was changed/ });
    undo();
    assert.deepEqual(await unfinished(), []);
    await assert.rejects(objectAt(`${prefix}large.bin`));
  }
});

test("what cannot be cleaned up is said, with the command that does", async (t) => {
  const { push } = weights(t, { "large.bin": large });
  const undo = s3.on(({ method, query }) =>
    method === "DELETE" || query.get("partNumber") === "2"
      ? { status: 403, code: "AccessDenied" }
      : undefined,
  );
  await assert.rejects(push(), {
    message: /aws s3api abort-multipart-upload --bucket models --key 'p\d+\/large\.bin' --upload-id \S+\)/,
  });
  undo();
  const { AbortMultipartUploadCommand } = await import("@aws-sdk/client-s3");
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: "models" }));
  for (const { Key, UploadId } of Uploads)
    await client.send(new AbortMultipartUploadCommand({ Bucket: "models", Key, UploadId }));
  assert.equal(Uploads.length, 1);
});

test("links inside the folder are followed, outside refused", async (t) => {
  const { push, folder, prefix } = weights(t, { "real/a.bin": "alpha" });
  symlinkSync("real/a.bin", join(folder, "link.bin"));
  symlinkSync("real", join(folder, "folder"));
  const { files } = await push();
  assert.deepEqual(
    files.map(({ path }) => path),
    ["folder/a.bin", "link.bin", "real/a.bin"],
  );
  assert.equal(`${(await objectAt(`${prefix}folder/a.bin`)).body}`, "alpha");
  for (const [target, why] of [
    ["/etc/hostname", /outside the folder/],
    ["nothing", /links to nothing/],
    ["..", /outside the folder/],
    [".", /outside|contains it/],
  ] as const) {
    symlinkSync(target, join(folder, "bad"));
    await assert.rejects(push(), { code: "WEIGHTS_INVALID", message: why });
    rmSync(join(folder, "bad"));
  }
});

test("folders and places that are none", async (t) => {
  const { push, folder } = weights(t, { ".DS_Store": "" });
  await assert.rejects(push(), { code: "WEIGHTS_NOT_FOUND", message: /has no files/ });
  await assert.rejects(push({ folder: join(folder, "none") }), {
    code: "WEIGHTS_NOT_FOUND",
    message: /no such folder/,
  });
  await assert.rejects(push({ folder: join(folder, ".DS_Store") }), {
    message: /found a file, allowed a folder/,
  });
  for (const destination of ["models/a", "https://models/a", "s3:///a"])
    await assert.rejects(push({ destination }), { code: "WEIGHTS_INVALID" });
  writeFileSync(join(folder, "a\nb"), "");
  await assert.rejects(push(), { code: "WEIGHTS_INVALID", message: /control character/ });
});

function project(t: TestContext, config: string): string {
  const folder = mkdtempSync(join(tmpdir(), "coldframe-push-project-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "config.yaml"), config);
  return folder;
}

test("the project's lock pins what was pushed, block by block", async (t) => {
  const { push, destination, prefix } = weights(t, {
    "large.bin": large,
    "small.bin": "alpha",
    "note.txt": "no",
  });
  await s3.put("models", `${prefix}earlier.bin`, "was there before");
  const here = project(
    t,
    `weights:\n  - source: ${destination}\n    ignore_patterns: ["*.txt"]\n  - source: https://example.com/other.bin\n`,
  );
  const report = await push({ project: here });
  assert.deepEqual([report.locked, report.config, report.warnings], [true, undefined, []]);
  const [source, ...others] = readLock(here) ?? [];
  assert.deepEqual(others, []);
  assert.deepEqual(
    source?.files.map(({ path }) => path),
    ["earlier.bin", "large.bin", "small.bin"],
  );
  const [, first, second] = source?.files ?? [];
  const blocks = Array.from({ length: 5 }, (_, i) =>
    digest("crc32c", large.subarray(i * 8 * MIB, (i + 1) * 8 * MIB)),
  );
  assert.deepEqual(first?.checksum, { algorithm: "crc32c", value: digest("crc32c", large) });
  assert.deepEqual(first?.blocks, { algorithm: "crc32c", size: 8 * MIB, values: base64(blocks.join("")) });
  assert.equal(first?.etag, report.files[0]?.etag);
  assert.equal(first?.partSize, 16 * MIB);
  assert.deepEqual(
    [second?.checksum?.value, second?.blocks],
    [digest("crc32c", Buffer.from("alpha")), undefined],
  );
  // Nothing is new: the lock is as it was, and so it is after a push from elsewhere.
  const before = readFileSync(join(here, "weights.lock.json"), "utf8");
  assert.equal((await push({ project: here })).locked, false);
  assert.equal(readFileSync(join(here, "weights.lock.json"), "utf8"), before);
});

test("other entries of the lock stay, and entries of one file or one folder of the prefix are pinned", async (t) => {
  const one = weights(t, { "deep/a.bin": "alpha", "b.bin": "bravo" });
  const two = weights(t, { "c.bin": "charlie" });
  const here = project(
    t,
    `weights:\n  - source: ${one.destination}b.bin\n    sha256: ${digest("sha256", Buffer.from("bravo"))}\n  - source: ${one.destination}deep/\n    mount_location: deep\n  - source: ${two.destination}\n    mount_location: two\n`,
  );
  await two.push({ project: here });
  assert.deepEqual(
    readLock(here)?.map(({ source }) => source),
    [two.destination],
  );
  await one.push({ project: here });
  const lock = readLock(here) ?? [];
  assert.deepEqual(
    lock.map(({ source }) => source),
    [`${one.destination}b.bin`, `${one.destination}deep/`, two.destination],
  );
  assert.equal(lock[0]?.files[0]?.checksum?.algorithm, "sha256", "what config.yaml says is the better pin");
});

test("a config that names another prefix is left alone, and told the lines", async (t) => {
  const { push, destination } = weights(t, { "a.bin": "alpha" });
  const here = project(t, `weights:\n  - source: ${destination.slice(0, -1)}other/\n`);
  const report = await push({ project: here });
  assert.equal(
    report.config,
    `weights:\n  - source: ${destination}\n    region: us-east-1\n    endpoint: ${s3.url}`,
  );
  assert.ok(!existsSync(join(here, "weights.lock.json")));
  appendFileSync(join(here, "config.yaml"), "serverles: {}\n");
  requests();
  await assert.rejects(push({ project: here }), { code: "CONFIG_UNKNOWN_KEY" });
  assert.deepEqual(requests(), [], "before anything is uploaded");
});

test("a lock that cannot be made is a warning; the upload is done", async (t) => {
  const { push, destination, prefix } = weights(t, { "a.bin": "alpha" });
  const here = project(t, `weights:\n  - source: ${destination}\n`);
  const credentials = s3.credentials;
  s3.setCredentials({ ...credentials, deny: [{ action: "s3:ListBucket", arn: "*" }] });
  const report = await push({ project: here });
  s3.setCredentials(credentials);
  assert.equal(report.locked, false);
  assert.match(report.warnings.join(), /config\.yaml:2.*not pinned: .*s3:ListBucket/);
  assert.equal(`${(await objectAt(`${prefix}a.bin`)).body}`, "alpha");
  assert.ok(!existsSync(join(here, "weights.lock.json")));
});

test("on the command line: text for people, JSON for programs, and the lines for config.yaml", async (t) => {
  const { folder, destination, prefix } = weights(t, { "a.bin": "alpha", "b.bin": "bravo" });
  const first = await start([folder, destination, "--project", folder]).ended;
  assert.deepEqual([first.status, first.stderr], [0, ""]);
  assert.match(
    first.stdout,
    new RegExp(
      `^uploaded +${prefix}a\\.bin  5 B\n +${prefix}b\\.bin  5 B\ndestination +${destination}  10 B uploaded\npushed in `,
    ),
  );
  assert.match(first.stdout, new RegExp(`\n\nFor config\\.yaml:\n\nweights:\n  - source: ${destination}\n`));
  const again = await start([folder, destination, "--dry-run", "--json"]).ended;
  assert.partialDeepStrictEqual(JSON.parse(again.stdout), { destination, uploadedBytes: 0, locked: false });
  assert.equal(again.stdout.trim().split("\n").length, 1);
  const refused = await start([folder, "models"]).ended;
  assert.deepEqual([refused.status, refused.stdout], [1, ""]);
  assert.match(refused.stderr, /^WEIGHTS_INVALID: "models" is no place in S3\.\n.*s3:\/\/bucket\/prefix\//);
});

test("an interrupt cleans up", async (t) => {
  const { folder, destination, prefix } = weights(t, { "large.bin": large });
  const part = Promise.withResolvers<void>();
  const undo = s3.on(({ query, key }) => {
    if (!key.startsWith(prefix) || query.get("partNumber") !== "1") return undefined;
    part.resolve();
    return { connection: "hang" };
  });
  t.after(undo);
  const { child, ended } = start([folder, destination, "--project", folder]);
  await part.promise;
  assert.deepEqual(await unfinished(), [`${prefix}large.bin`]);
  child.kill("SIGINT");
  const { status, stderr } = await ended;
  assert.equal(status, 1);
  assert.match(stderr, /^CANCELLED: the push was interrupted\./);
  assert.deepEqual(await unfinished(), []);
});
