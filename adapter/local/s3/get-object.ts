// GetObject and HeadObject, which differ in one thing: the body.
// Source: docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html, API_HeadObject.html.

import { isDeleted, isVersionId } from "./bucket.ts";
import { type ByteRange, selectBytes } from "./byte-range.ts";
import type { Answer, Call } from "./call.ts";
import { checksumHeader } from "./checksum.ts";
import { checkReadConditions } from "./conditions.ts";
import { invalidArgument, invalidRequest, S3Error } from "./s3-error.ts";
import { checksumText, type StoredObject } from "./stored-object.ts";

/** Have to be restored before they can be read. */
const ARCHIVES: readonly string[] = ["GLACIER", "DEEP_ARCHIVE"];

/** Query parameters that replace a header of the answer. */
const OVERRIDES = [
  "cache-control",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-type",
  "expires",
];

export async function getObject(call: Call): Promise<Answer> {
  const { request, bucket } = call;
  call.allow(request.query.has("versionId") ? "s3:GetObjectVersion" : "s3:GetObject", request.key);
  const object = await findObject(call);
  if (request.method === "GET" && ARCHIVES.includes(object.storageClass))
    throw new S3Error("InvalidObjectState", { elements: { StorageClass: object.storageClass } });
  await checkReadConditions(request, object);
  const range = selectBytes(request, object);
  const { start, end, partial } = range;
  return {
    status: partial ? 206 : 200,
    headers: {
      "last-modified": object.lastModified.toUTCString(),
      etag: `"${await object.etag()}"`,
      "accept-ranges": "bytes",
      "content-length": String(end - start),
      "content-range": partial ? `bytes ${start}-${end - 1}/${object.content.size}` : undefined,
      "x-amz-version-id": bucket.versioning === undefined ? undefined : object.versionId,
      "x-amz-storage-class": object.storageClass === "STANDARD" ? undefined : object.storageClass,
      "x-amz-mp-parts-count":
        request.query.has("partNumber") && object.parts !== undefined
          ? String(object.parts.length)
          : undefined,
      ...object.headers,
      ...(request.fields["x-amz-checksum-mode"]?.toUpperCase() === "ENABLED"
        ? await checksumHeaders(object, range)
        : {}),
      ...overrides(call),
    },
    body: { content: object.content, start, end },
  };
}

/**
 * What a versionId names, or the newest.
 * @throws NoSuchKey, AccessDenied where whoever asks may not know, NoSuchVersion, MethodNotAllowed for a delete marker
 */
export async function findObject(call: Call): Promise<StoredObject> {
  const { request, bucket } = call;
  const { key, method } = request;
  const versionId = readVersionId(call);
  const found = await bucket.find(key, versionId);
  if (found !== undefined && !isDeleted(found)) return found;
  const marker: Record<string, string> =
    found === undefined ? {} : { "x-amz-delete-marker": "true", "x-amz-version-id": found.versionId };
  if (versionId === undefined) {
    // Without this permission S3 does not tell a key that is missing from one that is forbidden.
    call.allow("s3:ListBucket");
    throw new S3Error("NoSuchKey", { elements: { Key: key }, headers: marker });
  }
  if (found === undefined)
    throw new S3Error("NoSuchVersion", { elements: { Key: key, VersionId: versionId } });
  throw new S3Error("MethodNotAllowed", {
    elements: { Method: method, ResourceType: "DeleteMarker" },
    headers: { ...marker, allow: "DELETE", "last-modified": found.lastModified.toUTCString() },
  });
}

/** @throws InvalidArgument for what this server never gave as one */
export function readVersionId({ request, bucket }: Call): string | undefined {
  const versionId = request.query.get("versionId");
  if (versionId === undefined || versionId === "null") return versionId;
  if (versionId === "")
    throw invalidArgument("Version id cannot be the empty string", "versionId", versionId);
  if (bucket.versioning === undefined || !isVersionId(versionId))
    throw invalidArgument("Invalid version id specified", "versionId", versionId);
  return versionId;
}

/** Of the whole, or of exactly one stored part whose checksum S3 has kept; of no other bytes. */
async function checksumHeaders(
  object: StoredObject,
  { start, end, partial }: ByteRange,
): Promise<Record<string, string>> {
  const kind = object.checksumKind;
  if (kind === undefined) return {};
  const header = checksumHeader(kind.algorithm);
  const part = object.parts?.find((one) => one.start === start && one.start + one.size === end);
  if (partial && part?.checksum !== undefined)
    return { [header]: part.checksum, "x-amz-checksum-type": kind.type };
  if (end - start !== object.content.size) return {};
  const checksum = await object.checksum();
  if (checksum === undefined) return {};
  // A trap of S3: a range that is everything gets a composite checksum without its -N.
  const value = partial ? checksum.value : checksumText(checksum, object);
  return { [header]: value, "x-amz-checksum-type": kind.type };
}

function overrides({ request, principal }: Call): Record<string, string> {
  const asked = OVERRIDES.flatMap((header) => {
    const value = request.query.get(`response-${header}`);
    return value === undefined ? [] : [[header, value] as const];
  });
  if (asked.length > 0 && principal === undefined) {
    throw invalidRequest("Request specific response headers cannot be used for anonymous GET requests.");
  }
  return Object.fromEntries(asked);
}
