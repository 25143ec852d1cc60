// ListObjectsV2.
// Source: docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html.

import { createHmac } from "node:crypto";
import type { Answer, Call, Store } from "./call.ts";
import { invalidArgument } from "./s3-error.ts";
import type { StoredObject } from "./stored-object.ts";
import { xmlDocument, type XmlFields } from "./xml.ts";

/** Bytes of a token that prove where it comes from. */
const PROOF_BYTES = 12;

export async function listObjects(call: Call): Promise<Answer> {
  const { request, store, bucket } = call;
  const { query } = request;
  call.allow("s3:ListBucket");
  const encode = readEncoding(query.get("encoding-type"), query.has("encoding-type"));
  const prefix = query.get("prefix") ?? "";
  const delimiter = query.get("delimiter") || undefined;
  const startAfter = query.get("start-after");
  const token = query.get("continuation-token");
  const maxKeys = Math.min(
    readCount(query.get("max-keys"), "max-keys", store.limits.maxKeys),
    store.limits.maxKeys,
  );
  const after = token === undefined ? (startAfter ?? "") : readToken(token, store);

  const page = takePage(await bucket.list(prefix, after), {
    maxKeys,
    prefix,
    delimiter,
    done: token === undefined ? undefined : after,
  });
  const fetchOwner = query.get("fetch-owner") === "true";
  const contents = await Promise.all(page.objects.map((object) => describe(object, encode, fetchOwner)));
  return {
    status: 200,
    headers: { "x-amz-bucket-region": bucket.region },
    xml: xmlDocument("ListBucketResult", {
      Name: bucket.name,
      Prefix: encode(prefix),
      StartAfter: startAfter === undefined ? undefined : encode(startAfter),
      ContinuationToken: token,
      NextContinuationToken: page.last === undefined ? undefined : makeToken(page.last, store),
      KeyCount: page.objects.length + page.prefixes.length,
      MaxKeys: maxKeys,
      Delimiter: delimiter === undefined ? undefined : encode(delimiter),
      EncodingType: query.has("encoding-type") ? "url" : undefined,
      IsTruncated: page.last !== undefined,
      Contents: contents,
      CommonPrefixes: page.prefixes.map((common) => ({ Prefix: encode(common) })),
    }),
  };
}

interface Page {
  readonly objects: StoredObject[];
  readonly prefixes: string[];
  /** Where the next page begins: a key, or a common prefix that is done. Undefined at the end. */
  readonly last: string | undefined;
}

interface PageOptions {
  readonly maxKeys: number;
  readonly prefix: string;
  readonly delimiter: string | undefined;
  /** Where the page before ended. */
  readonly done: string | undefined;
}

function takePage(found: readonly StoredObject[], { maxKeys, prefix, delimiter, done }: PageOptions): Page {
  const objects: StoredObject[] = [];
  const prefixes: string[] = [];
  let last: string | undefined;
  for (const object of found) {
    const at = delimiter === undefined ? -1 : object.key.indexOf(delimiter, prefix.length);
    const common = at < 0 ? undefined : object.key.slice(0, at + (delimiter as string).length);
    // All keys below a common prefix are one entry; a token that ends with it has seen them.
    if (common !== undefined && (common === prefixes.at(-1) || common === done)) continue;
    if (objects.length + prefixes.length === maxKeys) return { objects, prefixes, last };
    if (common === undefined) objects.push(object);
    else prefixes.push(common);
    last = common ?? object.key;
  }
  return { objects, prefixes, last: undefined };
}

async function describe(
  object: StoredObject,
  encode: (text: string) => string,
  withOwner: boolean,
): Promise<XmlFields> {
  return {
    Key: encode(object.key),
    LastModified: object.lastModified.toISOString(),
    ETag: `"${await object.etag()}"`,
    ChecksumAlgorithm: object.checksumKind?.algorithm,
    ChecksumType: object.checksumKind?.type,
    Size: object.content.size,
    Owner: withOwner ? { ID: OWNER } : undefined,
    StorageClass: object.storageClass,
  };
}

/** The canonical user id of whoever owns everything here. */
export const OWNER = "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a";

/** @throws InvalidArgument */
export function readEncoding(value: string | undefined, asked: boolean): (text: string) => string {
  if (!asked) return (text) => text;
  if (value !== "url")
    throw invalidArgument("Invalid Encoding Method specified in Request", "encoding-type", value);
  // As java.net.URLEncoder, with "/" left alone: a space is a plus.
  return (text) =>
    encodeURIComponent(text)
      .replace(/[!'()~]/g, (found) => `%${found.charCodeAt(0).toString(16).toUpperCase()}`)
      .replaceAll("%2F", "/")
      .replaceAll("%20", "+");
}

/** @throws InvalidArgument */
export function readCount(text: string | undefined, name: string, otherwise: number): number {
  if (text === undefined || text === "") return otherwise;
  const count = Number(text);
  if (/^\d+$/.test(text) && count <= 0x7fffffff) return count;
  throw invalidArgument(
    /^-\d+$/.test(text)
      ? `Argument ${name === "max-keys" ? "maxKeys" : name} must be an integer between 0 and 2147483647`
      : `Provided ${name} not an integer or within integer range`,
    name,
    text,
  );
}

function makeToken(last: string, { tokenKey }: Store): string {
  const key = Buffer.from(last);
  return Buffer.concat([proof(key, tokenKey), key]).toString("base64");
}

/** @throws InvalidArgument for a token that did not come from here */
function readToken(token: string, { tokenKey }: Store): string {
  const bytes = Buffer.from(token, "base64");
  const key = bytes.subarray(PROOF_BYTES);
  if (proof(key, tokenKey).equals(bytes.subarray(0, PROOF_BYTES))) return key.toString();
  throw invalidArgument("The continuation token provided is incorrect", "continuation-token", token);
}

function proof(key: Buffer, tokenKey: string): Buffer {
  return createHmac("sha256", tokenKey).update(key).digest().subarray(0, PROOF_BYTES);
}
