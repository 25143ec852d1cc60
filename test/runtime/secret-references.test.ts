import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, type TestContext, test } from "node:test";
import { inspect } from "node:util";
import type { SecretStore, StoredSecret } from "../../adapter/runtime/aws/secret-store.ts";
import type { ColdframeError } from "../../adapter/runtime/errors.ts";
import { resolveReferences } from "../../adapter/runtime/secret-references.ts";
import { readSecrets, type Secrets } from "../../adapter/runtime/secrets.ts";
import { logged } from "./_log.ts";

const before = { ...process.env };
afterEach(() => {
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
});

const VALUE = "hunter2";

/** A store in memory, by id; what is a function is called. */
function storeOf(texts: Record<string, string | (() => string | Promise<string>)>) {
  const asked: (StoredSecret & { fresh: boolean | undefined })[] = [];
  const store: SecretStore = {
    async read(secret, fresh) {
      asked.push({ ...secret, fresh });
      const text = texts[secret.id];
      return typeof text === "function" ? text() : (text ?? assert.fail(`nothing at ${secret.id}`));
    },
  };
  return { store, asked };
}

async function resolveOne(text: string, stored: string | (() => string) = VALUE, id = "name") {
  const { store, asked } = storeOf({ [id]: stored });
  const values = await resolveReferences(new Map([["token", text]]), store);
  return { get: values.get("token") as () => string, asked };
}

async function refusal(promise: Promise<unknown>): Promise<ColdframeError> {
  const error = await promise.then(
    () => assert.fail("nothing was refused"),
    (thrown) => thrown as ColdframeError,
  );
  assert.equal(error.code, "SECRET_UNREADABLE");
  // Whatever prints an error: its message, its stack, its causes.
  assert.doesNotMatch(inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error), /hunter2/);
  return error;
}

const ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/hf-AbCdEf";

for (const [text, expected] of [
  ["aws-secretsmanager://name", { service: "secretsmanager", id: "name" }],
  ["aws-secretsmanager://prod/hf", { service: "secretsmanager", id: "prod/hf" }],
  [`aws-secretsmanager://${ARN}`, { service: "secretsmanager", id: ARN }],
  ["aws-ssm:///prod/hf", { service: "ssm", id: "/prod/hf" }],
  ["aws-ssm:///prod/hf:3", { service: "ssm", id: "/prod/hf:3" }],
  ["aws-secretsmanager://name?version_stage=AWSPREVIOUS", { id: "name", versionStage: "AWSPREVIOUS" }],
  ["aws-secretsmanager://name?version_id=ab-12&ttl=5", { id: "name", versionId: "ab-12" }],
] as const) {
  test(`what ${text} asks for`, async () => {
    const { get, asked } = await resolveOne(text, VALUE, expected.id);
    assert.equal(get(), VALUE);
    assert.deepEqual({ ...asked[0], ...expected }, { ...asked[0] });
    assert.equal(asked.length, 1);
  });
}

test("a key of a JSON secret, before or behind the query", async () => {
  const json = JSON.stringify({ user: "me", password: VALUE, port: 5432, tls: true, list: [1] });
  const read = async (text: string) => (await resolveOne(text, json)).get();
  assert.equal(await read("aws-secretsmanager://name#password"), VALUE);
  assert.equal(await read("aws-ssm://name#user"), "me");
  assert.equal(await read("aws-secretsmanager://name?ttl=60#password"), VALUE);
  assert.equal(await read("aws-secretsmanager://name#password?ttl=60"), VALUE);
  assert.equal(await read("aws-secretsmanager://name#port"), "5432");
  assert.equal(await read("aws-secretsmanager://name#tls"), "true");
  assert.equal(await read("aws-secretsmanager://name#list"), "[1]");
  assert.equal(await read("aws-secretsmanager://name"), json);
});

