// CompleteMultipartUpload: the parts a client names become one object.
// Source: docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html; errors as recorded from AWS by
// LocalStack (TestS3MultipartUploadChecksum).

import type { Upload, UploadPart } from "./bucket.ts";
import type { Answer, Call } from "./call.ts";
import { ALGORITHMS, checksumElement, checksumHeader } from "./checksum.ts";
import { checkWriteConditions } from "./conditions.ts";
import { memoryContent } from "./content.ts";
import { findUpload } from "./multipart.ts";
import { encryptionOf } from "./object-headers.ts";
import { currentObject } from "./put-object.ts";
import { invalidRequest, S3Error } from "./s3-error.ts";
import { checksumText, DEFAULT_CHECKSUM, objectOfParts } from "./stored-object.ts";
import { childText, readXml, xmlDocument, type XmlElement } from "./xml.ts";

export async function completeUpload(call: Call): Promise<Answer> {
  const { request, bucket, body, store, now } = call;
  call.allow("s3:PutObject", request.key);
  const upload = findUpload(call);
  const document = readXml(Buffer.concat(body.pieces).toString(), "CompleteMultipartUpload");
  const parts = readParts(document, upload, store.limits.minPartBytes);
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  const { headers, storageClass, key } = upload;
  const kind = upload.checksum ?? DEFAULT_CHECKSUM;
  const made = await objectOfParts(
    { key, lastModified: now, headers, storageClass },
    memoryContent(parts.flatMap((part) => part.pieces)),
    parts.map((part) => part.size),
    kind,
  );
  const stored = { ...made, versionId: "null" };
  const checksum = await made.checksum();
  const value = checksum === undefined ? undefined : checksumText(checksum, stored);
  checkClaims(request.fields, upload, value, size);
  await checkWriteConditions(request, await currentObject(call));
  const object = bucket.put(made);
  bucket.uploads.delete(upload.id);
  return {
    status: 200,
    headers: {
      ...encryptionOf(headers),
      "x-amz-version-id": bucket.versioning === "Enabled" ? object.versionId : undefined,
    },
    xml: xmlDocument("CompleteMultipartUploadResult", {
      Location: `https://${bucket.name}.s3.${bucket.region}.amazonaws.com/${encodeURIComponent(key)}`,
      Bucket: bucket.name,
      Key: key,
      ETag: `"${await object.etag()}"`,
      [checksumElement(kind.algorithm)]: value,
      ChecksumType: kind.type,
    }),
  };
}

function readParts(document: XmlElement, upload: Upload, minPartBytes: number): UploadPart[] {
  const listed = document.children.filter(({ name }) => name === "Part");
  if (listed.length === 0) throw new S3Error("MalformedXML");
  let before = 0;
  const parts = listed.map((element) => {
    const part = findPart(element, upload);
    if (part.number <= before) throw new S3Error("InvalidPartOrder", { elements: { UploadId: upload.id } });
    before = part.number;
    return part;
  });
  const small = parts.slice(0, -1).find(({ size }) => size < minPartBytes);
  if (small === undefined) return parts;
  throw new S3Error("EntityTooSmall", {
    elements: {
      ProposedSize: small.size,
      MinSizeAllowed: minPartBytes,
      PartNumber: small.number,
      ETag: small.etag,
    },
  });
}

function findPart(element: XmlElement, upload: Upload): UploadPart {
  const text = childText(element, "PartNumber") ?? "";
  const etag = childText(element, "ETag")?.replace(/^"|"$/g, "");
  if (!/^\d+$/.test(text) || etag === undefined) throw new S3Error("MalformedXML");
  const part = upload.parts.get(Number(text));
  const invalid = () =>
    new S3Error("InvalidPart", { elements: { UploadId: upload.id, PartNumber: text, ETag: etag } });
  if (part?.etag !== etag) throw invalid();
  const algorithm = upload.checksum?.algorithm;
  const given = ALGORITHMS.find((one) => childText(element, checksumElement(one)) !== undefined);
  if (given === undefined) {
    if (algorithm === undefined || upload.checksum?.type === "FULL_OBJECT") return part;
    throw invalidRequest(
      `The upload was created using a ${algorithm.toLowerCase()} checksum. The complete request must include the checksum for each part. It was missing for part ${text} in the request.`,
    );
  }
  if (algorithm !== undefined && given !== algorithm) {
    throw new S3Error("BadDigest", {
      message: `The ${given.toLowerCase()} you specified for part ${text} did not match what we received.`,
    });
  }
  if (childText(element, checksumElement(given)) !== part.checksum) throw invalid();
  return part;
}

/** What the request says of the object as a whole. */
function checkClaims(
  fields: Readonly<Record<string, string>>,
  { checksum }: Upload,
  value: string | undefined,
  size: number,
): void {
  const type = fields["x-amz-checksum-type"];
  if (type !== undefined && type !== checksum?.type) {
    throw invalidRequest(
      `The upload was created using the ${checksum?.type ?? "null"} checksum mode. The complete request must use the same checksum mode.`,
    );
  }
  const given = ALGORITHMS.find((algorithm) => fields[checksumHeader(algorithm)] !== undefined);
  const { algorithm } = checksum ?? DEFAULT_CHECKSUM;
  if (given !== undefined && (given !== algorithm || fields[checksumHeader(given)] !== value)) {
    throw new S3Error("BadDigest", {
      message: `The ${algorithm.toLowerCase()} you specified did not match the calculated checksum.`,
    });
  }
  const claimed = fields["x-amz-mp-object-size"];
  if (claimed !== undefined && Number(claimed) !== size) {
    throw invalidRequest(
      `The provided 'x-amz-mp-object-size' header value ${claimed} does not match what was computed: ${size}`,
    );
  }
}
