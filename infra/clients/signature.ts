// Signature Version 4 with Web Crypto, which every runtime has and which only answers later. What is signed, and how it is
// written, is the adapter's own canonical-request.ts.

import {
  canonicalRequest,
  EMPTY_SHA256,
  type RequestToSign,
} from "../../adapter/runtime/aws/canonical-request.ts";
import { ColdframeClientError } from "./client-error.ts";
import type { AwsCredentials } from "./credentials.ts";

export interface SignatureRequest extends RequestToSign {
  readonly credentials: AwsCredentials;
  /** SHA-256 of the body, in hex. */
  readonly bodyHash: string;
}

type Bytes = Uint8Array<ArrayBuffer>;

/** Gives the headers to send: those given, lower case, and the signature's own. */
export function createSigner(): (request: SignatureRequest) => Promise<Record<string, string>> {
  // The key is the same for all requests of a day.
  let last: { readonly of: string; readonly key: Promise<CryptoKey> } | undefined;

  function signingKey(secret: string, scope: readonly string[]): Promise<CryptoKey> {
    const of = [secret, ...scope].join("\n");
    if (last?.of !== of) last = { of, key: deriveKey(secret, scope) };
    return last.key;
  }

  return async (request) => {
    const { headers, text, scope, toStringToSign, toAuthorization } = canonicalRequest(
      request,
      request.bodyHash,
    );
    const key = await signingKey(request.credentials.secretAccessKey, scope);
    const signature = await hmac(key, toStringToSign(await sha256(bytesOf(text))));
    headers["authorization"] = toAuthorization(hex(signature));
    return headers;
  };
}

/** In hex. @throws OPTION_INVALID on a page that is not secure, where browsers have no Web Crypto */
export async function sha256(data: Uint8Array | undefined): Promise<string> {
  if (data === undefined || data.length === 0) return EMPTY_SHA256;
  return hex(new Uint8Array(await subtle().digest("SHA-256", data as Bytes)));
}

async function deriveKey(secret: string, scope: readonly string[]): Promise<CryptoKey> {
  let bytes = bytesOf(`AWS4${secret}`);
  for (const part of scope) bytes = await hmac(await importKey(bytes), part);
  return importKey(bytes);
}

function importKey(bytes: Bytes): Promise<CryptoKey> {
  return subtle().importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
}

async function hmac(key: CryptoKey, message: string): Promise<Bytes> {
  return new Uint8Array(await subtle().sign("HMAC", key, bytesOf(message)));
}

function subtle(): SubtleCrypto {
  const { crypto } = globalThis as { crypto?: { subtle?: SubtleCrypto } };
  if (crypto?.subtle !== undefined) return crypto.subtle;
  throw new ColdframeClientError(
    "OPTION_INVALID",
    "there is no Web Crypto here, which hashes bodies: browsers have it on https pages and on localhost only.",
  );
}

const bytesOf = (text: string): Bytes => new TextEncoder().encode(text) as Bytes;

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
