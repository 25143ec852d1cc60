// The module, its examples and its tests are written as `terraform fmt` writes them. A file of its own, since the formatter
// and the parser do not get along in one process.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { formatProblems } from "./_format.ts";
import { MODULE } from "./_module.ts";

const names = readdirSync(MODULE, { recursive: true, encoding: "utf8" }).filter((name) =>
  /\.(tf|hcl)$/.test(name),
);
const sources = Object.fromEntries(names.map((name) => [name, readFileSync(join(MODULE, name), "utf8")]));

test("every file is formatted", async () => {
  assert.ok(names.length > 10, `found only ${names}`);
  assert.deepEqual(await formatProblems(sources), []);
});

test("a line that is not is named", async () => {
  const changed = { "main.tf": sources["main.tf"]?.replace(/^ {2}archive +=/m, "  archive =") ?? "" };
  const [problem = ""] = await formatProblems(changed);
  assert.match(problem, /^main\.tf:\d+: found " {2}archive = /);
});
