// If-Match and the like.
// Source: docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html.

import type { S3Request } from "./request.ts";
import { S3Error } from "./s3-error.ts";
import type { StoredObject } from "./stored-object.ts";

/**
 * Of a GET or HEAD.
 * @throws PreconditionFailed, NotModified
 */
export async function checkReadConditions({ headers }: S3Request, object: StoredObject): Promise<void> {
  const etag = await object.etag();
  const modified = object.lastModified.getTime();
  const { "if-match": match, "if-none-match": noneMatch } = headers;
  const unmodifiedSince = Date.parse(headers["if-unmodified-since"] ?? "");
  const modifiedSince = Date.parse(headers["if-modified-since"] ?? "");
  // The entity tag decides; the date counts only where there is no tag.
  if (match !== undefined) {
    if (!matches(match, etag)) throw failed("If-Match");
  } else if (modified > unmodifiedSince) throw failed("If-Unmodified-Since");
  const unchanged = noneMatch === undefined ? modified <= modifiedSince : matches(noneMatch, etag);
  if (!unchanged) return;
  const about = { etag: `"${etag}"`, "last-modified": object.lastModified.toUTCString() };
  throw new S3Error("NotModified", { headers: about });
}

/**
 * Of a PUT or of the completion of an upload.
 * @param current what is there now; undefined when nothing is
 * @throws PreconditionFailed, NoSuchKey, NotImplemented for what only a GET may ask
 */
export async function checkWriteConditions(
  { headers, key }: S3Request,
  current: StoredObject | undefined,
): Promise<void> {
  const { "if-match": match, "if-none-match": noneMatch } = headers;
  if (match !== undefined && noneMatch !== undefined)
    throw notImplemented(
      "If-Match,If-None-Match",
      "Multiple conditional request headers present in the request",
    );
  if (noneMatch !== undefined) {
    if (noneMatch !== "*") throw notImplemented("If-None-Match");
    if (current !== undefined) throw failed("If-None-Match");
  }
  if (match !== undefined) {
    if (match === "*") throw notImplemented("If-Match");
    if (current === undefined) throw new S3Error("NoSuchKey", { elements: { Key: key } });
    if (!matches(match, await current.etag())) throw failed("If-Match");
  }
}

/** Quotes may be missing, as S3 has it. */
function matches(given: string, etag: string): boolean {
  return given
    .split(",")
    .map((one) => one.trim().replace(/^"|"$/g, ""))
    .some((one) => one === "*" || one === etag);
}

function failed(condition: string): S3Error {
  return new S3Error("PreconditionFailed", { elements: { Condition: condition } });
}

function notImplemented(
  header: string,
  additionalMessage = `We don't accept the provided value of ${header} header for this API`,
): S3Error {
  return new S3Error("NotImplemented", { elements: { Header: header, additionalMessage } });
}
