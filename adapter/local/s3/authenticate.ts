// Decides who sent a request: the rules of S3 around a signature, in its order: what is signed, the credentials, the
// clock, the region, the signature itself.
// Source: docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html.

import { timingSafeEqual } from "node:crypto";
import type { LocalCredentials } from "./principal.ts";
import type { S3Request } from "./request.ts";
import { S3Error } from "./s3-error.ts";
import { readSignature, type Signature, sign, signingKey, timeOf, whatIsSigned } from "./signature.ts";

const SKEW_LIMIT_MS = 15 * 60 * 1000;

export interface Authority {
  readonly credentials: readonly LocalCredentials[];
  /** Of the endpoint. */
  readonly region: string;
  /** Milliseconds since 1970, by the server's clock. */
  readonly now: number;
  /** Of the bucket that is asked for, when there is one. */
  readonly bucketRegion: string | undefined;
}

export interface Identity {
  readonly principal: LocalCredentials;
  readonly signature: Signature;
  readonly signingKey: Buffer;
}

/** Undefined for an anonymous request. @throws S3Error for one that S3 would not let in */
export function authenticate(request: S3Request, authority: Authority): Identity | undefined {
  const signature = readSignature(request);
  const { region, bucketRegion } = authority;
  if (signature === undefined) {
    if (bucketRegion !== undefined && bucketRegion !== region) throw redirect(request, bucketRegion);
    return undefined;
  }
  checkSignedHeaders(request, signature);
  checkRegion(request, signature, authority);
  const principal = findPrincipal(signature, authority);
  checkTime(signature, authority.now);
  const key = signingKey(principal.secretAccessKey, signature);
  const signed = whatIsSigned(request, signature);
  if (!isEqual(sign(key, signed.stringToSign), signature.value)) {
    throw new S3Error("SignatureDoesNotMatch", {
      elements: {
        AWSAccessKeyId: signature.accessKeyId,
        StringToSign: signed.stringToSign,
        SignatureProvided: signature.value,
        StringToSignBytes: hexBytes(signed.stringToSign),
        CanonicalRequest: signed.canonicalRequest,
        CanonicalRequestBytes: hexBytes(signed.canonicalRequest),
      },
    });
  }
  return { principal, signature, signingKey: key };
}

function checkSignedHeaders(request: S3Request, { signedHeaders }: Signature): void {
  const needed = ["host", ...Object.keys(request.headers).filter((name) => name.startsWith("x-amz-"))];
  const missing = needed.filter((name) => !signedHeaders.includes(name));
  if (missing.length === 0) return;
  throw new S3Error("AccessDenied", {
    message: "There were headers present in the request which were not signed",
    elements: { HeadersNotSigned: missing.join(", ") },
  });
}

// One address stands for the endpoints of all regions: a request signed for the bucket's region is at the right one.
function checkRegion(request: S3Request, signature: Signature, authority: Authority): void {
  const { region, bucketRegion = region } = authority;
  if (signature.region === bucketRegion) return;
  if (signature.region === region) throw redirect(request, bucketRegion);
  const wrong = `the region '${signature.region}' is wrong; expecting '${bucketRegion}'`;
  const options = {
    elements: { Region: bucketRegion },
    headers: authority.bucketRegion === undefined ? {} : { "x-amz-bucket-region": bucketRegion },
  };
  if (signature.from === "header") {
    const message = `The authorization header is malformed; ${wrong}`;
    throw new S3Error("AuthorizationHeaderMalformed", { ...options, message });
  }
  const message = `Error parsing the X-Amz-Credential parameter; ${wrong}`;
  throw new S3Error("AuthorizationQueryParametersError", { ...options, message });
}

function redirect({ bucket }: S3Request, bucketRegion: string): S3Error {
  return new S3Error("PermanentRedirect", {
    elements: { Endpoint: `${bucket}.s3.${bucketRegion}.amazonaws.com`, Bucket: bucket },
    headers: { "x-amz-bucket-region": bucketRegion },
  });
}

function findPrincipal({ accessKeyId, token }: Signature, { credentials, now }: Authority): LocalCredentials {
  const principal = credentials.find((one) => one.accessKeyId === accessKeyId);
  // A temporary key without its token is one that S3 has never heard of.
  if (principal === undefined || (principal.sessionToken !== undefined && token === undefined))
    throw new S3Error("InvalidAccessKeyId", { elements: { AWSAccessKeyId: accessKeyId } });
  if (token !== principal.sessionToken) throw new S3Error("InvalidToken", { elements: { "Token-0": token } });
  if (principal.expiration !== undefined && now >= principal.expiration.getTime())
    throw new S3Error("ExpiredToken", { elements: { "Token-0": token } });
  return principal;
}

function checkTime(signature: Signature, now: number): void {
  const time = timeOf(signature.time);
  const elements = { ServerTime: seconds(now) };
  if (signature.expires === undefined) {
    if (Math.abs(now - time) <= SKEW_LIMIT_MS) return;
    throw new S3Error("RequestTimeTooSkewed", {
      elements: {
        RequestTime: signature.time,
        ...elements,
        MaxAllowedSkewMilliseconds: SKEW_LIMIT_MS,
      },
    });
  }
  const end = time + signature.expires * 1000;
  if (time - now > SKEW_LIMIT_MS) {
    throw new S3Error("AccessDenied", {
      message: "Request is not yet valid",
      elements: { "X-Amz-Expires": signature.expires, Expires: seconds(end), ...elements },
    });
  }
  if (now > end) {
    throw new S3Error("AccessDenied", {
      message: "Request has expired",
      elements: { "X-Amz-Expires": signature.expires, Expires: seconds(end), ...elements },
    });
  }
}

const seconds = (time: number) => new Date(time).toISOString().replace(/\.\d+/, "");

function isEqual(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function hexBytes(text: string): string {
  return Buffer.from(text, "latin1").toString("hex").match(/../g)?.join(" ") ?? "";
}