test("a key that is not there is told which are, and never their values", async () => {
  const stored = JSON.stringify({ password: VALUE, user: "hunter2-too" });
  const error = await refusal(resolveOne("aws-secretsmanager://name#pasword", stored));
  assert.match(
    error.message,
    /the secret "token" \(aws-secretsmanager:\/\/name#pasword\).*no key "pasword"; it has password, user/,
  );
  assert.match((await refusal(resolveOne("aws-ssm://name#a", "{}"))).message, /no keys at all/);
  assert.match(
    (await refusal(resolveOne("aws-ssm://name#constructor", "{}"))).message,
    /no key "constructor"/,
  );
  assert.match((await refusal(resolveOne("aws-ssm://name#a", '{"a":null}'))).message, /no key "a"/);
});

test("a key of what is no JSON object, without quoting it", async () => {
  for (const stored of [VALUE, `{"${VALUE}`, `["${VALUE}"]`, `"${VALUE}"`, "null"])
    assert.match(
      (await refusal(resolveOne("aws-secretsmanager://name#a", stored))).message,
      /no JSON object/,
    );
});

test("an empty value is no value", async () => {
  assert.match((await refusal(resolveOne("aws-ssm://name", ""))).message, /empty/);
  assert.match((await refusal(resolveOne("aws-ssm://name#a", '{"a":""}'))).message, /empty/);
});

for (const [text, reason] of [
  ["aws-secretsmanager://", /no reference/],
  ["aws-ssm://#key", /no reference/],
  ["aws-ssm://name?tll=5", /`tll`, and only ttl can be set/],
  ["aws-ssm://name?version_id=5", /as in `\/path:3`/],
  ["aws-secretsmanager://name?verson=5", /`verson`, and only ttl, version_stage, version_id/],
  ["aws-ssm://name?ttl=5m", /ttl is no whole number/],
  ["aws-ssm://name?ttl=0", /ttl is no whole number/],
  ["aws-ssm://name?ttl=-1", /ttl is no whole number/],
] as const) {
  test(`refused: ${text}`, async () => {
    const error = await refusal(resolveOne(text));
    assert.match(error.message, reason);
    assert.match(error.message, /the secret "token"/);
    assert.match(error.fix ?? "", /aws-secretsmanager:\/\/name#key/);
  });
}

test("every stored secret is read once, and all at the same time", async () => {
  const gate = Promise.withResolvers<void>();
  const wait = async () => {
    await gate.promise;
    return '{"a":"1","b":"2"}';
  };
  const { store, asked } = storeOf({ one: wait, two: wait });
  const resolving = resolveReferences(
    new Map([
      ["x", "aws-secretsmanager://one#a"],
      ["y", "aws-secretsmanager://one#b"],
      ["z", "aws-secretsmanager://two"],
      ["old", "aws-secretsmanager://one?version_stage=AWSPREVIOUS#a"],
      ["p", "aws-ssm://one#a"],
    ]),
    store,
  );
  await Promise.resolve();
  assert.deepEqual(
    asked.map(({ service, id, versionStage }) => [service, id, versionStage]),
    [
      ["secretsmanager", "one", undefined],
      ["secretsmanager", "two", undefined],
      ["secretsmanager", "one", "AWSPREVIOUS"],
      ["ssm", "one", undefined],
    ],
  );
  gate.resolve();
  const values = await resolving;
  assert.deepEqual([values.get("x")?.(), values.get("y")?.()], ["1", "2"]);
  assert.match(asked[0]?.subject ?? "", /"x" .* and the secret "y"/);
});

test("all that cannot be read are named at once", async () => {
  const { store } = storeOf({ name: "{}" });
  const error = await refusal(
    resolveReferences(
      new Map([
        ["one", "aws-ssm://name#a"],
        ["two", "aws-secretsmanager://name#b"],
      ]),
      store,
    ),
  );
  assert.match(error.message, /"one".*"a".*"two".*"b"/);
});

test("with a ttl the value is read again in the background, and the last one is given meanwhile", async (t: TestContext) => {
  t.mock.timers.enable({ apis: ["Date"] });
  let current = "first";
  const done: (() => void)[] = [];
  const { get, asked } = await resolveOne("aws-secretsmanager://name?ttl=300", () => {
    done.shift()?.();
    return current;
  });
  current = "second";
  t.mock.timers.tick(299_999);
  assert.equal(get(), "first");
  assert.equal(asked.length, 1);
  t.mock.timers.tick(1);
  assert.equal(get(), "first", "it never waits");
  assert.equal(get(), "first");
  assert.equal(asked.length, 2, "one refresh at a time");
  assert.equal(asked[1]?.fresh, true, "not from a cache");
  await settle();
  assert.equal(get(), "second");
  assert.equal(asked.length, 2);
});

test("without a ttl it is read once", async (t: TestContext) => {
  t.mock.timers.enable({ apis: ["Date"] });
  const { get, asked } = await resolveOne("aws-secretsmanager://name");
  t.mock.timers.tick(1e9);
  get();
  assert.equal(asked.length, 1);
});

test("a failed refresh keeps the value, is logged without it, and is not tried at every read", async (t: TestContext) => {
  t.mock.timers.enable({ apis: ["Date"] });
  let stored = JSON.stringify({ a: VALUE });
  const { get, asked } = await resolveOne("aws-secretsmanager://name?ttl=60#a", () => stored);
  stored = JSON.stringify({ renamed: "hunter2-too" });
  t.mock.timers.tick(60_000);
  const { text } = await logged(async () => {
    get();
    await settle();
    assert.equal(get(), VALUE);
    await settle();
  });
  assert.equal(asked.length, 2);
  assert.match(text, /"level":"WARN".*last value is kept.*SECRET_UNREADABLE.*renamed/);
  assert.doesNotMatch(text, /hunter2/);
  stored = JSON.stringify({ a: "third" });
  t.mock.timers.tick(30_000);
  get();
  await settle();
  assert.equal(get(), "third");
});

const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Secrets Manager as far as these tests need it; sigv4 is tested with the store. */
async function fakeService(texts: Record<string, string>) {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const text = texts[(JSON.parse(body) as { SecretId: string }).SecretId];
    response.writeHead(text === undefined ? 400 : 200, {
      "x-amzn-errortype": text === undefined ? "ResourceNotFoundException" : [],
    });
    response.end(JSON.stringify(text === undefined ? {} : { SecretString: text }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => server.close());
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    AWS_REGION: "eu-west-1",
    AWS_ACCESS_KEY_ID: "AKID",
    AWS_SECRET_ACCESS_KEY: "KEY",
  });
}

test("a reference in a variable, in a mounted file and as the default is followed", async () => {
  await fakeService({ a: "from a", b: "from b", c: "from c" });
  const folder = mkdtempSync(join(tmpdir(), "secrets-"));
  after(() => rmSync(folder, { recursive: true }));
  process.env["COLDFRAME_SECRET_ONE"] = "aws-secretsmanager://a";
  writeFileSync(join(folder, "two"), "aws-secretsmanager://b\n");
  process.env["COLDFRAME_SECRET_PLAIN"] = "as it is";
  const reading = readSecrets({ one: null, two: null, three: "aws-secretsmanager://c", plain: null }, folder);
  assert.ok(reading instanceof Promise);
  const secrets = await reading;
  assert.deepEqual({ ...secrets }, { one: "from a", two: "from b", three: "from c", plain: "as it is" });
});

test("what was resolved is as well hidden as any other secret", async () => {
  await fakeService({ a: VALUE });
  const secrets = (await readSecrets({ one: "aws-secretsmanager://a" })) as Secrets;
  assert.equal(secrets["one"], VALUE);
  for (const output of [
    inspect(secrets, { showHidden: true, showProxy: true, depth: 9 }),
    JSON.stringify({ secrets }),
    String(secrets),
  ])
    assert.doesNotMatch(output, /hunter2/);
  assert.throws(() => secrets["other"], { code: "SECRET_UNDECLARED" });
});

test("a secret that AWS does not have fails the cold start with its name", async () => {
  await fakeService({});
  const error = await refusal(readSecrets({ one: "aws-secretsmanager://nope" }) as Promise<Secrets>);
  assert.match(
    error.sentence,
    /the secret "one" \(aws-secretsmanager:\/\/nope\) cannot be read: Secrets Manager answered 400 ResourceNotFoundException/,
  );
});

test("a missing secret is missed before AWS is asked", () => {
  assert.throws(() => readSecrets({ one: "aws-secretsmanager://a", gone: null }), { code: "SECRET_MISSING" });
});
