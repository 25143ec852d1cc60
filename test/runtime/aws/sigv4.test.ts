// Against three sources of truth: AWS's published test suite, the examples of S3's reference, and the signer of AWS's SDK
// for names nobody publishes examples of.

import assert from "node:assert/strict";
import { test } from "node:test";
import { encodePath, encodeQuery, signRequest } from "../../../adapter/runtime/aws/sigv4.ts";
import { SUITE, SUITE_CASES, SUITE_ORIGIN, SUITE_SESSION, sdkSigner, signatureOf } from "./_signatures.ts";

const S3 = {
  credentials: {
    accessKeyId: "AKIAIOSFODNN7EXAMPLE",
    secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  },
  region: "us-east-1",
  service: "s3",
  now: Date.parse("2013-05-24T00:00:00Z"),
};

test("AWS's signing test suite", () => {
  for (const [name, method, path, signature] of SUITE_CASES) {
    const headers = signRequest({ ...SUITE, method, url: new URL(SUITE_ORIGIN + path) });
    assert.equal(signatureOf(headers), signature, name);
  }
});

test("AWS's signing test suite, with a session token", () => {
  const { token, authorization } = SUITE_SESSION;
  const credentials = { ...SUITE.credentials, sessionToken: token };
  assert.deepEqual(signRequest({ ...SUITE, method: "GET", url: new URL(SUITE_ORIGIN), credentials }), {
    "x-amz-date": "20150830T123600Z",
    "x-amz-security-token": token,
    authorization,
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
    const signer = sdkSigner({
      service,
      region: "eu-central-1",
      credentials: { ...S3.credentials, sessionToken: "to/ken+==" },
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
  const signer = sdkSigner({
    service: "secretsmanager",
    region: "us-east-1",
    credentials: S3.credentials,
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
