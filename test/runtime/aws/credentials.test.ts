// The environment without the SDK; profiles and assumed roles with the real SDK, against a scripted STS.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { findCredentials, readKeys, regionOf } from "../../../adapter/runtime/aws/credentials.ts";
import { setSdkFile } from "../../../adapter/runtime/aws/sdk.ts";

const KEYS = { AWS_ACCESS_KEY_ID: "AKIAENV", AWS_SECRET_ACCESS_KEY: "secret", AWS_SESSION_TOKEN: "token" };
const ROLE = "arn:aws:iam::123456789012:role/reader";

let folder = "";
const before = { ...process.env };

// The SDK reads the process's environment; nothing of the machine's own may be found.
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "credentials-"));
  for (const name of Object.keys(process.env)) if (name.startsWith("AWS_")) delete process.env[name];
  process.env["AWS_CONFIG_FILE"] = join(folder, "config");
  process.env["AWS_SHARED_CREDENTIALS_FILE"] = join(folder, "credentials");
  process.env["AWS_EC2_METADATA_DISABLED"] = "true";
});

afterEach(() => {
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
  Object.assign(process.env, before);
  setSdkFile(join(folder, "absent.cjs"));
  rmSync(folder, { recursive: true });
});

/** A file in place of the SDK: `body` is what a provider chain answers each time it is asked. */
function scriptSdk(body: string): void {
  const file = join(folder, `sdk-${Math.random()}.cjs`);
  writeFileSync(
    file,
    `let asked = 0;\nexports.fromNodeProviderChain = () => async () => { asked++; ${body} };`,
  );
  setSdkFile(file);
}

test("the environment's keys are there at once, and the SDK is not loaded for them", async () => {
  scriptSdk("throw new Error('loaded')");
  const source = findCredentials(KEYS);
  const keys = { accessKeyId: "AKIAENV", secretAccessKey: "secret", sessionToken: "token" };
  assert.deepEqual(source.peek(), keys);
  assert.deepEqual(await source.get(), keys);
});

test("half a pair of keys is none", async () => {
  scriptSdk("return { accessKeyId: 'AKIACHAIN', secretAccessKey: 's' }");
  const source = findCredentials({ AWS_ACCESS_KEY_ID: "AKIAENV" });
  assert.equal(source.peek(), undefined);
  assert.equal((await source.get())?.accessKeyId, "AKIACHAIN");
});

test("keys that AWS refuses are read again once; the same ones again are a clear error", async () => {
  const environment: Record<string, string> = { ...KEYS };
  const source = findCredentials(environment);
  source.reject();
  assert.equal(source.peek(), undefined);
  environment["AWS_SESSION_TOKEN"] = "newer";
  assert.equal((await source.get())?.sessionToken, "newer");
  source.reject();
  const refused = { code: "WEIGHTS_FORBIDDEN", message: /AWS_SESSION_TOKEN hold no others/ };
  await assert.rejects(source.get(), refused);
  await assert.rejects(source.get(), refused);
  assert.equal(source.peek(), undefined);
});

test("what expires within minutes is replaced, once for all who wait", async () => {
  scriptSdk(
    `return { accessKeyId: "A" + asked, secretAccessKey: "s", expiration: new Date(Date.now() + (asked === 1 ? 60e3 : 3600e3)) }`,
  );
  const source = findCredentials({});
  assert.equal((await source.get())?.accessKeyId, "A1");
  assert.equal(source.peek(), undefined);
  const all = await Promise.all([source.get(), source.get(), source.get()]);
  assert.deepEqual(
    all.map((credentials) => credentials?.accessKeyId),
    ["A2", "A2", "A2"],
  );
  assert.equal(source.peek()?.accessKeyId, "A2");
});

test("while there is nothing newer, what has minutes left is used", async () => {
  scriptSdk(
    `if (asked > 1) throw new Error("no answer"); return { accessKeyId: "A1", secretAccessKey: "s", expiration: new Date(Date.now() + 60e3) }`,
  );
  const source = findCredentials({});
  await source.get();
  assert.equal((await source.get())?.accessKeyId, "A1");
});

test("nobody has credentials: none, with the reason, and nobody is asked twice", async () => {
  scriptSdk(
    `if (asked > 1) throw new Error("asked twice"); throw Object.assign(new Error("not anywhere"), { name: "CredentialsProviderError" })`,
  );
  const source = findCredentials({});
  assert.equal(await source.get(), undefined);
  assert.equal(await source.get(), undefined);
  assert.equal(source.absence, "not anywhere");
});

test("credentials that could not be read are an error, not an absence", async () => {
  scriptSdk(`throw Object.assign(new Error("STS is throttling"), { name: "Throttling" })`);
  await assert.rejects(findCredentials({}).get(), {
    code: "WEIGHTS_FORBIDDEN",
    message: /STS is throttling/,
  });
  const code = "SECRET_UNREADABLE";
  await assert.rejects(findCredentials({}, { code }).get(), { code });
});

