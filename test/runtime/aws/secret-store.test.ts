import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { inspect } from "node:util";
import {
  createSecretStore,
  endpointOf,
  type StoredSecret,
} from "../../../adapter/runtime/aws/secret-store.ts";
import type { ColdframeError } from "../../../adapter/runtime/errors.ts";

const VALUE = "hunter2";
const KEYS = {
  AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
  AWS_SECRET_ACCESS_KEY: "wJalr/SECRETKEY",
  AWS_SESSION_TOKEN: "TOKEN==",
};

const secretOf = (id: string, more: Partial<StoredSecret> = {}): StoredSecret => ({
  service: "secretsmanager",
  id,
  subject: 'the secret "hf"',
  ...more,
});
const parameterOf = (id: string): StoredSecret => secretOf(id, { service: "ssm" });

interface Heard {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

type Respond = (heard: Heard, response: ServerResponse, count: number) => void;

/** A server that hears and answers. */
async function serve(respond: Respond) {
  const heard: Heard[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const { method = "", url = "", headers } = request;
    heard.push({ method, url, headers, body });
    respond(heard.at(-1) as Heard, response, heard.length);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { heard, port, url: `http://127.0.0.1:${port}` };
}

const answer =
  (status: number, body: object | string, headers: Record<string, string> = {}): Respond =>
  (_heard, response) => {
    response.writeHead(status, headers).end(typeof body === "string" ? body : JSON.stringify(body));
  };

const refused = (code: string, message = "", status = 400): Respond =>
  answer(status, { __type: `com.amazonaws.x#${code}`, Message: message });

/** A folder of Lambda's extensions, with these in it. */
function extensions(...names: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "extensions-"));
  after(() => rmSync(folder, { recursive: true }));
  for (const name of names) writeFileSync(join(folder, name), "");
  return folder;
}

const NO_EXTENSION = "/nonexistent";

const storeAt = (url: string, more: Record<string, string> = {}, folder = NO_EXTENSION) =>
  createSecretStore({ ...KEYS, AWS_REGION: "eu-west-1", AWS_ENDPOINT_URL: url, ...more }, folder);

async function refusal(promise: Promise<unknown>): Promise<ColdframeError> {
  const error = await promise.then(
    () => assert.fail("nothing was refused"),
    (thrown) => thrown as ColdframeError,
  );
  assert.equal(error.code, "SECRET_UNREADABLE");
  assert.match(error.message, /the secret "hf"/);
  const printed = inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error) + error.sentence;
  assert.doesNotMatch(printed, /hunter2|SECRETKEY|TOKEN==|AKIDEXAMPLE/);
  return error;
}

