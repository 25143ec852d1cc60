// What went wrong between this machine and the bucket, in sentences: which permission on which resource, which region,
// which credentials. Source: docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html,
// /AmazonS3/latest/userguide/mpuoverview.html (permissions of multipart uploads).

import { ColdframeError } from "../../runtime/errors.ts";
import { arnOf, type S3Place } from "../../runtime/weights/sources/s3-address.ts";

/** The bucket, and how it is reached. */
export interface PushPlace {
  readonly place: S3Place;
  readonly region: string;
  /** Instead of AWS's. */
  readonly endpoint: string | undefined;
}

/** What the SDK throws, as far as it says more than "failed". */
interface SdkError extends Error {
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
}

const NETWORK =
  /^(ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|EPIPE|TimeoutError|CERT_|ERR_TLS|DEPTH_|SELF_SIGNED|UNABLE_TO)/;

const BAD_KEYS =
  /^(InvalidAccessKeyId|SignatureDoesNotMatch|InvalidToken|ExpiredToken|ExpiredTokenException|TokenRefreshRequired)$/;

/**
 * Anything thrown while an object was written.
 * @param permission the action that was asked for, such as `s3:PutObject`
 */
export function pushError(
  thrown: unknown,
  at: PushPlace,
  key: string,
  permission = "s3:PutObject",
): ColdframeError {
  if (thrown instanceof ColdframeError) return thrown;
  const error = thrown as SdkError;
  const object = `s3://${at.place.bucket}/${key}`;
  const status = error.$metadata?.httpStatusCode;
  const said = `${error.name}, ${error.message}`.replace(", UnknownError", "").replace(/\.?$/, "");
  const make = (
    code: "WEIGHTS_FORBIDDEN" | "WEIGHTS_NOT_FOUND" | "WEIGHTS_UNREACHABLE",
    what: string,
    fix: string,
  ) => new ColdframeError(code, what, { fix, cause: error });

  if (
    error.name === "CredentialsProviderError" ||
    (/credential/i.test(error.message) && status === undefined)
  )
    return make(
      "WEIGHTS_FORBIDDEN",
      `there are no AWS credentials to write ${object} with: ${error.message.replace(/\.?$/, "")}.`,
      "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run `aws sso login`.",
    );
  if (/region is missing/i.test(error.message))
    return make(
      "WEIGHTS_NOT_FOUND",
      `the region of ${at.place.bucket} is not known.`,
      "Give --region, or set AWS_REGION.",
    );
  if (error.name === "NoSuchBucket" || (status === 404 && error.name === "NotFound"))
    return make(
      "WEIGHTS_NOT_FOUND",
      `there is no bucket ${at.place.bucket}${at.endpoint === undefined ? "" : ` at ${at.endpoint}`}.`,
      `Check the spelling, or make it: aws s3 mb s3://${at.place.bucket}${at.region === "" ? "" : ` --region ${at.region}`}`,
    );
  if (BAD_KEYS.test(error.name))
    return make(
      "WEIGHTS_FORBIDDEN",
      `S3 does not accept the credentials for ${object}: ${said}.`,
      "Check them, or log in again.",
    );
  const region = error.$response?.headers?.["x-amz-bucket-region"];
  if (status === 301 || error.name === "AuthorizationHeaderMalformed")
    return make(
      "WEIGHTS_NOT_FOUND",
      `${at.place.bucket} is in ${region ?? "another region"}, and ${at.region || "none"} was asked.`,
      `Give --region${region === undefined ? "" : ` ${region}`}.`,
    );
  if (status === 403 || error.name === "AccessDenied") return forbidden(error, at, key, permission, said);
  if (NETWORK.test(error.code ?? error.name) || (status ?? 500) >= 500 || status === 429)
    return make(
      "WEIGHTS_UNREACHABLE",
      `${object} could not be written: ${error.code ?? said} (${at.endpoint ?? `S3 in ${at.region}`}).`,
      "Push again: what is there already is not uploaded twice.",
    );
  return make(
    "WEIGHTS_UNREACHABLE",
    `S3 refuses to write ${object}: ${said}.`,
    "Correct what it says, and push again.",
  );
}

function forbidden(
  error: SdkError,
  { place, region }: PushPlace,
  key: string,
  permission: string,
  said: string,
): ColdframeError {
  const arn = arnOf(place, region, key);
  // S3 names what it lacks in its message where the caller is of the bucket's own account.
  const missing = /not authorized to perform: ([\w:]+)/.exec(error.message)?.[1];
  const resource = /on (?:the )?resource:? "?(arn:[^\s"]+)/.exec(error.message)?.[1];
  const encryption = /\bkms\b/i.test(error.message);
  const fix = encryption
    ? `Allow ${missing ?? "kms:GenerateDataKey"} and kms:Decrypt on ${resource?.includes(":kms:") ? resource : "the bucket's key"}, in your policy and in the key's.`
    : `Allow ${missing ?? permission} on ${resource ?? arn}, and kms:GenerateDataKey and kms:Decrypt on its key if the bucket is encrypted with one of yours.`;
  return new ColdframeError(
    "WEIGHTS_FORBIDDEN",
    `S3 refuses to write s3://${place.bucket}/${key}: ${said}.`,
    {
      fix,
      cause: error,
    },
  );
}
