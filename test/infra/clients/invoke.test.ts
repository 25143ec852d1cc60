// `coldframe invoke --url` to a function URL: with credentials it is signed, without them AWS's 403 says how to. The URL is
// reached through a proxy, which is the stand-in, so that its host is a real one's.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { destinationOf } from "../../../adapter/cli/invoke-destination.ts";
import { findSigning } from "../../../adapter/cli/invoke-signing.ts";
import { coldframe } from "../../cli/_command.ts";
import { type SignedUrlOptions, startSignedUrl } from "./_function-url.ts";

const REGION = "eu-west-1";
const URL_OF_FUNCTION = `http://abcdefghij0123456789.lambda-url.${REGION}.on.aws`;
const KEYS = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  sessionToken: "to/ken+==",
};
const OWN = {
  AWS_ACCESS_KEY_ID: KEYS.accessKeyId,
  AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
  AWS_SESSION_TOKEN: KEYS.sessionToken,
};

async function begin(t: TestContext, aws: Partial<SignedUrlOptions> = {}) {
  const standIn = await startSignedUrl(t, { ...KEYS, region: REGION, ...aws }, ({ path, body }, response) => {
    response.setHeader("content-type", "text/plain");
    response.end(`${path} ${body}`);
  });
  const home = mkdtempSync(join(tmpdir(), "coldframe-client-"));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const names = Object.keys(process.env).filter((name) => /^AWS_|proxy$/i.test(name));
  const environment = {
    ...Object.fromEntries(names.map((name) => [name, undefined])),
    HOME: home,
    AWS_EC2_METADATA_DISABLED: "true",
    NODE_USE_ENV_PROXY: "1",
    HTTP_PROXY: standIn.url,
  };
  const ask = (env: Record<string, string>, ...args: string[]) =>
    coldframe(["invoke", "-d", '{"a":"ü"}', "--url", URL_OF_FUNCTION, ...args], undefined, {
      ...environment,
      ...env,
    });
  return { ...standIn, home, ask };
}

test("the environment's credentials sign; the answer is printed as ever", async (t) => {
  const { ask } = await begin(t);
  const answered = await ask(OWN, "--path", "/v1/models/a:predict?q=a+b");
  assert.deepEqual(answered, { status: 0, stdout: '/v1/models/a:predict?q=a%20b {"a":"ü"}', stderr: "" });
});

test("without credentials it is sent unsigned, and a 403 says how to sign", async (t) => {
  const { ask, received } = await begin(t);
  const { status, stderr } = await ask({});
  assert.equal(status, 1);
  assert.match(
    stderr,
    /^URL_FORBIDDEN: AWS refused the request \(AccessDeniedException: Forbidden.*\n.*there are no AWS credentials here \(.*\)\. Name a --profile, set AWS_PROFILE or AWS_ACCESS_KEY_ID, or sign in with `aws sso login`\./,
  );
  assert.equal(received[0]?.headers["authorization"], undefined);
});

test("--profile and AWS_PROFILE say who signs; --profile comes before the environment's keys", async (t) => {
  const { ask, home } = await begin(t);
  const file = join(home, "credentials");
  const lines = Object.entries(OWN).map(([name, value]) => `${name.toLowerCase()} = ${value}`);
  writeFileSync(file, `[team]\n${lines.join("\n")}\n`);
  const others = { AWS_ACCESS_KEY_ID: "ANOTHER", AWS_SECRET_ACCESS_KEY: "another" };
  const env = { AWS_SHARED_CREDENTIALS_FILE: file, AWS_CONFIG_FILE: join(home, "none") };
  const [variable, option, missing] = await Promise.all([
    ask({ ...env, AWS_PROFILE: "team" }),
    ask({ ...env, ...others }, "--profile", "team"),
    ask({ ...env, ...OWN }, "--profile", "nobody"),
  ]);
  assert.deepEqual(variable, { status: 0, stdout: '/predict {"a":"ü"}', stderr: "" });
  assert.deepEqual(option, variable);
  assert.match(
    missing.stderr,
    /^CREDENTIALS_FAILED: cannot get AWS credentials: .*nobody.*\n.*aws sso login/,
  );
});

test("a 403 to a signed request names what is wrong with it, in --json too", async (t) => {
  const { ask } = await begin(t, { now: () => Date.now() - 3_600_000 });
  const { status, stdout, stderr } = await ask(OWN, "--json");
  assert.equal(status, 1);
  assert.match(stderr, /^URL_FORBIDDEN: .*too far apart, about 60 minutes\.\nSet this machine's clock/);
  assert.partialDeepStrictEqual(JSON.parse(stdout), { status: 403, error: { code: "URL_FORBIDDEN" } });
});

test("an authorization header of the caller's own is sent as it is, and is what a 403 is about", async (t) => {
  const { ask, received } = await begin(t);
  const { stderr } = await ask(OWN, "-H", "authorization: Bearer key");
  assert.equal(received[0]?.headers["authorization"], "Bearer key");
  assert.match(
    stderr,
    /\nA URL with AuthType AWS_IAM .* without an authorization header of its own, this one would be/,
  );
});

test("--profile is refused where nobody signs", async () => {
  const refused = (message: RegExp) => ({ code: "OPTION_INVALID", message });
  await assert.rejects(
    findSigning(new URL("https://d1.cloudfront.net"), "team", {}),
    refused(/d1\.cloudfront\.net is not the URL of a function/),
  );
  await assert.rejects(
    findSigning(new URL(URL_OF_FUNCTION), "team", { authorization: "x" }),
    refused(/the request has an authorization header/),
  );
  const request = { method: "POST", headers: {}, body: undefined };
  await assert.rejects(
    async () => destinationOf(".", { profile: "team", header: [] }, request),
    refused(/--profile says who signs a request to a --url, and there is none/),
  );
});
