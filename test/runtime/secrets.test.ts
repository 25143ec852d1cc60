import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, test } from "node:test";
import { format, inspect } from "node:util";
import { logAnything } from "../../adapter/runtime/observe/log-anything.ts";
import { noSecrets, readSecrets, type Secrets, secretVariable } from "../../adapter/runtime/secrets.ts";
import { logged } from "./_log.ts";

const folder = mkdtempSync(join(tmpdir(), "secrets-"));
after(() => rmSync(folder, { recursive: true }));

const before = { ...process.env };
afterEach(() => {
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
});

const VALUE = "hunter2";

/** Of secrets that are here: without waiting. */
function read(declared: Readonly<Record<string, string | null>>): Secrets {
  const secrets = readSecrets(declared, folder);
  assert.ok(!(secrets instanceof Promise));
  return secrets;
}

function oneSecret(name = "hf-token") {
  process.env[secretVariable(name)] = VALUE;
  return read({ [name]: null });
}

test("a name with dashes becomes a variable that a shell can set", () => {
  assert.equal(secretVariable("hf-token.v2"), "COLDFRAME_SECRET_HF_TOKEN_V2");
  assert.equal(oneSecret()["hf-token"], VALUE);
});

test("the environment wins over the mounted file, and the file over the default", () => {
  const declared = { key: "the default" };
  assert.equal(read(declared)["key"], "the default");
  writeFileSync(join(folder, "key"), "mounted\r\n");
  assert.equal(read(declared)["key"], "mounted");
  process.env["COLDFRAME_SECRET_KEY"] = "set";
  assert.equal(read(declared)["key"], "set");
});

test("a file keeps all but its last newline", () => {
  writeFileSync(join(folder, "pem"), "line one\nline two\n\n");
  assert.equal(read({ pem: null })["pem"], "line one\nline two\n");
});

test("every secret without a value is named, with the two ways to give it one", () => {
  process.env["COLDFRAME_SECRET_EMPTY"] = "";
  assert.throws(
    () => readSecrets({ "hf-token": null, empty: null, also: "" }, folder),
    (error: Error) => {
      assert.equal(error.name, "SECRET_MISSING");
      assert.match(error.message, /hf-token, empty, also/);
      assert.match(error.message, /COLDFRAME_SECRET_HF_TOKEN, COLDFRAME_SECRET_EMPTY, COLDFRAME_SECRET_ALSO/);
      assert.ok(error.message.includes(folder));
      return true;
    },
  );
});

test("an undeclared name says how to declare it", () => {
  const secrets = oneSecret();
  assert.throws(() => secrets["hf_token"], {
    code: "SECRET_UNDECLARED",
    message: /"hf_token" is not declared.*hf_token: null.*config\.yaml.*COLDFRAME_SECRET_HF_TOKEN/,
  });
});

test("a model that declared none is told the same, and may print and await them", async () => {
  const secrets = noSecrets();
  assert.throws(() => secrets["key"], { code: "SECRET_UNDECLARED", message: /COLDFRAME_SECRET_KEY/ });
  assert.equal(JSON.stringify({ secrets }), '{"secrets":{}}');
  assert.equal(inspect(secrets), "{}");
  assert.equal(await Promise.resolve(secrets), secrets);
});

test("nothing that prints shows a value", async () => {
  const secrets = oneSecret();
  const { text } = await logged(() => {
    logAnything("info", "all of them", secrets);
    logAnything("info", "among others", { secrets });
  });
  const printed = {
    inspect: inspect(secrets),
    nested: inspect({ deep: [secrets] }, { depth: 9 }),
    proxy: inspect(secrets, { showProxy: true, depth: 9 }),
    hidden: inspect(secrets, { showHidden: true }),
    format: format("%s %o %O %j", secrets, secrets, secrets, secrets),
    json: JSON.stringify({ secrets }),
    string: `${secrets}`,
    log: text,
  };
  for (const [how, output] of Object.entries(printed))
    assert.ok(!output.includes(VALUE), `${how}: ${output}`);
  assert.match(printed.inspect, /hf-token/, "the names help to find out what is missing");
  assert.equal(printed.json, '{"secrets":{"hf-token":"[secret]"}}');
  assert.equal(text.match(/"hf-token":"\[secret\]"/g)?.length, 2);
});

test("a record of what was declared: `in`, keys, spreading", () => {
  const secrets = oneSecret();
  assert.equal("hf-token" in secrets, true);
  assert.equal("other" in secrets, false);
  assert.deepEqual(Object.keys(secrets), ["hf-token"]);
  assert.equal(Object.hasOwn(secrets, "hf-token"), true);
  // Asked for by name or all together, an author gets the values.
  assert.deepEqual({ ...secrets }, { "hf-token": VALUE });
});

test("awaiting it, converting it and asking Node's own questions throws nothing", async () => {
  const secrets = oneSecret();
  assert.equal(await Promise.resolve(secrets), secrets);
  assert.equal(typeof String(secrets), "string");
  assert.equal(Array.isArray(secrets), false);
  assert.equal(Symbol.iterator in secrets, false);
});

test("read-only", () => {
  const secrets = oneSecret() as Record<string, string>;
  for (const change of [
    () => (secrets["hf-token"] = "x"),
    () => (secrets["new"] = "x"),
    () => delete secrets["hf-token"],
    () => Object.defineProperty(secrets, "hf-token", { value: "x" }),
  ]) {
    assert.throws(change, { name: "TypeError" });
  }
  assert.equal(secrets["hf-token"], VALUE);
});

test("a later change of the environment changes nothing", () => {
  const secrets = oneSecret();
  process.env[secretVariable("hf-token")] = "other";
  assert.equal(secrets["hf-token"], VALUE);
});
