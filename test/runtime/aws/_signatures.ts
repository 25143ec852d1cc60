// Truths about Signature Version 4 that are not ours: AWS's published test suite (awslabs/aws-c-auth,
// tests/aws-signing-test-suite) and the signer of AWS's SDK.

import { createHash, createHmac } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";

export const SUITE = {
  credentials: {
    accessKeyId: "AKIDEXAMPLE",
    secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
  },
  region: "us-east-1",
  service: "service",
  now: Date.parse("2015-08-30T12:36:00Z"),
};

export const SUITE_ORIGIN = "https://example.amazonaws.com";

const UNRESERVED = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** Those without headers or a body. */
export const SUITE_CASES: readonly (readonly [
  name: string,
  method: string,
  path: string,
  signature: string,
])[] = [
  ["get-vanilla", "GET", "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"],
  ["post-vanilla", "POST", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"],
  [
    "get-vanilla-query-order-encoded",
    "GET",
    "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
    "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
  ],
  [
    "get-unreserved",
    "GET",
    `/${UNRESERVED}`,
    "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
  ],
  [
    "get-vanilla-query-unreserved",
    "GET",
    `/?${UNRESERVED}=${UNRESERVED}`,
    "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
  ],
  [
    "get-vanilla-utf8-query",
    "GET",
    "/?ሴ=bar",
    "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
  ],
  [
    "get-relative-normalized",
    "GET",
    "/example/..",
    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
  ],
  [
    "get-slash-pointless-dot-normalized",
    "GET",
    "/./example",
    "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5",
  ],
  [
    "get-slashes-normalized",
    "GET",
    "//example//",
    "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
  ],
];

/** `get-vanilla` with a session token. */
export const SUITE_SESSION = {
  token: "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267",
  authorization:
    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date;x-amz-security-token, Signature=07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
};

export const signatureOf = (headers: Readonly<Record<string, string>>): string | undefined =>
  /Signature=([0-9a-f]{64})$/.exec(headers["authorization"] ?? "")?.[1];

type SignerOptions = ConstructorParameters<typeof SignatureV4>[0];

/** AWS's own signer. */
export const sdkSigner = (options: Omit<SignerOptions, "sha256">): SignatureV4 =>
  new SignatureV4({ ...options, sha256: Sha256 } as SignerOptions);

/** What the SDK asks of a hash. */
class Sha256 {
  readonly #hash;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash("sha256") : createHmac("sha256", secret as Uint8Array);
  }
  update(data: Uint8Array): void {
    this.#hash.update(data);
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
  reset(): void {}
}
