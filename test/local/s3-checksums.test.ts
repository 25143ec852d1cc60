import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { digestOf } from "../../adapter/local/s3/checksum.ts";
import { BUCKET, startS3 } from "./_s3.ts";

const MODE = { "x-amz-checksum-mode": "ENABLED" };
const CHECK = Buffer.from("123456789");

test("CRC32C and CRC64NVME have the check values of their specifications", () => {
  assert.equal(digestOf("CRC32", CHECK).toString("hex"), "cbf43926");
  assert.equal(digestOf("CRC32C", CHECK).toString("hex"), "e3069283");
  assert.equal(digestOf("CRC64NVME", CHECK).toString("hex"), "ae8b14860a799888");
  assert.equal(digestOf("CRC64NVME").toString("hex"), "0000000000000000");
});

test("CRCs are the same bit by bit, at every length and across pieces", () => {
  const bytes = randomBytes(67);
  for (let length = 0; length <= bytes.length; length++) {
    const [one, two] = [bytes.subarray(0, length >> 1), bytes.subarray(length >> 1, length)];
    const whole = bytes.subarray(0, length);
    const crc = (width: number, polynomial: bigint) =>
      bitByBit(whole, width, polynomial)
        .toString(16)
        .padStart(width / 4, "0");
    assert.equal(digestOf("CRC32C", one, two).toString("hex"), crc(32, 0x82f63b78n));
    assert.equal(digestOf("CRC64NVME", one, two).toString("hex"), crc(64, 0x9a6c9329ac4bc9b5n));
  }
});

test("an object that comes without a checksum gets CRC64NVME, and says so only when asked", async (t) => {
  const { raw, get } = await startS3(t);
  const put = await raw({ method: "PUT", path: `/${BUCKET}/plain`, body: CHECK });
  const value = Buffer.from("ae8b14860a799888", "hex").toString("base64");
  assert.equal(put.headers["x-amz-checksum-crc64nvme"], value);
  assert.equal(put.headers["x-amz-checksum-type"], "FULL_OBJECT");
  for (const method of ["GET", "HEAD"]) {
    const asked = await get("plain", MODE, { method });
    assert.equal(asked.headers["x-amz-checksum-crc64nvme"], value);
    assert.equal(asked.headers["x-amz-checksum-type"], "FULL_OBJECT");
    const unasked = await get("plain", {}, { method });
    assert.equal(unasked.headers["x-amz-checksum-crc64nvme"], undefined);
    assert.equal(unasked.headers["x-amz-checksum-type"], undefined);
  }
});

test("a range has a checksum only when it is everything", async (t) => {
  const { local, get } = await startS3(t);
  await local.put(BUCKET, "whole", "0123456789", { checksum: { algorithm: "CRC32" } });
  const crc = async (range: string) =>
    (await get("whole", { ...MODE, range })).headers["x-amz-checksum-crc32"];
  assert.equal(await crc("bytes=0-"), "poTHxg==");
  assert.equal(await crc("bytes=-15"), "poTHxg==");
  assert.equal(await crc("bytes=0-8"), undefined);
  assert.equal(await crc("bytes=1-"), undefined);
});

test("an object of the time before checksums has none", async (t) => {
  const { local, get, server } = await startS3(t);
  await local.put(BUCKET, "old", "x", { checksum: false });
  const { headers } = await get("old", MODE);
  assert.deepEqual(
    Object.keys(headers).filter((name) => name.includes("checksum")),
    [],
  );
  const { Contents } = await server.client().send(new ListObjectsV2Command({ Bucket: BUCKET }));
  assert.equal(Contents?.[0]?.ChecksumAlgorithm, undefined);
});

