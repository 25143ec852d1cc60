// The contract: uploads in parts.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import type { Cases, Contract } from "./suite.ts";

const MIB = 1024 * 1024;

export const uploadCases: Cases = {
  "parts become one object, whose ETag is of their MD5s": async (contract) => {
    const { s3, bucket } = contract;
    const bodies = [randomBytes(5 * MIB), randomBytes(5 * MIB), randomBytes(10)];
    const upload = await begin(contract, "upload/whole");
    const etags: string[] = [];
    for (const [i, body] of bodies.entries()) etags.push(await upload.part(i + 1, body));
    await upload.complete([1, 2, 3].map((number) => [number, etags[number - 1] as string]));
    const md5s = bodies.map((body) => createHash("md5").update(body).digest());
    const etag = `"${createHash("md5").update(Buffer.concat(md5s)).digest("hex")}-3"`;
    const got = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: "upload/whole" }));
    assert.equal(got.ETag, etag);
    assert.ok(Buffer.concat(bodies).equals((await got.Body?.transformToByteArray()) ?? Buffer.alloc(0)));
    const range = `bytes=${5 * MIB - 1}-${5 * MIB}`;
    const edge = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: "upload/whole", Range: range }));
    const bytes = Buffer.concat(bodies).subarray(5 * MIB - 1, 5 * MIB + 1);
    assert.ok(bytes.equals((await edge.Body?.transformToByteArray()) ?? Buffer.alloc(0)));
  },

  "the answer to a completed upload has the ETag": async (contract) => {
    const upload = await begin(contract, "upload/etag");
    const { ETag } = await upload.complete([[1, await upload.part(1, Buffer.from("one"))]]);
    assert.match(ETag ?? "", /^"[\da-f]{32}-1"$/);
  },

  "partNumber reads one part": async (contract) => {
    const { s3, bucket } = contract;
    const upload = await begin(contract, "upload/parts");
    const one = await upload.part(1, Buffer.alloc(5 * MIB, 1));
    const two = await upload.part(2, Buffer.from("the last one"));
    await upload.complete([
      [1, one],
      [2, two],
    ]);
    const key = { Bucket: bucket, Key: "upload/parts", PartNumber: 2 };
    const got = await s3.send(new GetObjectCommand(key));
    assert.equal(got.ContentLength, 12);
    assert.equal(await got.Body?.transformToString(), "the last one");
    assert.equal(got.PartsCount, 2);
    assert.equal(got.ContentRange, `bytes ${5 * MIB}-${5 * MIB + 11}/${5 * MIB + 12}`);
  },

  "HEAD with partNumber is about one part": async (contract) => {
    const { s3, bucket } = contract;
    const upload = await begin(contract, "upload/head");
    await upload.complete([[1, await upload.part(1, Buffer.from("only one"))]]);
    const head = await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: "upload/head", PartNumber: 1 }));
    assert.deepEqual([head.ContentLength, head.PartsCount], [8, 1]);
    assert.equal(head.$metadata.httpStatusCode, 206);
  },

  "a part there is not is 416": async ({ s3, server, bucket }) => {
    await server.put(bucket, "upload/single", "x");
    const key = { Bucket: bucket, Key: "upload/single", PartNumber: 2 };
    await assert.rejects(s3.send(new GetObjectCommand(key)), { name: "InvalidPartNumber" });
  },

  "a part that is uploaded again replaces the first": async (contract) => {
    const upload = await begin(contract, "upload/again");
    await upload.part(1, Buffer.from("wrong"));
    await upload.complete([[1, await upload.part(1, Buffer.from("right"))]]);
    const got = await contract.s3.send(
      new GetObjectCommand({ Bucket: contract.bucket, Key: "upload/again" }),
    );
    assert.equal(await got.Body?.transformToString(), "right");
  },

  "parts have to be there, with the ETag they were given": async (contract) => {
    const upload = await begin(contract, "upload/wrong");
    const one = [1, await upload.part(1, Buffer.alloc(5 * MIB))] as const;
    const two = [2, await upload.part(2, Buffer.from("2"))] as const;
    await assert.rejects(upload.complete([one, [3, two[1]]]), { name: "InvalidPart" });
    await assert.rejects(upload.complete([one, [2, one[1]]]), { name: "InvalidPart" });
    await upload.complete([one, two]);
  },

  "parts have to be in order": async (contract) => {
    const upload = await begin(contract, "upload/order");
    const one = [1, await upload.part(1, Buffer.alloc(5 * MIB))] as const;
    const two = [2, await upload.part(2, Buffer.from("2"))] as const;
    await assert.rejects(upload.complete([two, one]), { name: "InvalidPartOrder" });
  },

  "a part below 5 MiB can only be the last": async (contract) => {
    const upload = await begin(contract, "upload/small");
    const one = await upload.part(1, Buffer.alloc(5 * MIB - 1));
    const two = await upload.part(2, Buffer.from("2"));
    const both = [
      [1, one],
      [2, two],
    ] as const;
    await assert.rejects(upload.complete(both), { name: "EntityTooSmall" });
  },

  "an upload belongs to its key": async (contract) => {
    const { s3, bucket } = contract;
    const { id } = await begin(contract, "upload/mine");
    const other = { Bucket: bucket, Key: "upload/other", UploadId: id, PartNumber: 1 };
    const part = new UploadPartCommand({ ...other, Body: "x" });
    await assert.rejects(s3.send(part), { name: "NoSuchUpload" });
  },

  "uploads are listed below a delimiter": async (contract) => {
    for (const key of ["gathered/a/1", "gathered/a/2", "gathered/b"]) await begin(contract, key);
    const { Uploads, CommonPrefixes } = await contract.s3.send(
      new ListMultipartUploadsCommand({ Bucket: contract.bucket, Prefix: "gathered/", Delimiter: "/" }),
    );
    assert.deepEqual(
      [Uploads?.map(({ Key }) => Key), CommonPrefixes?.map(({ Prefix }) => Prefix)],
      [["gathered/b"], ["gathered/a/"]],
    );
  },

  "uploads come in pages": async (contract) => {
    const { s3, bucket } = contract;
    const ids: (string | undefined)[] = [];
    for (const key of ["paged/a", "paged/a", "paged/b"]) ids.push((await begin(contract, key)).id);
    const found: (string | undefined)[] = [];
    let markers: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } = {};
    for (let more = true; more; ) {
      const page = await s3.send(
        new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: "paged/", MaxUploads: 1, ...markers }),
      );
      found.push(...(page.Uploads ?? []).map(({ UploadId }) => UploadId));
      markers = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
      more = page.IsTruncated === true;
    }
    assert.deepEqual(found.toSorted(), ids.toSorted());
  },

  "parts come in pages": async (contract) => {
    const { s3, bucket } = contract;
    const upload = await begin(contract, "upload/pages");
    for (const number of [7, 1, 3]) await upload.part(number, Buffer.from("x"));
    const found: (number | undefined)[] = [];
    let marker: string | undefined;
    for (let more = true; more; ) {
      const page = await s3.send(
        new ListPartsCommand({
          Bucket: bucket,
          Key: "upload/pages",
          UploadId: upload.id,
          MaxParts: 2,
          PartNumberMarker: marker,
        }),
      );
      found.push(...(page.Parts ?? []).map(({ PartNumber }) => PartNumber));
      marker = page.NextPartNumberMarker;
      more = page.IsTruncated === true;
    }
    assert.deepEqual(found, [1, 3, 7]);
  },

  "an upload in progress is listed, with its parts, and gone when it is aborted": async (contract) => {
    const { s3, bucket } = contract;
    const upload = await begin(contract, "listed/upload");
    const etag = await upload.part(3, Buffer.from("three"));
    const uploads = async () => {
      const { Uploads = [] } = await s3.send(
        new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: "listed/" }),
      );
      return Uploads.map(({ Key, UploadId }) => [Key, UploadId]);
    };
    assert.deepEqual(await uploads(), [["listed/upload", upload.id]]);
    const target = { Bucket: bucket, Key: "listed/upload", UploadId: upload.id };
    const { Parts = [] } = await s3.send(new ListPartsCommand(target));
    assert.deepEqual(
      Parts.map(({ PartNumber, Size, ETag }) => [PartNumber, Size, ETag]),
      [[3, 5, etag]],
    );
    await assert.rejects(s3.send(new GetObjectCommand({ Bucket: bucket, Key: "listed/upload" })), {
      name: "NoSuchKey",
    });
    await s3.send(new AbortMultipartUploadCommand(target));
    assert.deepEqual(await uploads(), []);
    await assert.rejects(upload.part(1, Buffer.from("late")), { name: "NoSuchUpload" });
    await assert.rejects(s3.send(new AbortMultipartUploadCommand(target)), { name: "NoSuchUpload" });
  },
};

async function begin({ s3, bucket }: Contract, key: string) {
  const { UploadId: id = "" } = await s3.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: key }));
  const target = { Bucket: bucket, Key: key, UploadId: id };
  return {
    id,
    part: async (number: number, body: Uint8Array): Promise<string> => {
      const { ETag = "" } = await s3.send(
        new UploadPartCommand({ ...target, PartNumber: number, Body: body }),
      );
      return ETag;
    },
    complete: (parts: readonly (readonly [number: number, etag: string])[]) =>
      s3.send(
        new CompleteMultipartUploadCommand({
          ...target,
          MultipartUpload: { Parts: parts.map(([PartNumber, ETag]) => ({ PartNumber, ETag })) },
        }),
      ),
  };
}
