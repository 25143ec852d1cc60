// What a PUT or the begin of an upload says about the object besides its bytes, and the checksums of an answer.
// Source: docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html.

import type { ServiceCall } from "./call.ts";
import { type ChecksumType, checksumHeader, type Algorithm } from "./checksum.ts";
import { S3Error } from "./s3-error.ts";
import type { ObjectFacts } from "./stored-object.ts";

/** Of names and values of x-amz-meta-*, in bytes. */
const METADATA_LIMIT_BYTES = 2048;

const KEPT = ["cache-control", "content-disposition", "content-language", "content-type", "expires"];
const STORAGE_CLASSES = [
  "STANDARD",
  "REDUCED_REDUNDANCY",
  "STANDARD_IA",
  "ONEZONE_IA",
  "INTELLIGENT_TIERING",
  "GLACIER",
  "DEEP_ARCHIVE",
  "GLACIER_IR",
];
/** Would change what is stored, and are not here. */
const REFUSED = ["x-amz-copy-source", "x-amz-server-side-encryption-customer-algorithm"];

/** @throws NotImplemented, InvalidStorageClass, MetadataTooLarge */
export function readFacts({ request, now }: ServiceCall): ObjectFacts {
  const { fields, key } = request;
  const refused = REFUSED.find((name) => fields[name] !== undefined);
  if (refused !== undefined) throw new S3Error("NotImplemented", { elements: { Header: refused } });
  const storageClass = fields["x-amz-storage-class"] ?? "STANDARD";
  if (!STORAGE_CLASSES.includes(storageClass)) {
    throw new S3Error("InvalidStorageClass", { elements: { StorageClassRequested: storageClass } });
  }
  const metadata = Object.entries(fields).filter(([name]) => name.startsWith("x-amz-meta-"));
  const size = metadata.reduce(
    (sum, [name, value]) =>
      sum + Buffer.byteLength(name.slice("x-amz-meta-".length)) + Buffer.byteLength(value),
    0,
  );
  if (size > METADATA_LIMIT_BYTES) {
    throw new S3Error("MetadataTooLarge", {
      elements: { Size: size, MaxSizeAllowed: METADATA_LIMIT_BYTES },
    });
  }
  const kept = KEPT.flatMap((name) => (fields[name] === undefined ? [] : [[name, fields[name]] as const]));
  return {
    key,
    lastModified: now,
    storageClass,
    headers: {
      "content-type": "binary/octet-stream",
      ...Object.fromEntries(kept),
      ...contentEncoding(fields["content-encoding"]),
      ...Object.fromEntries(metadata),
      ...encryption(fields),
    },
  };
}

// aws-chunked is how the bytes came, not what they are.
function contentEncoding(given: string | undefined): Record<string, string> {
  const rest = (given ?? "")
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "" && one !== "aws-chunked");
  return rest.length === 0 ? {} : { "content-encoding": rest.join(",") };
}

function encryption(fields: Readonly<Record<string, string>>): Record<string, string> {
  const header = "x-amz-server-side-encryption";
  const keyId = fields[`${header}-aws-kms-key-id`];
  return {
    [header]: fields[header] ?? "AES256",
    ...(keyId === undefined ? {} : { [`${header}-aws-kms-key-id`]: keyId }),
  };
}

/** Those of an object that its PUT answers with as well. */
export function encryptionOf(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => name.startsWith("x-amz-server-side-encryption")),
  );
}

export function checksumAnswer(
  checksum: { readonly algorithm: Algorithm; readonly value: string } | undefined,
  type?: ChecksumType,
): Record<string, string> {
  if (checksum === undefined) return {};
  return {
    [checksumHeader(checksum.algorithm)]: checksum.value,
    ...(type === undefined ? {} : { "x-amz-checksum-type": type }),
  };
}
