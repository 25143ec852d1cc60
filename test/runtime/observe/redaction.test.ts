// What is said nowhere, whoever says it. In processes of their own, since the guard stays for the life of one.

import assert from "node:assert/strict";
import { test } from "node:test";
import { runScript } from "../_child.ts";

const MODULE = JSON.stringify(import.meta.resolve("../../../adapter/runtime/observe/redaction.ts"));
const ERRORS = JSON.stringify(import.meta.resolve("../../../adapter/runtime/errors.ts"));
const LOG = JSON.stringify(import.meta.resolve("../../../adapter/runtime/log.ts"));

/** What a process writes that hides `secret` and then runs `script`; `say` answers in JSON of its own. */
async function written(secret: string, script: string) {
  return runScript(`
    const { hide, redact } = await import(${MODULE});
    const { ColdframeError, censored } = await import(${ERRORS});
    const { writeLog } = await import(${LOG});
    const { inspect } = await import("node:util");
    const tell = (value) => say(Buffer.from(JSON.stringify(value)).toString("base64"));
    const secret = hide(${JSON.stringify(secret)});
    ${script}
  `);
}

const told = (said: readonly unknown[]): unknown[] =>
  said.map((text) => JSON.parse(Buffer.from(String(text), "base64").toString()) as unknown);

test("a text without secrets is the same text", async () => {
  const { said } = await written(
    "correct horse",
    'tell([redact("a correct answer"), redact("x correct horse y")])',
  );
  assert.deepEqual(told(said), [["a correct answer", "x [secret] y"]]);
});

test("every form in which a secret is shown is hidden", async () => {
  const secret = 'a "quoted" word\\ with ünïcode & more';
  const { said } = await written(
    secret,
    "tell([secret, JSON.stringify({ secret }), encodeURIComponent(secret), `?a=${encodeURIComponent(secret)}&b`].map(redact));",
  );
  assert.deepEqual(told(said), [["[secret]", '{"secret":"[secret]"}', "[secret]", "?a=[secret]&b"]]);
});

test("a key of several lines is hidden line by line", async () => {
  const key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0\nBAQEFAASCBKcwggSjAgEA\n-----END KEY-----";
  const { said } = await written(key, "tell([redact(secret), redact(inspect({ secret }))]);");
  const [[whole, inspected]] = told(said) as [[string, string]];
  assert.equal(whole, "[secret]");
  assert.doesNotMatch(inspected, /MIIE|BAQE/);
});

test("a short value is not hidden: it is a word", async () => {
  const { said } = await written("true", 'tell(redact("is it true?"))');
  assert.deepEqual(told(said), ["is it true?"]);
});

test("of two that begin alike, both are hidden", async () => {
  const { said } = await written(
    "password",
    'hide("password-2026"); tell(redact("password-2026 and password"))',
  );
  assert.deepEqual(told(said), ["[secret] and [secret]"]);
});

test("nothing that is printed has one", async () => {
  const { lines, said, stderr } = await written(
    "correct horse",
    `writeLog("info", secret, { secret, in: { side: secret } });
     console.log("by %s", secret);
     console.log({ secret });
     console.error(new Error(secret));
     process.stderr.write(secret + "\\n");
     process.stderr.write(Buffer.from("bytes " + secret + "\\n"));
     process.stdout.write("said " + JSON.stringify(secret) + "\\n");
     console.log("untouched %s", "answer");`,
  );
  assert.equal(lines[0]?.message, "[secret]");
  assert.deepEqual(lines[0]?.["in"], { side: "[secret]" });
  assert.deepEqual(said, ["[secret]"]);
  assert.match(stderr, /^Error: \[secret\]\n {4}at /m);
  assert.match(stderr, /^bytes \[secret\]$/m);
  assert.doesNotMatch(stderr, /horse/);
});

test("no error of ours has one: its callers read it", async () => {
  const { said } = await written(
    "correct horse",
    `const error = new ColdframeError("INPUT_INVALID", "not " + secret, {
       fix: "Use " + secret,
       issues: [{ path: secret, message: "is " + secret }],
     });
     const { message, fix, issues, sentence, stack } = error;
     error.stack = "more of " + secret;
     tell([message, fix, issues, sentence, stack.split("\\n")[0].replace(/^Error/, error.name), censored(error).stack]);`,
  );
  assert.deepEqual(told(said), [
    [
      "not [secret]",
      "Use [secret]",
      [{ path: "[secret]", message: "is [secret]" }],
      "not [secret] Use [secret]",
      "INPUT_INVALID: not [secret]",
      "more of [secret]",
    ],
  ]);
});

test("nor has what a console says that writes to a file descriptor of its own, as Lambda's does", async () => {
  const child = await runScript(`
    const { writeSync } = await import("node:fs");
    console.log = (...all) => writeSync(1, "said " + JSON.stringify(all) + "\\n");
    const { hide } = await import(${MODULE});
    hide("correct horse");
    console.log("by %s", "correct horse", { n: 1 });
    console.log("untouched", { n: 1 });
  `);
  assert.deepEqual(child.said, [["by [secret] { n: 1 }"], ["untouched", { n: 1 }]]);
});
