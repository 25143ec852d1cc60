// The habits that all commands share: help, options, refusals, --json.

import assert from "node:assert/strict";
import { test } from "node:test";
import { coldframe } from "./_command.ts";

test("--help of each command has an example, on standard output", async () => {
  const all = await Promise.all(
    [[], ["build"], ["dev"], ["invoke"]].map((command) => coldframe([...command, "--help"])),
  );
  for (const { status, stdout, stderr } of all) {
    assert.deepEqual([status, stderr], [0, ""]);
    assert.match(stdout, /^Usage: coldframe/);
    assert.match(stdout, /Example:\n {2}\$ coldframe \w+ my-model/);
  }
});

test("a wrong command or option is refused in one sentence, with the nearest one, and no stack", async () => {
  const [command, option, choice, port] = await Promise.all([
    coldframe(["bild"]),
    coldframe(["invoke", "--fil", "x"]),
    coldframe(["build", "--arch", "mips"]),
    coldframe(["dev", "--port", "70000"]),
  ]);
  assert.deepEqual(command, {
    status: 1,
    stdout: "",
    stderr: "OPTION_INVALID: unknown command 'bild'.\nDid you mean build?\n",
  });
  assert.equal(option?.stderr, "OPTION_INVALID: unknown option '--fil'.\nDid you mean --file?\n");
  assert.match(
    choice?.stderr ?? "",
    /^OPTION_INVALID: .*'mips'.*arm64, x86_64\.\nRun coldframe build --help\.\n$/,
  );
  assert.match(port?.stderr ?? "", /^OPTION_INVALID: .*'70000'.*0 to 65535\.\n/);
  for (const { status } of [option, choice, port]) assert.equal(status, 1);
});

test("with --json a refusal is one object on standard output", async () => {
  const [build, option] = await Promise.all([
    coldframe(["build", "/nowhere", "--json"]),
    coldframe(["invoke", "--json", "--nonsense"]),
  ]);
  assert.equal(build.status, 1);
  assert.partialDeepStrictEqual(JSON.parse(build.stdout), { error: { code: "CONFIG_NOT_FOUND" } });
  assert.match(JSON.parse(build.stdout).error.message, /nowhere/);
  assert.equal(JSON.parse(option.stdout).error.code, "OPTION_INVALID");
  assert.ok(!build.stderr.includes("    at "), build.stderr);
});
