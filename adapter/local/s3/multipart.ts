// CreateMultipartUpload, UploadPart and AbortMultipartUpload.
// Source: docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html; what it says of checksums, as recorded from AWS
// by LocalStack (TestS3MultipartUploadChecksum).

import { randomBytes } from "node:crypto";
import type { Upload } from "./bucket.ts";
import type { Answer, Call } from "./call.ts";
import { algorithmOf, checksumTypeOf, digestOf } from "./checksum.ts";
import { checksumAnswer, encryptionOf, readFacts } from "./object-headers.ts";
import { invalidArgument, invalidRequest, S3Error } from "./s3-error.ts";
import { xmlDocument } from "./xml.ts";

const PART_NUMBER_LIMIT = 10_000;

export function createUpload(call: Call): Answer {
  const { request, bucket, now } = call;
  call.allow("s3:PutObject", request.key);
  bucket.checkWritable(request.key);
  const algorithm = algorithmOf(request.fields["x-amz-checksum-algorithm"]);
  const type = request.fields["x-amz-checksum-type"];
  if (algorithm === undefined && type !== undefined) {
    throw invalidRequest(
      "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
    );
  }
  const checksum = algorithm === undefined ? undefined : { algorithm, type: checksumTypeOf(algorithm, type) };
  const { headers, storageClass, key } = readFacts(call);
  const id = randomBytes(48).toString("base64url").replaceAll("-", ".");
  bucket.uploads.set(id, { id, key, initiated: now, storageClass, headers, checksum, parts: new Map() });
  return {
    status: 200,
    headers: {
      ...encryptionOf(headers),
      "x-amz-checksum-algorithm": checksum?.algorithm,
      "x-amz-checksum-type": checksum?.type,
    },
    xml: xmlDocument("InitiateMultipartUploadResult", { Bucket: bucket.name, Key: key, UploadId: id }),
  };
}

export function uploadPart(call: Call): Answer {
  const { request, body, now } = call;
  call.allow("s3:PutObject", request.key);
  if (!body.hasLength) throw new S3Error("MissingContentLength");
  if (request.fields["x-amz-copy-source"] !== undefined)
    throw new S3Error("NotImplemented", { elements: { Header: "x-amz-copy-source" } });
  const text = request.query.get("partNumber") ?? "";
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < 1 || number > PART_NUMBER_LIMIT) {
    throw invalidArgument(
      `Part number must be an integer between 1 and ${PART_NUMBER_LIMIT}, inclusive`,
      "partNumber",
      text,
    );
  }
  const upload = findUpload(call);
  const algorithm = upload.checksum?.algorithm;
  const given = body.checksum;
  if (algorithm !== undefined && given !== undefined && given.algorithm !== algorithm) {
    throw invalidRequest(
      `Checksum Type mismatch occurred, expected checksum Type: ${algorithm.toLowerCase()}, actual checksum Type: ${given.algorithm.toLowerCase()}`,
    );
  }
  const checksum =
    algorithm === undefined ? undefined : digestOf(algorithm, ...body.pieces).toString("base64");
  const etag = digestOf("MD5", ...body.pieces).toString("hex");
  const { pieces, size } = body;
  upload.parts.set(number, { number, pieces, size, etag, checksum, lastModified: now });
  const kept = algorithm === undefined ? given : { algorithm, value: checksum as string };
  return {
    status: 200,
    headers: { etag: `"${etag}"`, ...encryptionOf(upload.headers), ...checksumAnswer(kept) },
  };
}

export function abortUpload(call: Call): Answer {
  call.allow("s3:AbortMultipartUpload", call.request.key);
  call.bucket.uploads.delete(findUpload(call).id);
  return { status: 204 };
}

/** @throws NoSuchUpload when there is none of that id for that key */
export function findUpload({ request, bucket }: Call): Upload {
  const id = request.query.get("uploadId") ?? "";
  const upload = bucket.uploads.get(id);
  if (upload?.key === request.key) return upload;
  throw new S3Error("NoSuchUpload", { elements: { UploadId: id } });
}
