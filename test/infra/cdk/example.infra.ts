// The example app, as its user has it: copied into a project outside of the repository, with the package compiled and
// installed beside CDK, type-checked, and run as `cdk` runs it. And what the package's own typings reach.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { before, describe, test } from "node:test";
import { deploymentOf, FULL } from "../_facts.ts";
import { artifactOf, makeFolder } from "./_stacks.ts";

const REPOSITORY = resolve(import.meta.dirname, "../../..");
const EXAMPLE = join(REPOSITORY, "infra/cdk/example");
const COMPILER = join(REPOSITORY, "node_modules/typescript/bin/tsc");

const project = makeFolder();
const installed = join(project, "node_modules/coldframe");

before(() => {
  mkdirSync(installed, { recursive: true });
  for (const name of ["aws-cdk-lib", "constructs", "@types"]) {
    symlinkSync(join(REPOSITORY, "node_modules", name), join(project, "node_modules", name));
  }
  cpSync(join(REPOSITORY, "package.json"), join(installed, "package.json"));
  const config = join(project, "tsconfig.build.json");
  writeFileSync(
    config,
    JSON.stringify({
      extends: join(REPOSITORY, "tsconfig.build.json"),
      compilerOptions: {
        outDir: join(installed, "dist"),
        rootDir: REPOSITORY,
        typeRoots: [join(REPOSITORY, "node_modules/@types")],
      },
      include: [],
      files: [join(REPOSITORY, "infra/cdk/index.ts")],
    }),
  );
  execFileSync(process.execPath, [COMPILER, "-p", config], { stdio: "inherit" });

  writeFileSync(join(project, "package.json"), '{ "private": true, "type": "module" }\n');
  mkdirSync(join(project, "infra/cdk"), { recursive: true });
  cpSync(join(EXAMPLE, "app.ts"), join(project, "infra/cdk/app.ts"));
  cpSync(join(EXAMPLE, "cdk.json"), join(project, "cdk.json"));
});

/** What `cdk synth` does: runs `app` of cdk.json in the project, with its context and a folder to write to. */
function synth(context: Record<string, string> = {}) {
  const { app, context: own } = JSON.parse(readFileSync(join(project, "cdk.json"), "utf8"));
  const [program, ...args] = app.split(" ");
  assert.equal(program, "node");
  const outdir = makeFolder();
  const { status, stderr } = spawnSync(process.execPath, args, {
    cwd: project,
    encoding: "utf8",
    env: { ...process.env, CDK_OUTDIR: outdir, CDK_CONTEXT_JSON: JSON.stringify({ ...own, ...context }) },
  });
  const stacks = readdirSync(outdir)
    .filter((name) => name.endsWith(".template.json"))
    .map((name) => name.replace(".template.json", ""));
  return { status, stderr, stacks, outdir };
}

describe("the example app", () => {
  test("says what to do before there is a build", () => {
    const { status, stderr, stacks } = synth();
    assert.equal(status, 1);
    assert.match(stderr, /CONFIG_NOT_FOUND: there is no .*dist\/lambda\/deployment\.json/);
    assert.match(stderr, /Run coldframe build/);
    assert.deepEqual(stacks, []);
  });

  test("synthesises a stack of the model's name without a word from AWS's validator", () => {
    artifactOf(deploymentOf(FULL, "lambda"), project);
    const { status, stderr, stacks, outdir } = synth({ environment: "staging" });
    assert.equal(stderr, "");
    assert.equal(status, 0);
    assert.deepEqual(stacks, ["sample-model-staging"]);
    const template = JSON.parse(readFileSync(join(outdir, "sample-model-staging.template.json"), "utf8"));
    const functions = Object.values<{ Type: string; Properties: { Environment: { Variables: object } } }>(
      template.Resources,
    ).filter(({ Type }) => Type === "AWS::Lambda::Function");
    // No other function: nothing of CDK's own runs at deploy time.
    assert.deepEqual(
      functions.map(({ Properties }) => Properties.Environment.Variables),
      [
        {
          GREETING: "hello",
          COLDFRAME_SECRET_HUB_TOKEN: "aws-secretsmanager://sample-model/hub_token",
          COLDFRAME_ENVIRONMENT: "staging",
        },
      ],
    );
    // The zip as the build wrote it.
    const assets = JSON.parse(readFileSync(join(outdir, "sample-model-staging.assets.json"), "utf8"));
    const files = Object.values<{ source: { path: string; packaging: string } }>(assets.files);
    const zip = files.find(({ source }) => source.path.endsWith(".zip"));
    assert.equal(zip?.source.packaging, "file");
    assert.equal(
      readFileSync(join(outdir, zip?.source.path ?? ""), "utf8"),
      readFileSync(join(project, "dist/lambda.zip"), "utf8"),
    );
  });

  test("type-checks against the package's typings", () => {
    const compilerOptions = {
      noEmit: true,
      strict: true,
      module: "nodenext",
      skipLibCheck: true,
      types: ["node"],
    };
    writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["infra"] }));
    const { stdout, status } = spawnSync(process.execPath, [COMPILER, "-p", project], { encoding: "utf8" });
    assert.equal(stdout, "");
    assert.equal(status, 0);
  });
});

test("the typings of coldframe/cdk name no file that is not published", () => {
  const seen = new Set<string>();
  visit(join(installed, "dist/infra/cdk/index.d.ts"));
  assert.ok(seen.has(join(installed, "dist/infra/cdk/props.d.ts")));

  function visit(file: string): void {
    if (seen.has(file)) return;
    seen.add(file);
    assert.ok(existsSync(file), file);
    assert.doesNotMatch(file, /dist\/adapter\/(build|cli|local)\//);
    for (const [, from = ""] of readFileSync(file, "utf8").matchAll(/(?:from|import\() ?"(\.[^"]+)"/g)) {
      visit(resolve(dirname(file), from.replace(/\.(js|ts)$/, ".d.ts")));
    }
  }
});
