// `coldframe init` from the packed tarball, as a new user runs it: in an empty folder, with every template and for every
// tool, the project passes its own test, type-checks and builds.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { makeFolder, type Packed, pack, REPOSITORY, run, runWell, typeCheckAsIs } from "./_package.ts";

const TEMPLATES = ["value", "stream", "embeddings", "gpu"] as const;
const INFRA = ["sam", "cdk", "terraform", "none"] as const;

/** What each template's model says to its own example. */
const ANSWERS = {
  value: /^\{"label":"glad","score":0\.8\d+\}$/,
  stream: /^ a small model that lived in /,
  embeddings: /^\{"embeddings":\[\[-?0[\d.,e-]+\],\[-?0/,
  gpu: /^\{"rows":\[\[0\.6\d*,0,0\.8999\d*\],\[0\.1\d*,1,0\.4\d*\]\]\}$/,
} as const;

/** Of the tools, as a file of the project. */
const DEPLOYED_BY = {
  sam: "infra/sam/template.yaml",
  cdk: "infra/cdk/app.ts",
  terraform: "infra/terraform/main.tf",
  none: undefined,
} as const;

/** Large, and not what is tested: the repository's. */
const PEERS = ["onnxruntime-node", "onnxruntime-common", "aws-cdk-lib", "constructs"];

let packed: Packed;
/** With the package and what `init` installed beside it. */
let installed: string;

const coldframe = (project: string, ...args: string[]) =>
  runWell(process.execPath, [join(project, "node_modules/coldframe/dist/adapter/cli/main.js"), ...args], {
    cwd: project,
  });

const manifestOf = (project: string) => JSON.parse(readFileSync(join(project, "package.json"), "utf8"));

/** An empty folder in which packages were installed. */
function folderWithPackages(): string {
  const project = makeFolder();
  mkdirSync(join(project, "node_modules"));
  const link = (from: string, name: string) =>
    symlinkSync(join(from, "node_modules", name), join(project, "node_modules", name));
  for (const name of ["coldframe", "zod", "@types", ".bin"]) link(installed, name);
  for (const name of ["onnxruntime-node", "onnxruntime-common", "aws-cdk-lib", "constructs"])
    link(REPOSITORY, name);
  return project;
}

before(async () => {
  packed = await pack();
  installed = makeFolder();
  const quiet = ["--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"];
  await runWell("npm", ["install", packed.tarball, ...quiet], { cwd: installed });
  await coldframe(installed, "init", "--yes");
  for (const name of PEERS) {
    symlinkSync(join(REPOSITORY, "node_modules", name), join(installed, "node_modules", name));
  }
});

test("one command writes a project and installs what it needs", async () => {
  const { dependencies, scripts, type } = manifestOf(installed);
  assert.deepEqual(Object.keys(dependencies), ["coldframe", "zod"]);
  assert.ok(existsSync(join(installed, "node_modules/zod")));
  assert.equal(type, "module");
  assert.deepEqual(Object.keys(scripts), ["dev", "test", "build"]);
  await runWell("npm", ["test"], { cwd: installed });
  await coldframe(installed, "build");
  assert.ok(existsSync(join(installed, "dist/lambda.zip")));
  assert.ok(existsSync(join(installed, "dist/infra/sam/template.yaml")));
  assert.match(
    readFileSync(join(installed, "samconfig.toml"), "utf8"),
    /template_file = "dist\/infra\/sam\/template\.yaml"/,
  );
  assert.doesNotMatch(
    readFileSync(join(installed, "dist/infra/sam/template.yaml"), "utf8"),
    /^[^#]*!Deployment/m,
  );
});

describe("a new project", { concurrency: 2 }, () => {
  for (const template of TEMPLATES) {
    for (const infra of INFRA) {
      test(`${template}, deployed with ${infra}`, async () => {
        const project = folderWithPackages();
        await coldframe(project, "init", "--yes", "--no-install", "--template", template, "--infra", infra);
        const file = template === "gpu" && infra === "sam" ? "infra/sam/gpu.yaml" : DEPLOYED_BY[infra];
        if (file === undefined) assert.ok(!existsSync(join(project, "infra")));
        else assert.ok(existsSync(join(project, file)), file);
        await runWell("npm", ["test"], { cwd: project });
        // The other tools bring no TypeScript of their own.
        if (infra === "cdk" || infra === "none") assert.equal(await typeCheckAsIs(project), "");
        await coldframe(project, "build");
        assert.ok(existsSync(join(project, "dist/lambda.zip")));
      });
    }
    test(`${template} answers its own example`, async () => {
      const project = folderWithPackages();
      await coldframe(project, "init", "--yes", "--no-install", "--template", template, "--infra", "none");
      const [, name = ""] = /name: (\w+)/.exec(readFileSync(join(project, "examples.yaml"), "utf8")) ?? [];
      assert.match(await coldframe(project, "invoke", "--example", name), ANSWERS[template]);
    });
  }
});

describe("a folder that is not empty", () => {
  test("keeps what is in it", async () => {
    const project = folderWithPackages();
    mkdirSync(join(project, "model"));
    writeFileSync(join(project, "model/model.ts"), "mine");
    const main = join(project, "node_modules/coldframe/dist/adapter/cli/main.js");
    const ended = await run(process.execPath, [main, "init", "--yes", "--no-install"], { cwd: project });
    assert.equal(ended.status, 1);
    assert.match(ended.stderr, /PROJECT_EXISTS: .* has model\/model\.ts already; nothing was written\./);
    assert.deepEqual(readdirSync(project).toSorted(), ["model", "node_modules"]);
    assert.equal(readFileSync(join(project, "model/model.ts"), "utf8"), "mine");
  });

  test("keeps its package.json, and gets what is missing there", async () => {
    const project = folderWithPackages();
    const own = {
      name: "mine",
      scripts: { test: 'echo "Error: no test specified" && exit 1', dev: "my-dev" },
      dependencies: { zod: "4.0.0" },
    };
    writeFileSync(join(project, "package.json"), JSON.stringify(own));
    await coldframe(project, "init", "--yes", "--no-install", "--infra", "none");
    const { name, scripts, dependencies } = manifestOf(project);
    assert.equal(name, "mine");
    assert.deepEqual(scripts, {
      dev: "my-dev",
      test: 'node --test "test/**/*.test.ts"',
      build: "coldframe build",
    });
    assert.equal(dependencies.zod, "4.0.0");
  });

  test("with a project in it gets the templates alone", async () => {
    const project = folderWithPackages();
    writeFileSync(join(project, "config.yaml"), "model_name: mine\n");
    await coldframe(project, "init", "--yes", "--no-install", "--infra", "gcp", "docker");
    assert.deepEqual(readdirSync(project).toSorted(), ["config.yaml", "infra", "node_modules"]);
    assert.ok(existsSync(join(project, "infra/gcp/cloudrun.yaml")));
    assert.ok(existsSync(join(project, "infra/docker/Dockerfile.server")));
    assert.equal(readFileSync(join(project, "config.yaml"), "utf8"), "model_name: mine\n");
  });
});