test("a secret's keys, in Coldframe's and in Truss's names; read again when AWS refuses them", async () => {
  let text = '{"access_key_id": "AKIA1", "secret_access_key": "s", "region": "eu-west-1"}';
  const secret = { name: "aws", read: async () => text };
  const source = findCredentials(KEYS, { secret });
  assert.equal(source.peek(), undefined);
  assert.deepEqual(await source.get(), { accessKeyId: "AKIA1", secretAccessKey: "s" });
  assert.equal(readKeys(text, "aws").region, "eu-west-1");
  text = '{"aws_access_key_id": "AKIA2", "aws_secret_access_key": "s", "aws_session_token": "t"}';
  source.reject();
  assert.deepEqual(await source.get(), { accessKeyId: "AKIA2", secretAccessKey: "s", sessionToken: "t" });
  source.reject();
  await assert.rejects(source.get(), { message: /the secret "aws" holds no others/ });
});

test("a secret that holds no keys says so without showing itself", () => {
  for (const text of [undefined, "", "hunter2", '"hunter2"', '{"access_key_id": "hunter2"}']) {
    assert.throws(
      () => readKeys(text, "aws"),
      (error: Error) =>
        /the secret "aws"/.test(error.message) && !JSON.stringify(error).includes("hunter2") && !error.cause,
    );
  }
});

test("the real SDK reads a profile", async () => {
  writeFileSync(
    join(folder, "credentials"),
    "[lab]\naws_access_key_id = AKIALAB\naws_secret_access_key = s\n",
  );
  process.env["AWS_PROFILE"] = "lab";
  assert.deepEqual(await findCredentials(process.env).get(), {
    accessKeyId: "AKIALAB",
    secretAccessKey: "s",
  });
});

test("the real SDK assumes a role with the keys found, and with web identity", async () => {
  const sts = await startSts();
  try {
    process.env["AWS_ENDPOINT_URL_STS"] = sts.url;
    Object.assign(process.env, KEYS);
    const source = findCredentials(process.env, { roleArn: ROLE, region: "eu-west-1" });
    assert.equal(source.peek(), undefined);
    const assumed = await source.get();
    assert.equal(assumed?.accessKeyId, "ASIAROLE");
    assert.equal(source.peek(), assumed);
    const [asked] = sts.requests;
    assert.equal(asked?.form.get("Action"), "AssumeRole");
    assert.equal(asked?.form.get("RoleArn"), ROLE);
    assert.match(asked?.authorization ?? "", /Credential=AKIAENV\/\d+\/eu-west-1\/sts/);

    process.env["AWS_WEB_IDENTITY_TOKEN_FILE"] = join(folder, "token");
    writeFileSync(join(folder, "token"), "jwt");
    await findCredentials(process.env, { roleArn: ROLE }).get();
    assert.equal(sts.requests[1]?.form.get("Action"), "AssumeRoleWithWebIdentity");
    assert.equal(sts.requests[1]?.form.get("WebIdentityToken"), "jwt");
  } finally {
    await sts.close();
  }
});

test("a role that may not be assumed is refused by name", async () => {
  const sts = await startSts("AccessDenied");
  try {
    Object.assign(process.env, KEYS, { AWS_ENDPOINT_URL_STS: sts.url });
    await assert.rejects(findCredentials(process.env, { roleArn: ROLE }).get(), {
      code: "WEIGHTS_FORBIDDEN",
      message: /role\/reader: not authorized/,
    });
  } finally {
    await sts.close();
  }
});

test("the region of the environment", () => {
  assert.equal(regionOf({ AWS_REGION: "eu-west-1", AWS_DEFAULT_REGION: "us-east-1" }), "eu-west-1");
  assert.equal(regionOf({ AWS_REGION: "", AWS_DEFAULT_REGION: "us-east-1" }), "us-east-1");
  assert.equal(regionOf({}), undefined);
});

async function startSts(refusal?: string) {
  const requests: { form: URLSearchParams; authorization: string | undefined }[] = [];
  const server = createServer(async (request, response) => {
    const form = new URLSearchParams(await textOf(request));
    requests.push({ form, authorization: request.headers.authorization });
    response.setHeader("content-type", "text/xml");
    if (refusal) {
      response.statusCode = 403;
      response.end(
        `<ErrorResponse><Error><Type>Sender</Type><Code>${refusal}</Code><Message>not authorized</Message></Error></ErrorResponse>`,
      );
      return;
    }
    const action = form.get("Action");
    const expiration = new Date(Date.now() + 3_600_000).toISOString();
    response.end(
      `<${action}Response><${action}Result><Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>${expiration}</Expiration></Credentials></${action}Result></${action}Response>`,
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text;
}
