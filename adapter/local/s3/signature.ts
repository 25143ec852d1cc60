// Signature Version 4, from the side that checks it: what a request says of its signature, and what the signature of
// such a request is. Own code, from the specification, so that no mistake of a client's library is repeated here.
// Source: docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html and sigv4-query-string-auth.html.

import { createHash, createHmac } from "node:crypto";
import type { S3Request } from "./request.ts";
import { invalidArgument, invalidRequest, S3Error } from "./s3-error.ts";

const ALGORITHM = "AWS4-HMAC-SHA256";
/** A week, in seconds. */
const EXPIRES_LIMIT = 604_800;

/** What a request says. */
export interface Signature {
  readonly from: "header" | "query";
  readonly accessKeyId: string;
  /** YYYYMMDD */
  readonly date: string;
  readonly region: string;
  readonly service: string;
  readonly signedHeaders: readonly string[];
  readonly value: string;
  /** YYYYMMDDTHHMMSSZ */
  readonly time: string;
  /** Seconds after `time`; only of a presigned URL. */
  readonly expires: number | undefined;
  /** As x-amz-content-sha256 has it. */
  readonly payload: string;
  readonly token: string | undefined;
}

/** Undefined for an anonymous request. @throws the 400s of a signature that cannot be read */
export function readSignature(request: S3Request): Signature | undefined {
  const authorization = request.headers["authorization"];
  const inQuery = request.query.has("X-Amz-Algorithm") || request.query.has("X-Amz-Signature");
  if (authorization !== undefined && inQuery) {
    throw invalidArgument(
      "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified",
      "Authorization",
      authorization.split(" ")[0],
    );
  }
  if (inQuery) return fromQuery(request);
  return authorization === undefined ? undefined : fromHeader(request, authorization);
}

function fromHeader(request: S3Request, authorization: string): Signature {
  const [algorithm, ...rest] = authorization.split(" ");
  if (algorithm !== ALGORITHM) {
    throw invalidRequest(
      `The authorization mechanism you have provided is not supported. Please use ${ALGORITHM}.`,
    );
  }
  const fields = new Map(
    rest
      .join(" ")
      .split(",")
      .map((field) => {
        const [name = "", ...value] = field.trim().split("=");
        return [name, value.join("=")] as const;
      }),
  );
  for (const name of ["Credential", "SignedHeaders", "Signature"]) {
    if (!fields.get(name))
      throw malformed(
        `the authorization header requires three components: Credential, SignedHeaders, and Signature`,
      );
  }
  const payload = request.headers["x-amz-content-sha256"];
  if (payload === undefined)
    throw invalidRequest("Missing required header for this request: x-amz-content-sha256");
  const scope = readCredential(fields.get("Credential") as string, malformed);
  const time = headerTime(request);
  if (time.slice(0, 8) !== scope.date) {
    throw malformed(
      `Invalid credential date "${scope.date}". This date is not the same as X-Amz-Date: "${time.slice(0, 8)}".`,
    );
  }
  return {
    from: "header",
    ...scope,
    signedHeaders: (fields.get("SignedHeaders") as string).split(";"),
    value: fields.get("Signature") as string,
    time,
    expires: undefined,
    payload,
    token: request.headers["x-amz-security-token"],
  };
}

function fromQuery({ query, headers }: S3Request): Signature {
  const names = ["Algorithm", "Credential", "Signature", "Date", "SignedHeaders", "Expires"];
  const [algorithm, credential, value, time, signedHeaders, expires] = names.map((name) =>
    query.get(`X-Amz-${name}`),
  );
  if (!algorithm || !credential || !value || !time || !signedHeaders || expires === undefined) {
    throw queryError(
      "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
    );
  }
  if (algorithm !== ALGORITHM) throw queryError(`X-Amz-Algorithm only supports "${ALGORITHM}"`);
  if (!isTime(time)) throw queryError(`X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`);
  const seconds = Number(expires);
  if (!/^-?\d+$/.test(expires)) throw queryError("X-Amz-Expires should be a number");
  if (seconds < 0) throw queryError("X-Amz-Expires must be non-negative");
  if (seconds > EXPIRES_LIMIT) {
    throw queryError(
      `X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than ${EXPIRES_LIMIT} seconds`,
    );
  }
  const scope = readCredential(credential, (message) =>
    queryError(`Error parsing the X-Amz-Credential parameter; ${message}`),
  );
  if (time.slice(0, 8) !== scope.date)
    throw queryError(
      `Invalid credential date "${scope.date}". This date is not the same as X-Amz-Date: "${time.slice(0, 8)}".`,
    );
  return {
    from: "query",
    ...scope,
    signedHeaders: signedHeaders.split(";"),
    value,
    time,
    expires: seconds,
    payload: headers["x-amz-content-sha256"] ?? query.get("X-Amz-Content-Sha256") ?? "UNSIGNED-PAYLOAD",
    token: query.get("X-Amz-Security-Token") ?? headers["x-amz-security-token"],
  };
}

