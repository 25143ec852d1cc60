// AWS Signature Version 4 in request headers, as S3 and as all other services of AWS read it. Only host, content-type
// and x-amz-* are signed: Range, If-Match and what else a client adds may change without a new signature.
// Source: docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html.

import { createHmac, createSecretKey, hash, type KeyObject } from "node:crypto";

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** Milliseconds since 1970; absent: not known, or never. */
  readonly expiresAt?: number;
}

export interface UnsignedRequest {
  readonly method: string;
  /** Percent-encoded: `encodePath` and `encodeQuery` write it so that what is signed is what is sent. A "+" is a plus. */
  readonly url: URL;
  /** Without `host`, which is the URL's. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  readonly region: string;
  /** As in the name of its endpoint: `s3`, `secretsmanager`, `sts`. */
  readonly service: string;
  readonly credentials: Credentials;
  /** Milliseconds since 1970, by the clock of AWS. */
  readonly now: number;
  /** Only of S3: the body is not part of the signature. */
  readonly unsignedPayload?: boolean;
}

const ALGORITHM = "AWS4-HMAC-SHA256";

/** SHA-256 of nothing, the body of every GET. */
const EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** What every request may hold as it is; everything else is percent-encoded. */
const RESERVED = /%[0-9A-Fa-f]{2}|[^A-Za-z0-9\-._~]/g;

/** The headers to send: those given, lower case, and the signature's own. */
export function signRequest(request: UnsignedRequest): Record<string, string> {
  const { method, url, body, region, service, credentials, now } = request;
  // S3's names are as they were encoded; all other services encode and tidy the path once more.
  const plainPath = service === "s3" || service === "s3-object-lambda" || service === "s3express";
  const timestamp = new Date(now).toISOString().replace(/[-:]|\.\d{3}/g, "");
  const date = timestamp.slice(0, 8);

  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers ?? {})) headers[name.toLowerCase()] = value;
  headers["x-amz-date"] = timestamp;
  if (credentials.sessionToken) headers["x-amz-security-token"] = credentials.sessionToken;
  const bodyHash = request.unsignedPayload ? "UNSIGNED-PAYLOAD" : body ? sha256(body) : EMPTY_SHA256;
  if (plainPath) headers["x-amz-content-sha256"] = bodyHash;

  const signed: Record<string, string> = { host: url.host };
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith("x-amz-") || name === "content-type")
      signed[name] = value.trim().replace(/ {2,}/g, " ");
  }
  const names = Object.keys(signed).sort();
  const canonicalRequest = [
    method,
    plainPath ? canonical(url.pathname, "/") : tidyPath(url.pathname),
    canonicalQuery(url.search),
    ...names.map((name) => `${name}:${signed[name]}`),
    "",
    names.join(";"),
    bodyHash,
  ].join("\n");

  const scope = `${date}/${region}/${service}/aws4_request`;
  const stringToSign = [ALGORITHM, timestamp, scope, sha256(canonicalRequest)].join("\n");
  const key = signingKey(credentials.secretAccessKey, date, region, service);
  headers["authorization"] =
    `${ALGORITHM} Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${names.join(";")}, ` +
    `Signature=${hmac(key, stringToSign).digest("hex")}`;
  return headers;
}

/** A name with "/" as the path of a URL, encoded as a signature has it: `a b/ü` is `a%20b/%C3%BC`. */
export function encodePath(name: string): string {
  return name.split("/").map(encode).join("/");
}

/** A query without "?", encoded as a signature has it. What is undefined is left out. */
export function encodeQuery(parameters: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(parameters)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${encode(name)}=${encode(value as string)}`)
    .join("&");
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, percent);
}

const percent = (character: string): string =>
  `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;

/** Encoded text in the one form a server gets when it decodes and encodes it again. */
function canonical(encoded: string, kept = ""): string {
  return encoded.replace(RESERVED, (found) => {
    if (found === kept) return found;
    if (found.length === 1) return percent(found);
    const character = String.fromCharCode(Number.parseInt(found.slice(1), 16));
    return /[A-Za-z0-9\-._~]/.test(character) ? character : found.toUpperCase();
  });
}

function canonicalQuery(search: string): string {
  return search
    .replace(/^\?/, "")
    .split("&")
    .filter((pair) => pair !== "")
    .map((pair) => {
      const [, name, value] = /^([^=]*)=?(.*)$/s.exec(pair) as unknown as [string, string, string];
      return [canonical(name), canonical(value)] as const;
    })
    .sort(([a, x], [b, y]) => (a === b ? order(x, y) : order(a, b)))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Without empty segments, and encoded twice. Dot segments are gone already: a URL has none. */
function tidyPath(path: string): string {
  return encodePath(path.replace(/\/{2,}/g, "/"));
}

let lastKey: { readonly of: string; readonly key: KeyObject } | undefined;

/**
 * The same for all requests of a day, and most of the work of one: the last one is kept. As a KeyObject, because Node
 * makes one of everything else at each use, which takes it five times as long as the HMAC.
 */
function signingKey(secret: string, ...scope: readonly string[]): KeyObject {
  const of = [secret, ...scope].join("\n");
  if (lastKey?.of !== of) {
    const bytes = [...scope, "aws4_request"].reduce<string | Buffer>(
      (before, part) => hmac(before, part).digest(),
      `AWS4${secret}`,
    );
    lastKey = { of, key: createSecretKey(bytes as Buffer) };
  }
  return lastKey.key;
}

const sha256 = (data: Uint8Array | string): string => hash("sha256", data);

const hmac = (key: string | Buffer | KeyObject, data: string) => createHmac("sha256", key).update(data);
