// What users rely on in the types of the package: fixtures/types/, each file with the errors it has to have, checked
// against the tarball's own .d.ts by this repository's TypeScript and by an older one.

import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { before, test } from "node:test";
import { FIXTURES, makeFolder, pack, REPOSITORY, typeCheck } from "./_package.ts";

const PACKAGES = ["@standard-schema", "@types", "arktype", "valibot", "zod"];

/** Whole libraries, and no `skipLibCheck`: the .d.ts of the package are checked too. */
const BROWSER = { target: "es2023", lib: ["es2023", "dom", "dom.iterable"], types: [] };
const NODE = { target: "es2023", lib: ["es2023"], types: ["node"] };
const NODENEXT = { module: "nodenext" };
const BUNDLER = { module: "esnext", moduleResolution: "bundler" };
const STRICTEST = {
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: true,
  noImplicitOverride: true,
  verbatimModuleSyntax: true,
  isolatedModules: true,
};

let project: string;

before(async () => {
  const { folder } = await pack();
  project = join(makeFolder(), "project");
  cpSync(join(FIXTURES, "types"), project, { recursive: true });
  writeFileSync(join(project, "package.json"), '{ "private": true, "type": "module" }\n');
  mkdirSync(join(project, "node_modules"));
  renameSync(folder, join(project, "node_modules/coldframe"));
  for (const name of PACKAGES) {
    symlinkSync(join(REPOSITORY, "node_modules", name), join(project, "node_modules", name));
  }
});

test("the types hold under nodenext, with the types of Node", async () => {
  assert.equal(await typeCheck(project, { ...NODENEXT, ...NODE }), "");
});

test("the types hold under bundler, with the types of the DOM and every strictness", async () => {
  // arktype's own .d.ts need the types of Node.
  const include = ["whole.ts", "wrong.ts"];
  assert.equal(await typeCheck(project, { ...BUNDLER, ...BROWSER, ...STRICTEST }, { include }), "");
});

test("the types hold under an older TypeScript", async (t) => {
  const tsc = olderTypeScript();
  if (tsc === undefined) return t.skip("no older TypeScript came with @arethetypeswrong/cli");
  assert.equal(await typeCheck(project, { ...NODENEXT, ...NODE, skipLibCheck: true }, { tsc }), "");
});

function olderTypeScript(): string | undefined {
  const require = createRequire(join(REPOSITORY, "package.json"));
  const core = createRequire(require.resolve("@arethetypeswrong/cli/package.json")).resolve(
    "@arethetypeswrong/core",
  );
  const folder = dirname(createRequire(core).resolve("typescript/package.json"));
  const tsc = join(folder, "bin/tsc");
  return existsSync(tsc) && folder !== join(REPOSITORY, "node_modules/typescript") ? tsc : undefined;
}