function readCredential(
  credential: string,
  error: (message: string) => S3Error,
): Pick<Signature, "accessKeyId" | "date" | "region" | "service"> {
  const found = /^(.+)\/([^/]*)\/([^/]*)\/([^/]*)\/([^/]*)$/.exec(credential);
  const [, accessKeyId = "", date = "", region = "", service = "", last] = found ?? [];
  if (found === null || last !== "aws4_request" || !/^\d{8}$/.test(date)) {
    throw error(
      'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
    );
  }
  if (service !== "s3") throw error(`incorrect service "${service}". This endpoint belongs to "s3".`);
  if (region === "") throw error("a non-empty region must be provided in the credential.");
  return { accessKeyId, date, region, service };
}

function headerTime({ headers }: S3Request): string {
  const given = headers["x-amz-date"];
  if (given !== undefined && isTime(given)) return given;
  const date = given === undefined ? Date.parse(headers["date"] ?? "") : Number.NaN;
  if (!Number.isNaN(date)) return new Date(date).toISOString().replace(/[-:]|\.\d+/g, "");
  throw new S3Error("AccessDenied", {
    message: "AWS authentication requires a valid Date or x-amz-date header",
  });
}

/** Milliseconds since 1970 of YYYYMMDDTHHMMSSZ; NaN of anything else. */
export function timeOf(time: string): number {
  const found = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(time);
  if (found === null) return Number.NaN;
  const [, year, month, day, hours, minutes, seconds] = found;
  return Date.parse(`${year}-${month}-${day}T${hours}:${minutes}:${seconds}Z`);
}

const isTime = (time: string) => !Number.isNaN(timeOf(time));

/** What was signed, so that an error can show it. */
export interface Signed {
  readonly canonicalRequest: string;
  readonly stringToSign: string;
}

export function whatIsSigned(request: S3Request, signature: Signature): Signed {
  const canonicalRequest = [
    request.method,
    encode(request.path).replaceAll("%2F", "/"),
    canonicalQuery(request, signature),
    ...signature.signedHeaders.map((name) => `${name}:${canonicalValue(request.headers[name] ?? "")}`),
    "",
    signature.signedHeaders.join(";"),
    signature.payload,
  ].join("\n");
  const stringToSign = [ALGORITHM, signature.time, scopeOf(signature), sha256(canonicalRequest)].join("\n");
  return { canonicalRequest, stringToSign };
}

export function scopeOf({ date, region, service }: Signature): string {
  return `${date}/${region}/${service}/aws4_request`;
}

export function signingKey(secretAccessKey: string, { date, region, service }: Signature): Buffer {
  return [date, region, service, "aws4_request"].reduce<Buffer>(
    (key, part) => createHmac("sha256", key).update(part).digest(),
    Buffer.from(`AWS4${secretAccessKey}`),
  );
}

export function sign(key: Buffer, stringToSign: string): string {
  return createHmac("sha256", key).update(stringToSign).digest("hex");
}

function canonicalQuery({ parameters }: S3Request, { from }: Signature): string {
  return parameters
    .filter(([name]) => from === "header" || name !== "X-Amz-Signature")
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .toSorted(([a, x], [b, y]) => (a === b ? compare(x, y) : compare(a, b)))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const canonicalValue = (value: string) => value.trim().replace(/ +/g, " ");

/** Everything but the unreserved characters of RFC 3986. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (found) => `%${found.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

// Node reads header bytes as Latin-1; as such they become the bytes again that were sent.
function sha256(text: string): string {
  return createHash("sha256").update(text, "latin1").digest("hex");
}

function malformed(message: string): S3Error {
  return new S3Error("AuthorizationHeaderMalformed", {
    message: `The authorization header is malformed; ${message}`,
  });
}

function queryError(message: string): S3Error {
  return new S3Error("AuthorizationQueryParametersError", { message });
}