test("a composite checksum: of parts alone their own, of the whole with the number of parts", async (t) => {
  const { local, get, server } = await startS3(t);
  const parts = [randomBytes(100), randomBytes(100), randomBytes(7)];
  const body = Buffer.concat(parts);
  const { etag, checksum } = await local.put(BUCKET, "composite", body, {
    partSize: 100,
    checksum: { algorithm: "SHA256", type: "COMPOSITE" },
  });
  const digests = parts.map((part) => createHash("sha256").update(part).digest());
  const composite = createHash("sha256").update(Buffer.concat(digests)).digest("base64");
  assert.equal(checksum?.value, `${composite}-3`);
  assert.match(etag, /^"[\da-f]{32}-3"$/);
  const sha = async (headers: Record<string, string>, query: Record<string, string> = {}) => {
    const answer = await get("composite", { ...MODE, ...headers }, { query });
    return [answer.headers["x-amz-checksum-sha256"], answer.headers["x-amz-checksum-type"]];
  };
  const [one, two, three] = digests.map((digest) => digest.toString("base64"));
  assert.deepEqual(await sha({}), [`${composite}-3`, "COMPOSITE"]);
  assert.deepEqual(await sha({ range: "bytes=0-99" }), [one, "COMPOSITE"]);
  assert.deepEqual(await sha({ range: "bytes=100-199" }), [two, "COMPOSITE"]);
  assert.deepEqual(await sha({ range: "bytes=200-" }), [three, "COMPOSITE"]);
  assert.deepEqual(await sha({}, { partNumber: "2" }), [two, "COMPOSITE"]);
  // Not a part, and not two of them.
  assert.deepEqual(await sha({ range: "bytes=0-98" }), [undefined, undefined]);
  assert.deepEqual(await sha({ range: "bytes=0-199" }), [undefined, undefined]);
  // The trap: everything, as a range, has lost its number of parts.
  assert.deepEqual(await sha({ range: "bytes=0-" }), [composite, "COMPOSITE"]);

  const attributes = await server.client().send(
    new GetObjectAttributesCommand({
      Bucket: BUCKET,
      Key: "composite",
      ObjectAttributes: ["ETag", "Checksum", "ObjectParts", "ObjectSize", "StorageClass"],
      MaxParts: 2,
    }),
  );
  assert.equal(attributes.ETag, etag.replaceAll('"', ""));
  assert.deepEqual(attributes.Checksum, { ChecksumSHA256: composite, ChecksumType: "COMPOSITE" });
  assert.deepEqual([attributes.ObjectSize, attributes.StorageClass], [207, "STANDARD"]);
  const { TotalPartsCount, IsTruncated, NextPartNumberMarker, Parts } = attributes.ObjectParts ?? {};
  assert.deepEqual([TotalPartsCount, IsTruncated, NextPartNumberMarker], [3, true, "2"]);
  assert.deepEqual(Parts?.[1], { PartNumber: 2, Size: 100, ChecksumSHA256: two });
  const rest = await server.client().send(
    new GetObjectAttributesCommand({
      Bucket: BUCKET,
      Key: "composite",
      ObjectAttributes: ["ObjectParts"],
      PartNumberMarker: "2",
    }),
  );
  assert.deepEqual(rest.ObjectParts?.Parts, [{ PartNumber: 3, Size: 7, ChecksumSHA256: three }]);
});

test("a full-object checksum of parts: of the whole, and of no part", async (t) => {
  const { local, get, server } = await startS3(t);
  const body = randomBytes(250);
  await local.put(BUCKET, "full", body, {
    partSizes: [100, 150],
    checksum: { algorithm: "CRC32", type: "FULL_OBJECT" },
  });
  const value = Buffer.alloc(4);
  value.writeUInt32BE(crc32(body));
  const crc = async (range?: string) =>
    (await get("full", range === undefined ? MODE : { ...MODE, range })).headers["x-amz-checksum-crc32"];
  assert.equal(await crc(), value.toString("base64"));
  assert.equal(await crc("bytes=0-99"), undefined);
  const { ObjectParts } = await server
    .client()
    .send(new GetObjectAttributesCommand({ Bucket: BUCKET, Key: "full", ObjectAttributes: ["ObjectParts"] }));
  assert.deepEqual(ObjectParts, { TotalPartsCount: 2 });
});

test("a list says which checksum an object has", async (t) => {
  const { local, server } = await startS3(t);
  await local.put(BUCKET, "a", "x", { partSize: 1, checksum: { algorithm: "CRC32C" } });
  await local.put(BUCKET, "b", "x");
  const { Contents } = await server.client().send(new ListObjectsV2Command({ Bucket: BUCKET }));
  assert.deepEqual(
    Contents?.map(({ ChecksumAlgorithm, ChecksumType }) => [ChecksumAlgorithm, ChecksumType]),
    [
      [["CRC32C"], "COMPOSITE"],
      [["CRC64NVME"], "FULL_OBJECT"],
    ],
  );
});

