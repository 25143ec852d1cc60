// PutObject, DeleteObject and DeleteObjects.
// Source: docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html, API_DeleteObject.html, API_DeleteObjects.html.

import { isDeleted, isVersionId, type Version } from "./bucket.ts";
import type { Answer, Call } from "./call.ts";
import { ALGORITHMS, checksumHeader } from "./checksum.ts";
import { checkWriteConditions } from "./conditions.ts";
import { memoryContent } from "./content.ts";
import { readVersionId } from "./get-object.ts";
import { checksumAnswer, encryptionOf, readFacts } from "./object-headers.ts";
import { invalidRequest, S3Error } from "./s3-error.ts";
import { DEFAULT_CHECKSUM, objectOfBytes, type StoredObject } from "./stored-object.ts";
import { childText, readXml, xmlDocument, type XmlElement, type XmlFields } from "./xml.ts";

/** Keys of one DeleteObjects. */
const DELETE_LIMIT = 1000;

export async function putObject(call: Call): Promise<Answer> {
  const { request, bucket, body } = call;
  call.allow("s3:PutObject", request.key);
  if (!body.hasLength) throw new S3Error("MissingContentLength");
  const facts = readFacts(call);
  await checkWriteConditions(request, await currentObject(call));
  const kind =
    body.checksum === undefined
      ? DEFAULT_CHECKSUM
      : { algorithm: body.checksum.algorithm, type: "FULL_OBJECT" as const };
  const object = bucket.put(objectOfBytes(facts, memoryContent(body.pieces), kind));
  return {
    status: 200,
    headers: {
      etag: `"${await object.etag()}"`,
      "x-amz-version-id": bucket.versioning === "Enabled" ? object.versionId : undefined,
      ...encryptionOf(object.headers),
      ...checksumAnswer(await object.checksum(), kind.type),
    },
  };
}

export async function currentObject({ bucket, request }: Call): Promise<StoredObject | undefined> {
  const current = await bucket.find(request.key);
  return current === undefined || isDeleted(current) ? undefined : current;
}

export function deleteObject(call: Call): Answer {
  const { request, bucket, now } = call;
  const versionId = readVersionId(call);
  call.allow(versionId === undefined ? "s3:DeleteObject" : "s3:DeleteObjectVersion", request.key);
  const gone = bucket.remove(request.key, now, versionId);
  const named = bucket.versioning === undefined ? undefined : (gone?.versionId ?? versionId);
  return {
    status: 204,
    headers: {
      "x-amz-version-id": named,
      "x-amz-delete-marker": gone !== undefined && isDeleted(gone) ? "true" : undefined,
    },
  };
}

export function deleteObjects(call: Call): Answer {
  const { request, body } = call;
  const checked = ["content-md5", "x-amz-trailer", ...ALGORITHMS.map(checksumHeader)];
  if (!checked.some((name) => request.fields[name] !== undefined)) {
    throw invalidRequest("Missing required header for this request: Content-MD5 OR x-amz-checksum-*");
  }
  const document = readXml(Buffer.concat(body.pieces).toString(), "Delete");
  const wanted = document.children.filter(({ name }) => name === "Object");
  if (wanted.length === 0 || wanted.length > DELETE_LIMIT) throw new S3Error("MalformedXML");
  const quiet = childText(document, "Quiet") === "true";
  const results = wanted.map((element) => deleteOne(call, element));
  return {
    status: 200,
    xml: xmlDocument("DeleteResult", {
      Deleted: quiet ? [] : results.flatMap((result) => result.deleted ?? []),
      Error: results.flatMap((result) => result.error ?? []),
    }),
  };
}

function deleteOne(call: Call, element: XmlElement): { deleted?: XmlFields; error?: XmlFields } {
  const { bucket, now } = call;
  const key = childText(element, "Key");
  const versionId = childText(element, "VersionId");
  if (key === undefined || key === "") throw new S3Error("MalformedXML");
  try {
    call.allow(versionId === undefined ? "s3:DeleteObject" : "s3:DeleteObjectVersion", key);
    if (versionId !== undefined && !isVersionId(versionId)) throw new S3Error("NoSuchVersion");
    const gone = bucket.remove(key, now, versionId);
    return { deleted: { Key: key, VersionId: versionId, ...markerFields(gone) } };
  } catch (error) {
    if (!(error instanceof S3Error)) throw error;
    return { error: { Key: key, VersionId: versionId, Code: error.code, Message: error.message } };
  }
}

function markerFields(gone: Version | undefined): XmlFields {
  return gone !== undefined && isDeleted(gone)
    ? { DeleteMarker: true, DeleteMarkerVersionId: gone.versionId }
    : {};
}
