// The three documents of S3 that weights need, from XML to records: a page of a list, the parts of an object, an error.
// Source: docs.aws.amazon.com/AmazonS3/latest/API, ListObjectsV2, GetObjectAttributes and ErrorResponses.

import { ColdframeError } from "../../errors.ts";
import { readXml, textOf, XmlError, type XmlElement } from "./xml.ts";

/** One object as a list shows it. */
export interface ListedObject {
  readonly key: string;
  readonly size: number;
  /** With its quotes. */
  readonly etag: string | undefined;
  /** As it came: ISO 8601, so that later is greater. */
  readonly modified: string;
}

export interface ListPage {
  readonly objects: readonly ListedObject[];
  /** Asks for the next page; absent on the last. */
  readonly next: string | undefined;
}

/** One page of the parts of a multipart object. */
export interface PartsPage {
  /** Without quotes, as this document has it. */
  readonly etag: string | undefined;
  readonly total: number;
  readonly next: string | undefined;
  /** By their number; empty where the parts have no checksums. */
  readonly parts: readonly Part[];
}

export interface Part {
  readonly number: number;
  readonly size: number;
  /** By S3's names, in lower case: `crc32`, `sha256`; base64. */
  readonly checksums: Readonly<Record<string, string>>;
}

export interface S3Error {
  /** As `NoSuchKey`; "" when the answer has none. */
  readonly code: string;
  readonly message: string;
  /** Where the bucket is, when that is the error. */
  readonly region: string | undefined;
  readonly endpoint: string | undefined;
  readonly storageClass: string | undefined;
}

const MAX_MESSAGE = 300;

/** @param where names the bucket in errors. @throws WEIGHTS_UNREACHABLE when it is no such document */
export function readListPage(body: Uint8Array, where: string): ListPage {
  const root = readDocument(body, ["ListBucketResult"], where);
  const encoded = textOf(root, "EncodingType") === "url";
  const objects = root.children
    .filter(({ name }) => name === "Contents")
    .map((element) => {
      const key = textOf(element, "Key");
      const size = wholeNumber(textOf(element, "Size"));
      if (key === undefined || size === undefined) throw notOurs(where, "a list without keys or sizes");
      return {
        key: encoded ? decodeKey(key, where) : key,
        size,
        etag: textOf(element, "ETag"),
        modified: textOf(element, "LastModified") ?? "",
      };
    });
  if (textOf(root, "IsTruncated") !== "true") return { objects, next: undefined };
  const next = textOf(root, "NextContinuationToken");
  if (!next) throw notOurs(where, "a list that goes on and does not say where");
  return { objects, next };
}

/** @throws WEIGHTS_UNREACHABLE when it is no such document */
export function readPartsPage(body: Uint8Array, where: string): PartsPage {
  // The second is its name in the reference, the first on the wire.
  const root = readDocument(body, ["GetObjectAttributesResponse", "GetObjectAttributesOutput"], where);
  const parts = root.children.find(({ name }) => name === "ObjectParts");
  return {
    etag: textOf(root, "ETag")?.replaceAll('"', ""),
    total: wholeNumber(parts && textOf(parts, "PartsCount")) ?? 0,
    next:
      parts && textOf(parts, "IsTruncated") === "true" ? textOf(parts, "NextPartNumberMarker") : undefined,
    parts: (parts?.children ?? []).filter(({ name }) => name === "Part").map(readPart),
  };
}

/** What an answer says went wrong; empty when it says nothing, as any answer to HEAD. */
export function readError(body: Uint8Array): S3Error {
  let root: XmlElement | undefined;
  try {
    root = body.length === 0 ? undefined : readXml(body);
  } catch (error) {
    if (!(error instanceof XmlError)) throw error;
  }
  const of = (name: string) => (root?.name === "Error" ? textOf(root, name) : undefined);
  return {
    code: of("Code") ?? "",
    message: (of("Message") ?? "").slice(0, MAX_MESSAGE),
    region: of("Region"),
    endpoint: of("Endpoint"),
    storageClass: of("StorageClass"),
  };
}

function readPart(element: XmlElement): Part {
  const checksums: Record<string, string> = {};
  for (const { name, text } of element.children) {
    if (name.startsWith("Checksum")) checksums[name.slice("Checksum".length).toLowerCase()] = text;
  }
  return {
    number: wholeNumber(textOf(element, "PartNumber")) ?? 0,
    size: wholeNumber(textOf(element, "Size")) ?? 0,
    checksums,
  };
}

function readDocument(body: Uint8Array, names: readonly string[], where: string): XmlElement {
  let root: XmlElement;
  try {
    root = readXml(body);
  } catch (error) {
    if (!(error instanceof XmlError)) throw error;
    throw notOurs(where, `what should be its ${names[0]}, but ${error.message}`);
  }
  if (!names.includes(root.name)) throw notOurs(where, `<${root.name}> instead of <${names[0]}>`);
  return root;
}

/** S3 writes a space as "+", other servers as "%20"; a plus is "%2B" in both. */
function decodeKey(text: string, where: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw notOurs(where, "a key that is not URL-encoded UTF-8");
  }
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

const notOurs = (where: string, what: string): ColdframeError =>
  new ColdframeError("WEIGHTS_UNREACHABLE", `${where} answered with ${what}.`, {
    fix: "Check that the endpoint speaks S3, and that no proxy answers in its place.",
  });