test("the SDK's own uploads, with the checksum before the bytes and behind them", async (t) => {
  const { server } = await startS3(t);
  const s3 = server.client();
  const body = randomBytes(300_000);
  const value = Buffer.alloc(4);
  value.writeUInt32BE(crc32(body));
  for (const Body of [body, Readable.from([body.subarray(0, 1000), body.subarray(1000)])]) {
    const put = await s3.send(
      new PutObjectCommand({ Bucket: BUCKET, Key: "sdk", Body, ContentLength: body.length }),
    );
    assert.equal(put.ChecksumCRC32, value.toString("base64"));
    const got = await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: "sdk" }));
    assert.ok(body.equals((await got.Body?.transformToByteArray()) ?? Buffer.alloc(0)));
    assert.equal(got.ContentEncoding, undefined);
  }
});

test("the SDK finds a bit that is wrong, by the checksum the server gave it", async (t) => {
  const { local, server } = await startS3(t);
  await local.put(BUCKET, "flipped", randomBytes(1000));
  local.on(() => ({ flipBitAt: 500 }));
  const { Body } = await server.client().send(new GetObjectCommand({ Bucket: BUCKET, Key: "flipped" }));
  await assert.rejects(Body?.transformToByteArray() ?? Promise.resolve(), /Checksum mismatch/);
});

test("a checksum that does not match is refused, and nothing is stored", async (t) => {
  const { raw } = await startS3(t);
  const put = (headers: Record<string, string>) =>
    raw({ method: "PUT", path: `/${BUCKET}/refused`, body: "x", headers });
  const refusals = [
    [{ "x-amz-checksum-crc32": "AAAAAA==" }, "BadDigest"],
    [{ "x-amz-checksum-crc64nvme": "AAAAAAAAAAA=" }, "BadDigest"],
    [{ "x-amz-checksum-crc32": "no base64" }, "InvalidRequest"],
    [{ "x-amz-checksum-sha256": "AAAAAA==" }, "InvalidRequest"],
    [{ "x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-crc32c": "AAAAAA==" }, "InvalidRequest"],
    [{ "x-amz-sdk-checksum-algorithm": "CRC32" }, "InvalidRequest"],
    [{ "x-amz-sdk-checksum-algorithm": "CRC8" }, "InvalidRequest"],
  ] as const;
  for (const [headers, code] of refusals) {
    const answer = await put(headers);
    assert.deepEqual([answer.status, answer.code], [400, code], JSON.stringify(headers));
  }
  assert.equal((await raw({ path: `/${BUCKET}/refused` })).status, 404);
});

test("a trailer is held against the bytes before it", async (t) => {
  const { raw } = await startS3(t);
  const put = (body: string, headers: Record<string, string> = {}) =>
    raw({
      method: "PUT",
      path: `/${BUCKET}/trailer`,
      body,
      payload: "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
      headers: {
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": "9",
        "x-amz-trailer": "x-amz-checksum-crc32",
        ...headers,
      },
    });
  const pieces = "4\r\n1234\r\n5\r\n56789\r\n0\r\n";
  assert.equal((await put(`${pieces}x-amz-checksum-crc32:y/Q5Jg==\r\n\r\n`)).status, 200);
  assert.equal((await raw({ path: `/${BUCKET}/trailer` })).body.toString(), "123456789");
  const refusals = [
    [`${pieces}x-amz-checksum-crc32:AAAAAA==\r\n\r\n`, {}, "BadDigest"],
    [`${pieces}\r\n`, {}, "MalformedTrailerError"],
    [`${pieces}x-amz-checksum-crc32\r\n\r\n`, {}, "MalformedTrailerError"],
    ["4\r\n1234\r\n", {}, "IncompleteBody"],
    ["9\r\n1234\r\n0\r\n\r\n", {}, "IncompleteBody"],
    [
      `${pieces}x-amz-checksum-crc32:y/Q5Jg==\r\n\r\n`,
      { "x-amz-decoded-content-length": "8" },
      "IncompleteBody",
    ],
  ] as const;
  for (const [body, headers, code] of refusals) {
    assert.equal((await put(body, headers)).code, code, JSON.stringify(body));
  }
});

