// AWS Signature Version 4 in request headers, as S3 and as all other services of AWS read it, with Node's hashes. Only
// host, content-type and x-amz-* are signed: Range, If-Match and what else a client adds may change without a new
// signature. What is signed is canonical-request.ts.

import { createHmac, createSecretKey, hash, type KeyObject } from "node:crypto";
import { canonicalRequest, EMPTY_SHA256, type RequestToSign } from "./canonical-request.ts";

export { encodePath, encodeQuery } from "./canonical-request.ts";

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** Milliseconds since 1970; absent: not known, or never. */
  readonly expiresAt?: number;
}

export interface UnsignedRequest extends RequestToSign {
  readonly body?: Uint8Array | string;
  readonly credentials: Credentials;
  /** Only of S3: the body is not part of the signature. */
  readonly unsignedPayload?: boolean;
}

/** The headers to send: those given, lower case, and the signature's own. */
export function signRequest(request: UnsignedRequest): Record<string, string> {
  const { body } = request;
  const bodyHash = request.unsignedPayload ? "UNSIGNED-PAYLOAD" : body ? sha256(body) : EMPTY_SHA256;
  const { headers, text, scope, toStringToSign, toAuthorization } = canonicalRequest(request, bodyHash);
  const key = signingKey(request.credentials.secretAccessKey, scope);
  headers["authorization"] = toAuthorization(hmac(key, toStringToSign(sha256(text))).digest("hex"));
  return headers;
}

let lastKey: { readonly of: string; readonly key: KeyObject } | undefined;

/**
 * The same for all requests of a day, and most of the work of one: the last one is kept. As a KeyObject, because Node
 * makes one of everything else at each use, which takes it five times as long as the HMAC.
 */
function signingKey(secret: string, scope: readonly string[]): KeyObject {
  const of = [secret, ...scope].join("\n");
  if (lastKey?.of !== of) {
    const bytes = scope.reduce<string | Buffer>(
      (before, part) => hmac(before, part).digest(),
      `AWS4${secret}`,
    );
    lastKey = { of, key: createSecretKey(bytes as Buffer) };
  }
  return lastKey.key;
}

const sha256 = (data: Uint8Array | string): string => hash("sha256", data);

const hmac = (key: string | Buffer | KeyObject, data: string) => createHmac("sha256", key).update(data);