/** As AWS computes it, from what arrived. Source: docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html. */
function expectedSignature({ method, url, headers, body }: Heard, secretKey: string): string {
  const authorization = headers.authorization ?? "";
  const [, scope, names] = /Credential=[^/]+\/([^,]+), SignedHeaders=([^,]+),/.exec(
    authorization,
  ) as unknown as string[];
  const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
  const canonical = [
    method,
    url,
    "",
    ...(names as string).split(";").map((name) => `${name}:${headers[name]}`),
    "",
    names,
    sha256(body),
  ].join("\n");
  const text = ["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, sha256(canonical)].join("\n");
  const key = (scope as string)
    .split("/")
    .reduce<string | Buffer>(
      (secret, part) => createHmac("sha256", secret).update(part).digest(),
      `AWS4${secretKey}`,
    );
  return createHmac("sha256", key).update(text).digest("hex");
}

test("Secrets Manager is asked with a signature that it would accept", async () => {
  const { heard, url } = await serve(answer(200, { SecretString: VALUE }));
  const secret = secretOf("prod/hf", { versionStage: "AWSPREVIOUS", versionId: "v1" });
  assert.equal(await storeAt(url).read(secret), VALUE);
  const [request] = heard as [Heard];
  assert.equal(request.method, "POST");
  assert.equal(request.headers["content-type"], "application/x-amz-json-1.1");
  assert.equal(request.headers["x-amz-target"], "secretsmanager.GetSecretValue");
  assert.equal(request.headers["x-amz-security-token"], KEYS.AWS_SESSION_TOKEN);
  assert.deepEqual(JSON.parse(request.body), {
    SecretId: "prod/hf",
    VersionStage: "AWSPREVIOUS",
    VersionId: "v1",
  });
  const { authorization = "" } = request.headers;
  assert.match(authorization, /\/eu-west-1\/secretsmanager\/aws4_request/);
  assert.match(authorization, /SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target/);
  assert.ok(authorization.endsWith(`Signature=${expectedSignature(request, KEYS.AWS_SECRET_ACCESS_KEY)}`));
});

test("a parameter is asked for decrypted, by its name or its ARN, in the region of the ARN", async () => {
  const { heard, url } = await serve(answer(200, { Parameter: { Type: "SecureString", Value: VALUE } }));
  const store = storeAt("http://127.0.0.1:1", { AWS_ENDPOINT_URL_SSM: url });
  assert.equal(await store.read(parameterOf("/prod/hf:3")), VALUE);
  const arn = "arn:aws:ssm:us-east-2:123456789012:parameter/prod/hf";
  assert.equal(await store.read(parameterOf(arn)), VALUE);
  assert.deepEqual(
    heard.map(({ body }) => JSON.parse(body)),
    [
      { Name: "/prod/hf:3", WithDecryption: true },
      { Name: arn, WithDecryption: true },
    ],
  );
  assert.equal(heard[0]?.headers["x-amz-target"], "AmazonSSM.GetParameter");
  assert.match(heard[0]?.headers.authorization ?? "", /\/eu-west-1\/ssm\//);
  assert.match(heard[1]?.headers.authorization ?? "", /\/us-east-2\/ssm\//);
  for (const request of heard) {
    const signature = expectedSignature(request, KEYS.AWS_SECRET_ACCESS_KEY);
    assert.ok(request.headers.authorization?.endsWith(`Signature=${signature}`));
  }
});

for (const name of ["bootstrap", "aws-parameters-secrets-lambda-extension"]) {
  test(`the extension is asked first where there is ${name}`, async () => {
    const extension = await serve(({ url }, response) =>
      response.end(
        JSON.stringify(url.startsWith("/sec") ? { SecretString: VALUE } : { Parameter: { Value: VALUE } }),
      ),
    );
    const port = { PARAMETERS_SECRETS_EXTENSION_HTTP_PORT: String(extension.port) };
    const store = storeAt("http://127.0.0.1:1", port, extensions(name));
    const arn = "arn:aws:ssm:us-east-2:123456789012:parameter/prod/hf";
    for (const secret of [
      secretOf("prod/hf", { versionStage: "AWSPREVIOUS" }),
      parameterOf("/prod/hf"),
      parameterOf("/prod/hf:3"),
      parameterOf(`${arn}:live`),
      parameterOf(arn),
    ])
      assert.equal(await store.read(secret), VALUE);
    assert.deepEqual(
      extension.heard.map(({ method, url }) => `${method} ${decodeURIComponent(url)}`),
      [
        "GET /secretsmanager/get?secretId=prod/hf&versionStage=AWSPREVIOUS",
        "GET /systemsmanager/parameters/get?name=/prod/hf&withDecryption=true",
        "GET /systemsmanager/parameters/get?name=/prod/hf&withDecryption=true&version=3",
        `GET /systemsmanager/parameters/get?name=${arn}&withDecryption=true&label=live`,
        `GET /systemsmanager/parameters/get?name=${arn}&withDecryption=true`,
      ],
    );
    for (const { headers } of extension.heard)
      assert.equal(headers["x-aws-parameters-secrets-token"], KEYS.AWS_SESSION_TOKEN);
  });
}

test("an extension that is not ready, refuses, says too much, drops the connection or is not there is passed over", async () => {
  for (const respond of [
    answer(200, "a".repeat(2 ** 20 + 1)),
    answer(400, "not ready to serve traffic, please wait"),
    answer(500, "internal"),
    answer(400, { __type: "AccessDeniedException" }),
    (_heard: Heard, response: ServerResponse) => void response.socket?.destroy(),
  ]) {
    const extension = await serve(respond);
    const { heard, url } = await serve(answer(200, { SecretString: VALUE }));
    const port = { PARAMETERS_SECRETS_EXTENSION_HTTP_PORT: String(extension.port) };
    assert.equal(await storeAt(url, port, extensions("bootstrap")).read(secretOf("a")), VALUE);
    assert.equal(extension.heard.length, 1);
    assert.equal(heard.length, 1);
  }
  const { url } = await serve(answer(200, { SecretString: VALUE }));
  const nobody = { PARAMETERS_SECRETS_EXTENSION_HTTP_PORT: "1" };
  assert.equal(await storeAt(url, nobody, extensions("bootstrap")).read(secretOf("a")), VALUE);
});

test("another extension is not asked, and what must be fresh comes from the service", async () => {
  const extension = await serve(answer(200, { SecretString: "old" }));
  const { url } = await serve(answer(200, { SecretString: VALUE }));
  const port = { PARAMETERS_SECRETS_EXTENSION_HTTP_PORT: String(extension.port) };
  assert.equal(await storeAt(url, port, extensions("datadog-agent")).read(secretOf("a")), VALUE);
  assert.equal(await storeAt(url, port, extensions("bootstrap")).read(secretOf("a"), true), VALUE);
  const onLaptop = { ...port, AWS_SESSION_TOKEN: "" };
  assert.equal(await storeAt(url, onLaptop, extensions("bootstrap")).read(secretOf("a")), VALUE);
  assert.deepEqual(extension.heard, []);
});

test("a service that is busy, broken or drops the connection is asked three times", async () => {
  const cases = [
    refused("ThrottlingException"),
    refused("InternalServiceError", "", 500),
    answer(503, "<html>"),
    answer(429, "{}"),
    (_heard: Heard, response: ServerResponse) => void response.socket?.destroy(),
  ].map(async (bad) => {
    const good = answer(200, { SecretString: VALUE });
    const twice = await serve((...all) => (all[2] < 3 ? bad : good)(...all));
    assert.equal(await storeAt(twice.url).read(secretOf("a")), VALUE);
    assert.equal(twice.heard.length, 3);
    const always = await serve(bad);
    await refusal(storeAt(always.url).read(secretOf("a")));
    assert.equal(always.heard.length, 3);
  });
  await Promise.all(cases);
});

test("what will not change is not asked again", async () => {
  for (const code of ["AccessDeniedException", "ResourceNotFoundException", "ValidationException"]) {
    const { heard, url } = await serve(refused(code));
    const error = await refusal(storeAt(url).read(secretOf("a")));
    assert.match(error.message, new RegExp(`Secrets Manager answered 400 ${code}`));
    assert.equal(heard.length, 1);
  }
});

const USER = "User: arn:aws:sts::123456789012:assumed-role/my-role/my-fn is not authorized to perform: x";

for (const [secret, message, permission] of [
  [
    secretOf("prod/hf"),
    USER,
    "`secretsmanager:GetSecretValue` on `arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/hf-??????` to arn:aws:sts::123456789012:assumed-role/my-role/my-fn",
  ],
  [secretOf("hf"), "", "on `arn:aws:secretsmanager:eu-west-1:*:secret:hf-??????`."],
  [
    secretOf("arn:aws:secretsmanager:us-east-1:1:secret:hf-AbCdEf"),
    "",
    "on `arn:aws:secretsmanager:us-east-1:1:secret:hf-AbCdEf`.",
  ],
  [
    secretOf("arn:aws:secretsmanager:us-east-1:1:secret:hf"),
    "",
    "on `arn:aws:secretsmanager:us-east-1:1:secret:hf-??????`.",
  ],
  [
    parameterOf("/prod/hf:3"),
    USER,
    "`ssm:GetParameter` on `arn:aws:ssm:eu-west-1:123456789012:parameter/prod/hf`",
  ],
  [parameterOf("plain"), "", "on `arn:aws:ssm:eu-west-1:*:parameter/plain`."],
  [
    parameterOf("arn:aws:ssm:us-east-2:1:parameter/prod/hf:3"),
    "",
    "on `arn:aws:ssm:us-east-2:1:parameter/prod/hf`.",
  ],
  [
    secretOf("hf"),
    "Access to KMS is not allowed",
    "`kms:Decrypt` on `arn:aws:kms:eu-west-1:*:key/<the key it is encrypted with>`.",
  ],
  [
    parameterOf("/hf"),
    `${USER}: kms:Decrypt on resource: arn:aws:kms:eu-west-1:123456789012:key/11aa-22bb because`,
    "`kms:Decrypt` on `arn:aws:kms:eu-west-1:123456789012:key/11aa-22bb`",
  ],
] as const) {
  test(`denied: ${secret.id}, ${message.slice(0, 24)}: the least that would do`, async () => {
    const { url } = await serve(refused("AccessDeniedException", message));
    const error = await refusal(storeAt(url).read(secret));
    assert.match(error.message, /answered 400 AccessDeniedException/);
    assert.ok(error.fix?.includes(permission), error.fix);
  });
}

test("other partitions have other ARNs", async () => {
  const { url } = await serve(refused("AccessDeniedException"));
  const fix = async (region: string) =>
    (await refusal(storeAt(url, { AWS_REGION: region }).read(secretOf("a")))).fix;
  assert.match((await fix("cn-north-1")) ?? "", /arn:aws-cn:secretsmanager:cn-north-1/);
  assert.match((await fix("us-gov-west-1")) ?? "", /arn:aws-us-gov:/);
  assert.match((await fix("us-isob-east-1")) ?? "", /arn:aws-iso-b:/);
});

test("a key that may not be used, as either service says it", async () => {
  for (const code of ["DecryptionFailure", "InvalidKeyId"]) {
    const { url } = await serve(refused(code));
    assert.match(
      (await refusal(storeAt(url).read(secretOf("a")))).sentence,
      new RegExp(`${code}.*kms:Decrypt`),
    );
  }
});

test("what is not there is looked for in the right region", async () => {
  const manager = await serve(refused("ResourceNotFoundException", `no ${VALUE}`));
  assert.match(
    (await refusal(storeAt(manager.url).read(secretOf("a")))).sentence,
    /no such secret.*eu-west-1.*ARN/,
  );
  for (const code of ["ParameterNotFound", "ParameterVersionNotFound"]) {
    const { url } = await serve(refused(code));
    assert.match(
      (await refusal(storeAt(url).read(parameterOf("/a")))).sentence,
      /no such parameter in eu-west-1/,
    );
  }
});

test("nothing of AWS's message is shown: a wrong signature is explained with the session token", async () => {
  const message = `The Canonical String for this request should have been 'x-amz-security-token:TOKEN== ${VALUE}'`;
  const { url } = await serve(refused("SignatureDoesNotMatch", message, 403));
  assert.match(
    (await refusal(storeAt(url).read(secretOf("a")))).sentence,
    /403 SignatureDoesNotMatch.*AWS_ACCESS_KEY_ID/,
  );
});

test("the code is read from the header too, and only a code", async () => {
  const { url } = await serve(
    answer(400, VALUE, { "x-amzn-errortype": "ParameterNotFound:http://internal.example/" }),
  );
  assert.match(
    (await refusal(storeAt(url).read(parameterOf("/a")))).message,
    /answered 400 ParameterNotFound:/,
  );
});

test("an answer that is too long is no secret, and nothing of it is told", async () => {
  const { heard, url } = await serve(answer(200, { SecretString: VALUE.repeat(2 ** 18) }));
  const error = await refusal(storeAt(url).read(secretOf("a")));
  assert.match(error.message, /has more than the 1048576 bytes/);
  assert.equal(heard.length, 1);
});

test("binary secrets, answers without a value and answers that are no JSON", async () => {
  const message = async (body: object | string) => {
    const { url } = await serve(answer(200, body));
    return (await refusal(storeAt(url).read(secretOf("a")))).sentence;
  };
  assert.match(
    await message({ SecretBinary: Buffer.from(VALUE).toString("base64") }),
    /binary.*--secret-string/,
  );
  assert.match(await message({ Other: VALUE }), /no value of Secrets Manager.*AWS_ENDPOINT_URL/);
  assert.match(await message("null"), /no value/);
  assert.match(await message(`<html>${VALUE}`), /not JSON/);
});

test("a binary secret from the extension is not asked for again", async () => {
  const extension = await serve(answer(200, { SecretBinary: "AAAA" }));
  const { heard, url } = await serve(answer(200, { SecretBinary: "AAAA" }));
  const port = { PARAMETERS_SECRETS_EXTENSION_HTTP_PORT: String(extension.port) };
  await refusal(storeAt(url, port, extensions("bootstrap")).read(secretOf("a")));
  assert.equal(heard.length, 0);
});

test("a clock that is wrong is set right by AWS's own, once", async () => {
  const date = new Date(Date.now() + 3_600_000).toUTCString();
  const { heard, url } = await serve((request, response, count) => {
    if (count === 1)
      refused("InvalidSignatureException", "Signature expired")(request, response.setHeader("date", date), 1);
    else answer(200, { SecretString: VALUE })(request, response, count);
  });
  const store = storeAt(url);
  assert.equal(await store.read(secretOf("a")), VALUE);
  assert.equal(heard.length, 2);
  const signedAt = (index: number) => heard[index]?.headers["x-amz-date"]?.slice(0, 11);
  assert.notEqual(signedAt(1), signedAt(0));
  await store.read(secretOf("b"));
  assert.equal(signedAt(2)?.slice(0, 8), signedAt(1)?.slice(0, 8));
  assert.equal(heard.length, 3, "remembered");
  const always = await serve((request, response) =>
    refused("InvalidSignatureException")(request, response.setHeader("date", date), 1),
  );
  await refusal(storeAt(always.url).read(secretOf("a")));
  assert.equal(always.heard.length, 2);
});

test("a service that never ends its answer is given up after the time of each try", async (t) => {
  // Five seconds pass as soon as somebody waits for them.
  const limits: number[] = [];
  t.mock.method(AbortSignal, "timeout", (ms: number) => {
    limits.push(ms);
    return AbortSignal.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError"));
  });
  const { url } = await serve((_heard, response) => response.write("{"));
  const error = await refusal(storeAt(url).read(secretOf("a")));
  assert.match(error.message, /cannot reach 127\.0\.0\.1:\d+: it did not answer in time\./);
  assert.deepEqual(limits, [5000, 5000, 5000]);
});

test("credentials that AWS calls expired are looked for once more, then given up", async () => {
  const { heard, url } = await serve(refused("ExpiredTokenException"));
  const error = await refusal(storeAt(url).read(secretOf("a")));
  assert.match(error.sentence, /expired/i);
  assert.equal(heard.length, 1, "the environment has no others");
});

test("nobody at the address: the host and the VPC endpoint are named", async () => {
  const store = storeAt("http://127.0.0.1:1");
  const error = await refusal(store.read(secretOf("a")));
  assert.match(
    error.sentence,
    /cannot reach 127\.0\.0\.1:1: ECONNREFUSED.*com\.amazonaws\.eu-west-1\.secretsmanager/,
  );
});

test("the address of a service: AWS's own variables, else by region", () => {
  const at = (service: "ssm" | "secretsmanager", region: string, environment = {}) =>
    endpointOf(service, region, environment).href;
  assert.equal(at("ssm", "eu-west-1"), "https://ssm.eu-west-1.amazonaws.com/");
  assert.equal(at("secretsmanager", "cn-north-1"), "https://secretsmanager.cn-north-1.amazonaws.com.cn/");
  assert.equal(
    at("ssm", "us-gov-west-1", { AWS_USE_FIPS_ENDPOINT: "true" }),
    "https://ssm-fips.us-gov-west-1.amazonaws.com/",
  );
  const configured = {
    AWS_ENDPOINT_URL: "http://all:1/",
    AWS_ENDPOINT_URL_SECRETS_MANAGER: "http://secrets:2/",
  };
  assert.equal(at("secretsmanager", "eu-west-1", configured), "http://secrets:2/");
  assert.equal(at("ssm", "eu-west-1", configured), "http://all:1/");
  const ignored = { ...configured, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "true" };
  assert.equal(at("ssm", "eu-west-1", ignored), "https://ssm.eu-west-1.amazonaws.com/");
});

test("without credentials it says so and asks nobody", async () => {
  const { heard, url } = await serve(answer(200, { SecretString: VALUE }));
  const home = mkdtempSync(join(tmpdir(), "home-"));
  mkdirSync(join(home, ".aws"));
  after(() => rmSync(home, { recursive: true }));
  const before = { ...process.env };
  // What AWS's SDK reads itself.
  Object.assign(process.env, { HOME: home, AWS_EC2_METADATA_DISABLED: "true" });
  for (const name of Object.keys(KEYS)) delete process.env[name];
  try {
    const store = createSecretStore({ AWS_REGION: "eu-west-1", AWS_ENDPOINT_URL: url }, NO_EXTENSION);
    const error = await refusal(store.read(secretOf("a")));
    assert.match(error.sentence, /there are no AWS credentials here/);
  } finally {
    process.env = before;
  }
  assert.equal(heard.length, 0);
});