test("an upload keeps to the checksum it began with", async (t) => {
  const { server } = await startS3(t, { limits: { minPartBytes: 1 } });
  const s3 = server.client({ requestChecksumCalculation: "WHEN_REQUIRED" });
  const target = { Bucket: BUCKET, Key: "upload" };
  const begin = (input: {
    ChecksumAlgorithm?: "CRC32" | "SHA1" | "CRC64NVME";
    ChecksumType?: "FULL_OBJECT" | "COMPOSITE";
  }) => s3.send(new CreateMultipartUploadCommand({ ...target, ...input }));
  await assert.rejects(
    begin({ ChecksumAlgorithm: "SHA1", ChecksumType: "FULL_OBJECT" }),
    /FULL_OBJECT.*sha1/,
  );
  await assert.rejects(
    begin({ ChecksumAlgorithm: "CRC64NVME", ChecksumType: "COMPOSITE" }),
    /COMPOSITE.*crc64nvme/,
  );

  const { UploadId, ChecksumType } = await begin({ ChecksumAlgorithm: "CRC32" });
  assert.equal(ChecksumType, "COMPOSITE");
  const part = { ...target, UploadId, PartNumber: 1 };
  await assert.rejects(
    s3.send(new UploadPartCommand({ ...part, Body: "x", ChecksumAlgorithm: "CRC32C" })),
    /expected checksum Type: crc32, actual checksum Type: crc32c/,
  );
  const { ETag, ChecksumCRC32 } = await s3.send(
    new UploadPartCommand({ ...part, Body: "x", ChecksumAlgorithm: "CRC32" }),
  );
  const complete = (given: { ChecksumCRC32?: string | undefined }, more = {}) =>
    s3.send(
      new CompleteMultipartUploadCommand({
        ...target,
        UploadId,
        MultipartUpload: { Parts: [{ PartNumber: 1, ETag, ...given }] },
        ...more,
      }),
    );
  await assert.rejects(complete({}), /must include the checksum for each part/);
  await assert.rejects(complete({ ChecksumCRC32: "AAAAAA==" }), { name: "InvalidPart" });
  await assert.rejects(
    complete({ ChecksumCRC32 }, { ChecksumType: "FULL_OBJECT" }),
    /COMPOSITE checksum mode/,
  );
  await assert.rejects(
    complete({ ChecksumCRC32 }, { MpuObjectSize: 2 }),
    /does not match what was computed: 1/,
  );
  await assert.rejects(complete({ ChecksumCRC32 }, { ChecksumCRC32: "AAAAAA==-1" }), { name: "BadDigest" });
  const done = await complete({ ChecksumCRC32 }, { IfNoneMatch: "*" });
  assert.match(done.ChecksumCRC32 ?? "", /-1$/);
  const head = await s3.send(new HeadObjectCommand({ ...target, ChecksumMode: "ENABLED" }));
  assert.equal(head.ChecksumCRC32, done.ChecksumCRC32);

  const again = await begin({ ChecksumAlgorithm: "CRC32", ChecksumType: "FULL_OBJECT" });
  const second = { ...target, UploadId: again.UploadId };
  const one = await s3.send(new UploadPartCommand({ ...second, PartNumber: 1, Body: "x" }));
  const finish = new CompleteMultipartUploadCommand({
    ...second,
    IfNoneMatch: "*",
    MultipartUpload: { Parts: [{ PartNumber: 1, ETag: one.ETag }] },
  });
  await assert.rejects(s3.send(finish), { name: "PreconditionFailed" });
});

/** The definition: one bit at a time. */
function bitByBit(bytes: Uint8Array, width: number, polynomial: bigint): bigint {
  const ones = (1n << BigInt(width)) - 1n;
  let crc = ones;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ polynomial : crc >> 1n;
  }
  return crc ^ ones;
}
