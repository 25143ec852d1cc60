// What S3's refusals mean, in sentences: which permission on which resource, what a 403 may hide, what to do. Whether a
// request is worth another try is sources/s3-judge.ts.
// Source: docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html.

import type { Operations } from "../../aws/sdk.ts";
import { ColdframeError } from "../../errors.ts";
import { arnOf, type S3Place } from "./s3-address.ts";
import type { S3Error } from "./s3-documents.ts";

/** The request an answer is to. */
export interface S3Ask {
  readonly operation: keyof Operations;
  /** Absent: the bucket as a whole. */
  readonly key?: string;
  readonly versionId?: string | undefined;
}

/** What is known about who asked, and where. */
export interface S3Asker {
  readonly place: S3Place;
  readonly region: string;
  readonly anonymous: string | undefined;
}

/** `s3://bucket/key`, with the version. */
export function nameObject(
  { bucket }: S3Place,
  { key, versionId }: Pick<S3Ask, "key" | "versionId">,
): string {
  const version = versionId === undefined ? "" : ` (version ${versionId})`;
  return `s3://${bucket}${key === undefined ? "" : `/${key}`}${version}`;
}

export function forbidden(asker: S3Asker, ask: S3Ask, { code, message }: S3Error): ColdframeError {
  const { place, region, anonymous } = asker;
  const name = nameObject(place, ask);
  const said = code === "" ? "" : `: ${code}${message === "" ? "" : `, ${message}`}`;
  const sentence = `S3 refuses access to ${name}${said.replace(/\.$/, "")}.`;
  const make = (fix: string) => new ColdframeError("WEIGHTS_FORBIDDEN", sentence, { fix });
  if (anonymous !== undefined)
    return make(`It was asked without credentials, because there are none: ${anonymous}.`.replace("..", "."));
  if (/^(InvalidAccessKeyId|SignatureDoesNotMatch|InvalidToken)$/.test(code))
    return make("Check the access key and its secret: they do not belong together, or not to this endpoint.");
  if (/^KMS\.|\bkms:|\bKMS\b/i.test(`${code} ${message}`))
    return make(
      "Allow kms:Decrypt on the key that encrypts the object, in the role's policy and in the key's.",
    );
  const permission = permissionOf(ask, place);
  const arn = arnOf(place, region, ask.operation === "ListObjectsV2" ? undefined : ask.key);
  // S3 does not tell strangers which keys there are.
  const hidden =
    ask.operation === "ListObjectsV2"
      ? ""
      : ` The object may also be missing: without s3:ListBucket on ${arnOf(place, region)} S3 answers the same.`;
  const encrypted =
    ask.operation === "ListObjectsV2" ? "" : " (and kms:Decrypt, if its encryption uses a key of yours)";
  return make(`Allow ${permission} on ${arn}${encrypted}.${hidden}`);
}

export function notFound({ place }: S3Asker, ask: S3Ask, { code }: S3Error): ColdframeError {
  if (code === "NoSuchBucket") {
    return new ColdframeError("WEIGHTS_NOT_FOUND", `there is no bucket ${place.bucket}.`, {
      fix: "Check the spelling of source, and the endpoint if it has one.",
    });
  }
  const what = nameObject(place, ask);
  const fix =
    code === "NoSuchVersion" || ask.versionId !== undefined
      ? "The version may have been deleted: run `coldframe build --refresh-weights`, or name another version_id."
      : "Check the spelling of source; keys are case-sensitive, and a folder ends in `/`.";
  return new ColdframeError("WEIGHTS_NOT_FOUND", `there is no ${what}.`, { fix });
}

/** In Glacier or another archive. */
export function archived({ place }: S3Asker, ask: S3Ask, { storageClass }: S3Error): ColdframeError {
  const where = storageClass ? ` (${storageClass})` : "";
  return new ColdframeError(
    "WEIGHTS_FORBIDDEN",
    `${nameObject(place, ask)} is archived${where} and cannot be read at once.`,
    { fix: "Restore it with `aws s3api restore-object`, or copy it to the class STANDARD." },
  );
}

export function customerEncrypted({ place }: S3Asker, ask: S3Ask): ColdframeError {
  return new ColdframeError(
    "WEIGHTS_FORBIDDEN",
    `${nameObject(place, ask)} is encrypted with a key that every request must bring (SSE-C).`,
    { fix: "That is not supported: copy it with encryption by S3 (SSE-S3) or by KMS." },
  );
}

/** Anything else S3 says. */
export function refused(
  { place }: S3Asker,
  ask: S3Ask,
  status: number,
  { code, message }: S3Error,
): ColdframeError {
  const said = [code, message].filter((part) => part !== "").join(": ");
  const sentence = `S3 answered ${status} for ${nameObject(place, ask)}${said ? `, ${said}` : ""}`;
  return new ColdframeError("WEIGHTS_UNREACHABLE", `${sentence.replace(/\.$/, "")}.`);
}

/** What the SDK throws instead of signing: an ARN it cannot follow, a session it did not get. */
export function sdkError(error: unknown, place: S3Place): ColdframeError {
  if (error instanceof ColdframeError) return error;
  const {
    name = "",
    message = String(error),
    $metadata,
  } = error as Error & {
    $metadata?: { httpStatusCode?: number };
  };
  if (/SigV4a|Crt|CRT/.test(message) || place.kind === "multi-region access point") {
    return new ColdframeError(
      "WEIGHTS_INVALID",
      `${place.bucket} is a multi-region access point: its requests are signed with SigV4A, which is not supported.`,
      { fix: "Name one of the buckets behind it, or an access point of one region.", cause: error },
    );
  }
  const status = $metadata?.httpStatusCode;
  const session = `S3 gives no session for the directory bucket ${place.bucket}: ${name}, ${message}`;
  if (status === 403) {
    const fix = "Allow s3express:CreateSession on the bucket's ARN.";
    return new ColdframeError("WEIGHTS_FORBIDDEN", session, { fix, cause: error });
  }
  if (status === 404) return new ColdframeError("WEIGHTS_NOT_FOUND", session, { cause: error });
  if (status !== undefined || /ECONN|ENOTFOUND|EAI_AGAIN|Timeout/.test(`${name} ${message}`))
    return new ColdframeError("WEIGHTS_UNREACHABLE", session, { cause: error });
  return new ColdframeError("WEIGHTS_INVALID", `AWS's SDK cannot address ${place.bucket}: ${message}`, {
    fix: "Check the name or the ARN, and the region.",
    cause: error,
  });
}

function permissionOf({ operation, versionId }: S3Ask, { kind }: S3Place): string {
  if (kind === "directory bucket") return "s3express:CreateSession";
  const prefix = kind === "object lambda" ? "s3-object-lambda" : "s3";
  if (operation === "ListObjectsV2") return `${prefix}:ListBucket`;
  return `${prefix}:${versionId === undefined ? "GetObject" : "GetObjectVersion"}`;
}
