// Against three sources of truth: AWS's published test suite (awslabs/aws-c-auth, tests/aws-signing-test-suite), the
// examples of S3's reference, and the signer of AWS's SDK for names nobody publishes examples of.

import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { test } from "node:test";
import { SignatureV4 } from "@smithy/signature-v4";
import { encodePath, encodeQuery, signRequest } from "../../../adapter/runtime/aws/sigv4.ts";

const SUITE = {
  credentials: {
    accessKeyId: "AKIDEXAMPLE",
    secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
  },
  region: "us-east-1",
  service: "service",
  now: Date.parse("2015-08-30T12:36:00Z"),
};

const S3 = {
  credentials: {
    accessKeyId: "AKIAIOSFODNN7EXAMPLE",
    secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  },
  region: "us-east-1",
  service: "s3",
  now: Date.parse("2013-05-24T00:00:00Z"),
};

const UNRESERVED = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

const signatureOf = (headers: Record<string, string>) =>
  /Signature=([0-9a-f]{64})$/.exec(headers["authorization"] ?? "")?.[1];

test("AWS's signing test suite", () => {
  const cases: [name: string, method: string, path: string, signature: string][] = [
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
  for (const [name, method, path, signature] of cases) {
    const headers = signRequest({ ...SUITE, method, url: new URL(`https://example.amazonaws.com${path}`) });
    assert.equal(signatureOf(headers), signature, name);
  }
});

test("AWS's signing test suite, with a session token", () => {
  const sessionToken = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
  const url = new URL("https://example.amazonaws.com/");
  const credentials = { ...SUITE.credentials, sessionToken };
  assert.deepEqual(signRequest({ ...SUITE, method: "GET", url, credentials }), {
    "x-amz-date": "20150830T123600Z",
    "x-amz-security-token": sessionToken,
    authorization:
      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date;x-amz-security-token, Signature=07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
  });
});

test("the examples of S3's reference", () => {
  const sign = (query: string) =>
    signatureOf(
      signRequest({ ...S3, method: "GET", url: new URL(`https://examplebucket.s3.amazonaws.com/?${query}`) }),
    );
  assert.equal(sign("lifecycle"), "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  assert.equal(
    sign("max-keys=2&prefix=J"),
    "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
  );
});

const STRANGE = [
  "a b",
  "a+b",
  "a%20b",
  "100%",
  "it's (not) *that* !bad",
  "ü/é/ß",
  "日本語/モデル.bin",
  "🦜/🪴.safetensors",
  "a//b///c",
  "/leading",
  "trailing/",
  "a=b&c=d?e#f",
  "back\\slash",
  'quote"<>|`^{}',
  "tab\tnewline\nnul\0",
  "~tilde._-",
  "@:,;$",
  "..almost/dots...",
];

test("the SDK signs strange names as we do, for S3 and for other services", async () => {
  for (const service of ["s3", "secretsmanager"]) {
    const signer = new SignatureV4({
      service,
      region: "eu-central-1",
      credentials: { ...S3.credentials, sessionToken: "to/ken+==" },
      sha256: Sha256,
      uriEscapePath: service !== "s3",
      applyChecksum: service === "s3",
    });
    for (const name of STRANGE) {
      const url = new URL(`https://bucket.example:8443/${encodePath(name)}`);
      const query = { versionId: name, "list-type": "2", empty: "" };
      url.search = encodeQuery({ ...query, absent: undefined });
      const headers = { "x-amz-request-payer": "requester", "x-amz-meta-spaces": "  a   b  " };
      const ours = signRequest({
        ...S3,
        service,
        method: "GET",
        url,
        region: "eu-central-1",
        headers: { ...headers, Range: "bytes=0-1" },
        credentials: { ...S3.credentials, sessionToken: "to/ken+==" },
      });
      const theirs = await signer.sign(
        {
          method: "GET",
          protocol: "https:",
          hostname: "bucket.example",
          path: url.pathname,
          query,
          headers: { host: "bucket.example:8443", ...headers },
        },
        { signingDate: new Date(S3.now) },
      );
      assert.equal(ours["authorization"], theirs.headers["authorization"], `${service}: ${name}`);
      assert.equal(ours["range"], "bytes=0-1");
    }
  }
});

test("the SDK signs a body and its content type as we do", async () => {
  const body = JSON.stringify({ SecretId: "arn:ü" });
  const headers = {
    "content-type": "application/x-amz-json-1.1",
    "x-amz-target": "secretsmanager.GetSecretValue",
  };
  const signer = new SignatureV4({
    service: "secretsmanager",
    region: "us-east-1",
    credentials: S3.credentials,
    sha256: Sha256,
    applyChecksum: false,
  });
  const theirs = await signer.sign(
    {
      method: "POST",
      protocol: "https:",
      hostname: "h.example",
      path: "/",
      headers: { host: "h.example", ...headers },
      body,
    },
    { signingDate: new Date(S3.now) },
  );
  const url = new URL("https://h.example/");
  const ours = signRequest({ ...S3, service: "secretsmanager", method: "POST", url, headers, body });
  assert.equal(ours["authorization"], theirs.headers["authorization"]);
});

test("what a URL leaves unencoded is signed as what a server makes of it", () => {
  const sign = (url: string) => signatureOf(signRequest({ ...S3, method: "GET", url: new URL(url) }));
  assert.equal(sign("https://h.example/a!'()*%c3%bc%41"), sign("https://h.example/a%21%27%28%29%2A%C3%BCA"));
  assert.equal(sign("https://h.example/?b=2&a=1&a=0"), sign("https://h.example/?a=0&a=1&b=2"));
});

test("a payload may be left out of the signature", () => {
  const url = new URL("https://h.example/");
  const one = signRequest({ ...S3, method: "PUT", url, body: "one", unsignedPayload: true });
  const two = signRequest({ ...S3, method: "PUT", url, body: "two", unsignedPayload: true });
  assert.deepEqual(one, two);
  assert.equal(one["x-amz-content-sha256"], "UNSIGNED-PAYLOAD");
});

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
