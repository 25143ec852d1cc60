// GetObjectAttributes.
// Source: docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html; which parts are listed, as recorded from
// AWS by LocalStack: those of a composite checksum; of any other only their number.

import type { Answer, Call } from "./call.ts";
import { checksumElement } from "./checksum.ts";
import { findObject } from "./get-object.ts";
import { readCount } from "./list-objects.ts";
import { invalidArgument, invalidRequest } from "./s3-error.ts";
import type { StoredObject } from "./stored-object.ts";
import { xmlDocument, type XmlFields } from "./xml.ts";

const ATTRIBUTES = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"];

export async function getObjectAttributes(call: Call): Promise<Answer> {
  const { request, bucket } = call;
  const version = request.query.has("versionId") ? "Version" : "";
  call.allow(`s3:GetObject${version}`, request.key);
  call.allow(`s3:GetObject${version}Attributes`, request.key);
  const wanted = readWanted(request.fields["x-amz-object-attributes"]);
  const object = await findObject(call);
  return {
    status: 200,
    headers: {
      "last-modified": object.lastModified.toUTCString(),
      "x-amz-version-id": bucket.versioning === undefined ? undefined : object.versionId,
    },
    xml: xmlDocument("GetObjectAttributesResponse", {
      ETag: wanted.has("ETag") ? await object.etag() : undefined,
      Checksum: wanted.has("Checksum") ? await checksumFields(object) : undefined,
      ObjectParts: wanted.has("ObjectParts") ? partsFields(object, call) : undefined,
      StorageClass: wanted.has("StorageClass") ? object.storageClass : undefined,
      ObjectSize: wanted.has("ObjectSize") ? object.content.size : undefined,
    }),
  };
}

function readWanted(header: string | undefined): Set<string> {
  if (header === undefined)
    throw invalidRequest("Missing required header for this request: x-amz-object-attributes");
  const wanted = header.split(",").map((name) => name.trim());
  const unknown = wanted.find((name) => !ATTRIBUTES.includes(name));
  if (unknown !== undefined)
    throw invalidArgument("Invalid attribute name specified.", "x-amz-object-attributes", unknown);
  return new Set(wanted);
}

async function checksumFields(object: StoredObject): Promise<XmlFields | undefined> {
  const checksum = await object.checksum();
  if (checksum === undefined) return undefined;
  return { [checksumElement(checksum.algorithm)]: checksum.value, ChecksumType: checksum.type };
}

function partsFields({ parts, checksumKind }: StoredObject, { request, store }: Call): XmlFields | undefined {
  if (parts === undefined) return undefined;
  if (checksumKind?.type !== "COMPOSITE") return { PartsCount: parts.length };
  const { fields } = request;
  const limit = store.limits.maxKeys;
  const maxParts = Math.min(readCount(fields["x-amz-max-parts"], "max-parts", limit), limit);
  const marker = readCount(fields["x-amz-part-number-marker"], "part-number-marker", 0);
  const rest = parts.filter(({ number }) => number > marker);
  const page = rest.slice(0, maxParts);
  return {
    PartsCount: parts.length,
    PartNumberMarker: marker,
    NextPartNumberMarker: page.at(-1)?.number ?? 0,
    MaxParts: maxParts,
    IsTruncated: page.length < rest.length,
    Part: page.map((part) => ({
      PartNumber: part.number,
      Size: part.size,
      [checksumElement(checksumKind.algorithm)]: part.checksum,
    })),
  };
}
