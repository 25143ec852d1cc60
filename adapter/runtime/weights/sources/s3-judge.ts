// What to do with an answer of S3 that is not what was asked for: again with other credentials, region or clock, later,
// or never. The sentences are in sources/s3-errors.ts.
// Source: docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html.

import { ColdframeError } from "../../errors.ts";
import type { HttpAnswer, Verdict } from "../_contracts.ts";
import { isRegion, type S3Place } from "./s3-address.ts";
import { readError, type S3Error } from "./s3-documents.ts";
import {
  archived,
  customerEncrypted,
  forbidden,
  nameObject,
  notFound,
  refused,
  type S3Ask,
  type S3Asker,
} from "./s3-errors.ts";
import type { S3Signer } from "./s3-signer.ts";

/** S3 accepts 15 minutes; a clock this far off explains a refusal that has no words. */
const SKEW_MS = 10 * 60_000;

const EXPIRED = /^(ExpiredToken(Exception)?|TokenRefreshRequired|RequestExpired)$/;
const BUSY =
  /^(SlowDown|ServiceUnavailable|TooManyRequests(Exception)?|Throttling(Exception)?|RequestLimitExceeded)$/;
const PASSING = /^(InternalError|RequestTimeout|OperationAborted|ConditionalRequestConflict)$/;
const FORBIDDEN =
  /^(AccessDenied|AllAccessDisabled|AccountProblem|NotSignedUp|InvalidAccessKeyId|InvalidToken|InvalidSecurity|SignatureDoesNotMatch|UnauthorizedAccess|KMS\..*)$/;

/**
 * The verdict over one answer. Corrects the signer where the answer says how.
 * @throws nothing
 */
export function judgeS3(answer: HttpAnswer, ask: S3Ask, place: S3Place, signer: S3Signer): Verdict {
  const { status } = answer;
  const error = readError(answer.body);
  const { code } = error;
  const asker: S3Asker = { place, region: signer.region, anonymous: signer.anonymous };
  const plain = () => refused(asker, ask, status, error);

  if (status === 412 || status === 416) return { action: "changed", error: changed(asker, ask, status) };

  const there = regionTold(answer, error, signer.region);
  if (there !== undefined) {
    return signer.moveTo(there)
      ? { action: "again", error: plain() }
      : { action: "fail", error: wrongRegion(asker, there) };
  }
  if (EXPIRED.test(code)) {
    signer.renewCredentials();
    return { action: "again", error: forbidden(asker, ask, error) };
  }
  const serverTime = timeTold(answer, code, signer.now());
  if (serverTime !== undefined && signer.anonymous === undefined) {
    signer.setClock(serverTime);
    return { action: "again", error: plain() };
  }
  if (status === 503 || status === 429 || BUSY.test(code)) {
    return { action: "retry", slow: true, error: plain() };
  }
  if ((status >= 500 && status !== 501) || status === 408 || PASSING.test(code))
    return { action: "retry", error: plain() };
  return { action: "fail", error: failure(asker, ask, answer, error) };
}

function failure(
  asker: S3Asker,
  ask: S3Ask,
  { status, headers }: HttpAnswer,
  error: S3Error,
): ColdframeError {
  const { code, message } = error;
  if (code === "InvalidObjectState") return archived(asker, ask, error);
  const customerKey = headers["x-amz-server-side-encryption-customer-algorithm"] !== undefined;
  if (customerKey || /Server Side Encryption|SSE-C/i.test(message)) return customerEncrypted(asker, ask);
  // 405: the newest version is a mark that says deleted.
  if (status === 404 || (status === 405 && headers["x-amz-delete-marker"] === "true"))
    return notFound(asker, ask, error);
  if (status === 403 || status === 401 || FORBIDDEN.test(code)) return forbidden(asker, ask, error);
  return refused(asker, ask, status, error);
}

function changed({ place }: S3Asker, ask: S3Ask, status: number): ColdframeError {
  const found = status === 412 ? "has another ETag" : "is shorter";
  return new ColdframeError(
    "WEIGHTS_CHANGED",
    `${nameObject(place, ask)} ${found} than when it was listed.`,
    {
      fix: "It was overwritten: run `coldframe build --refresh-weights` to pin the new one.",
    },
  );
}

function wrongRegion({ place, region }: S3Asker, there: string): ColdframeError {
  return new ColdframeError(
    "WEIGHTS_INVALID",
    `${place.bucket} is in ${there}, and was asked in ${region}.`,
    {
      fix: `Write \`region: ${there}\` in its weights entry of config.yaml.`,
    },
  );
}

/** The region S3 says the bucket is in, when that is why it refuses. */
function regionTold({ status, headers }: HttpAnswer, error: S3Error, region: string): string | undefined {
  const redirected = status >= 301 && status <= 308 && status !== 304;
  if (!redirected && status !== 400 && status !== 403) return undefined;
  const told =
    headers["x-amz-bucket-region"] ?? error.region ?? regionIn(error.endpoint ?? headers["location"]);
  // It becomes a part of the host's name.
  if (told === undefined || !isRegion(told)) return undefined;
  // In the right region this header comes with every refusal. A redirect that names it is one that was on its way.
  return told !== region || redirected ? told : undefined;
}

/** Of a new bucket: `bucket.s3.eu-west-1.amazonaws.com`, `https://bucket.s3-eu-west-1.amazonaws.com/key`. */
function regionIn(address: string | undefined): string | undefined {
  return /\.s3[.-](?:dualstack\.)?([a-z]{2,}(?:-[a-z0-9]+)+)\.amazonaws\.com/.exec(address ?? "")?.[1];
}

/** The server's time, when our clock is why it refuses; a refusal without a body does not say why. */
function timeTold({ status, headers, body }: HttpAnswer, code: string, now: number): number | undefined {
  const time = Date.parse(headers["date"] ?? "");
  if (Number.isNaN(time)) return undefined;
  if (code === "RequestTimeTooSkewed") return time;
  const mute = body.length === 0 && (status === 403 || status === 400);
  return mute && Math.abs(time - now) > SKEW_MS ? time : undefined;
}
