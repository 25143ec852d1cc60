// late.cjs: what it may share with bundle.cjs, and that a function answers with it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { build } from "../../adapter/build/build.ts";
import { makeProject } from "./_project.ts";

const artifact = (await build({ project: makeProject(), zip: false, codeCache: false })).directory;
const read = (name: string) => readFileSync(join(artifact, name), "latin1");

test("late.cjs asks the bundle for its errors, and only for names that the bundle exports", () => {
  const late = read("late.cjs");
  const variables = [...late.matchAll(/([\w$]+)=require\("coldframe:errors"\)/g)].map(
    ([, name = ""]) => name,
  );
  assert.ok(variables.length > 0, "late.cjs has errors of its own, which instanceof does not know");
  const uses = (variable: string) =>
    new RegExp(`(?<![\\w$])${variable.replaceAll("$", "\\$")}\\.(\\w+)`, "g");
  const names = new Set(
    variables.flatMap((variable) => [...late.matchAll(uses(variable))].map(([, name]) => name as string)),
  );
  assert.ok(names.size > 0);
  const exported = new Set([...read("bundle.cjs").matchAll(/[{,](\w+):\(\)=>/g)].map(([, name]) => name));
  for (const name of names) assert.ok(exported.has(name), `bundle.cjs does not export ${name}`);
});
