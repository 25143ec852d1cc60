// ListMultipartUploads and ListParts.
// Source: docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html, API_ListParts.html.

import { compareKeys, type Upload } from "./bucket.ts";
import type { Answer, Call } from "./call.ts";
import { checksumElement } from "./checksum.ts";
import { OWNER, readCount, readEncoding } from "./list-objects.ts";
import { findUpload } from "./multipart.ts";
import { invalidArgument } from "./s3-error.ts";
import { xmlDocument } from "./xml.ts";

export function listUploads(call: Call): Answer {
  const { request, bucket, store } = call;
  const { query } = request;
  call.allow("s3:ListBucketMultipartUploads");
  const encode = readEncoding(query.get("encoding-type"), query.has("encoding-type"));
  const limit = store.limits.maxKeys;
  const maxUploads = Math.min(readCount(query.get("max-uploads"), "max-uploads", limit), limit);
  const prefix = query.get("prefix") ?? "";
  const delimiter = query.get("delimiter") || undefined;
  const keyMarker = query.get("key-marker") ?? "";
  // Without a key, an id says nothing.
  const idMarker = keyMarker === "" ? "" : (query.get("upload-id-marker") ?? "");
  const uploads = [...bucket.uploads.values()].toSorted(
    (a, b) => compareKeys(a.key, b.key) || a.initiated.getTime() - b.initiated.getTime(),
  );
  const rest = uploads
    .slice(startOf(uploads, keyMarker, idMarker))
    .filter(({ key }) => key.startsWith(prefix));
  const page: Upload[] = [];
  const prefixes: string[] = [];
  let last: Upload | undefined;
  let truncated = false;
  for (const upload of rest) {
    const at = delimiter === undefined ? -1 : upload.key.indexOf(delimiter, prefix.length);
    const common = at < 0 ? undefined : upload.key.slice(0, at + (delimiter as string).length);
    if (common !== undefined && common === prefixes.at(-1)) {
      last = upload;
      continue;
    }
    truncated = page.length + prefixes.length === maxUploads;
    if (truncated) break;
    if (common === undefined) page.push(upload);
    else prefixes.push(common);
    last = upload;
  }
  return {
    status: 200,
    xml: xmlDocument("ListMultipartUploadsResult", {
      Bucket: bucket.name,
      KeyMarker: encode(keyMarker),
      UploadIdMarker: idMarker,
      NextKeyMarker: last === undefined ? "" : encode(last.key),
      NextUploadIdMarker: last?.id ?? "",
      Prefix: prefix === "" ? undefined : encode(prefix),
      Delimiter: delimiter === undefined ? undefined : encode(delimiter),
      EncodingType: query.has("encoding-type") ? "url" : undefined,
      MaxUploads: maxUploads,
      IsTruncated: truncated,
      Upload: page.map(({ key, id, initiated, storageClass, checksum }) => ({
        Key: encode(key),
        UploadId: id,
        Initiator: { ID: OWNER },
        Owner: { ID: OWNER },
        StorageClass: storageClass,
        Initiated: initiated.toISOString(),
        ChecksumAlgorithm: checksum?.algorithm,
        ChecksumType: checksum?.type,
      })),
      CommonPrefixes: prefixes.map((common) => ({ Prefix: encode(common) })),
    }),
  };
}

/** After the upload both markers name, or after all of the key. */
function startOf(uploads: readonly Upload[], keyMarker: string, idMarker: string): number {
  if (keyMarker === "") return 0;
  if (idMarker === "") {
    const next = uploads.findIndex(({ key }) => compareKeys(key, keyMarker) > 0);
    return next < 0 ? uploads.length : next;
  }
  const named = uploads.findIndex(({ key, id }) => key === keyMarker && id === idMarker);
  if (named < 0) throw invalidArgument("Invalid uploadId marker", "upload-id-marker", idMarker);
  return named + 1;
}

export function listParts(call: Call): Answer {
  const { request, bucket, store } = call;
  const { query } = request;
  call.allow("s3:ListMultipartUploadParts", request.key);
  const { id, key, storageClass, checksum, parts } = findUpload(call);
  const limit = store.limits.maxKeys;
  const maxParts = Math.min(readCount(query.get("max-parts"), "max-parts", limit), limit);
  const marker = readCount(query.get("part-number-marker"), "part-number-marker", 0);
  const rest = [...parts.values()]
    .toSorted((a, b) => a.number - b.number)
    .filter(({ number }) => number > marker);
  const page = rest.slice(0, maxParts);
  return {
    status: 200,
    xml: xmlDocument("ListPartsResult", {
      Bucket: bucket.name,
      Key: key,
      UploadId: id,
      Initiator: { ID: OWNER },
      Owner: { ID: OWNER },
      StorageClass: storageClass,
      PartNumberMarker: marker,
      NextPartNumberMarker: page.at(-1)?.number ?? 0,
      MaxParts: maxParts,
      IsTruncated: page.length < rest.length,
      ChecksumAlgorithm: checksum?.algorithm,
      ChecksumType: checksum?.type,
      Part: page.map((part) => ({
        PartNumber: part.number,
        LastModified: part.lastModified.toISOString(),
        ETag: `"${part.etag}"`,
        Size: part.size,
        ...(checksum === undefined ? {} : { [checksumElement(checksum.algorithm)]: part.checksum }),
      })),
    }),
  };
}
