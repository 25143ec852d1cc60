// From `npm pack` to an answer, as a user gets there: what is in the tarball, and a project outside of the repository
// that installs it, type-checks against it, builds with it and is invoked.

import assert from "node:assert/strict";
import { cpSync, existsSync, readFileSync } from "node:fs";
import { homedir, userInfo } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { before, describe, test } from "node:test";
import {
  type Ended,
  install,
  makeFolder,
  pack,
  type Packed,
  REPOSITORY,
  run,
  STALE_FILE,
  typeCheck,
} from "./_package.ts";

const LIMIT_BYTES = 512 * 1024;
const LIMIT_UNPACKED_BYTES = 2 * 1024 * 1024;

/** Copied into projects, or used by them where they lie. */
const TEMPLATES = /^(infra|adapter\/cli\/init\/templates)\/(?!.*\bclients\/.*\.ts$)/;

/** What `engines` asks for. */
const OLDEST_MAJOR = 22;

/** Imported by what the build writes for a function that uses it. */
const OF_THE_ENTRY = ["@opentelemetry/api"];

/** A static import or re-export of a package, in what tsc writes. */
const IMPORT = /^(?:import|export) (?:[\w\s*{},$]+ from )?"([^".][^"]*)"/gm;

const ANSWER = "Grüße one two";

let packed: Packed;
let project: string;
/** The same with an installation of its own. */
let elsewhere: string;

before(async () => {
  packed = await pack();
  project = await install(packed, "project");
  elsewhere = join(makeFolder(), "mein Modell für später");
  cpSync(project, elsewhere, { recursive: true, verbatimSymlinks: true });
});

describe("the tarball", () => {
  test("holds dist/, templates and the papers, and nothing else", () => {
    const paths = packed.files.map(({ path }) => path).filter((path) => !TEMPLATES.test(path));
    const papers = ["package.json", "README.md", "LICENSE", "CHANGELOG.md"];
    assert.deepEqual(
      paths.filter((path) => !path.startsWith("dist/")).toSorted(),
      papers.filter((name) => existsSync(join(REPOSITORY, name))).toSorted(),
    );
    assert.deepEqual(
      paths.filter((path) => path.startsWith("dist/") && !/(\.m?js|\.d\.m?ts)$/.test(path)),
      [],
    );
    assert.deepEqual(
      paths.filter(
        (path) =>
          path.startsWith("dist/") &&
          !/^dist\/(adapter\/|infra\/(cdk|clients)\/|esbuild\.config\.)/.test(path),
      ),
      [],
    );
    assert.deepEqual(
      paths.filter((path) => /(^|[/._-])(tests?|fixtures|bench|examples)[/.]/.test(path)),
      [],
    );
  });

  test("has the declarations that a user's imports lead to, and no others", () => {
    const { exports } = JSON.parse(readFileSync(join(packed.folder, "package.json"), "utf8"));
    const reached = new Set<string>();
    const reach = (file: string) => {
      if (reached.has(file)) return;
      reached.add(file);
      const text = readFileSync(join(packed.folder, file), "utf8");
      for (const [, specifier = ""] of text.matchAll(/(?:from |import\()"(\.[^"]+)"/g)) {
        reach(join(dirname(file), specifier.replace(/\.[tj]s$/, ".d.ts")));
      }
    };
    for (const { types } of Object.values<{ types?: string }>(exports)) if (types) reach(join(types));
    const declared = packed.files.map(({ path }) => path).filter((path) => /\.d\.m?ts$/.test(path));
    assert.deepEqual(declared.toSorted(), [...reached].toSorted());
  });

  test("has nothing of an earlier build", () => {
    assert.ok(!existsSync(join(packed.folder, STALE_FILE)));
  });

  test("names no folder and no user of this machine", () => {
    const names = [packed.builtIn, REPOSITORY, homedir()].filter((name) => name.length > 1);
    const user = userInfo().username;
    for (const { path } of packed.files) {
      const text = readFileSync(join(packed.folder, path), "latin1");
      for (const name of names) assert.ok(!text.includes(`${name}/`), `${path} has ${name}`);
      assert.ok(!text.includes(`/home/${user}`), `${path} has the user's folder`);
      assert.doesNotMatch(text, /\/tmp\/(?!coldframe\b)[\w-]+|file:\/\/\/(?!folder\/|volume\/)\w/, path);
    }
  });

  test("has the size of a tool without data", (t) => {
    t.diagnostic(`${packed.bytes} bytes, ${packed.unpackedBytes} unpacked, ${packed.files.length} files`);
    assert.ok(packed.bytes < LIMIT_BYTES, `${packed.bytes} bytes`);
    assert.ok(packed.unpackedBytes < LIMIT_UNPACKED_BYTES, `${packed.unpackedBytes} bytes unpacked`);
  });

  test("declares each package that it imports, and no other", () => {
    const imported = packed.files
      .filter(({ path }) => path.startsWith("dist/"))
      .flatMap(({ path }) => [...readFileSync(join(packed.folder, path), "utf8").matchAll(IMPORT)])
      .map(([, specifier]) => /^(@[^/]+\/)?[^/]+/.exec(specifier ?? "")?.[0] ?? "")
      .filter((name) => !name.startsWith("node:"));
    const manifest = JSON.parse(readFileSync(join(packed.folder, "package.json"), "utf8"));
    const declared = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
    assert.deepEqual([...new Set([...imported, ...OF_THE_ENTRY])].toSorted(), declared.toSorted());
  });

  test("points at files that are there", () => {
    const { exports, bin } = JSON.parse(readFileSync(join(packed.folder, "package.json"), "utf8"));
    const targets = [...Object.values(exports["."]), exports["./package.json"], ...Object.values(bin)];
    for (const target of targets) assert.ok(existsSync(join(packed.folder, target)), target);
    assert.match(readFileSync(join(packed.folder, bin.coldframe), "utf8"), /^#!\/usr\/bin\/env node\n/);
  });
});

describe("a project's types", () => {
  const modern = { target: "es2023", module: "nodenext", types: ["node"], verbatimModuleSyntax: true };
  const bundler = { ...modern, module: "esnext", moduleResolution: "bundler" };
  const typeRoots = [join(REPOSITORY, "node_modules/@types")];

  test("are right under strict and nodenext", async () => {
    assert.equal(await typeCheck(project, { ...modern, typeRoots }), "");
  });

  test("are right under strict and bundler", async () => {
    assert.equal(await typeCheck(project, { ...bundler, typeRoots }), "");
  });
});

describe("the command", () => {
  test("answers npx coldframe --help", async () => {
    const { status, stdout } = await run("npx", ["coldframe", "--help"], { cwd: project });
    assert.equal(status, 0);
    assert.match(stdout, /^Usage: coldframe /);
    for (const name of ["build", "dev", "invoke"]) assert.match(stdout, new RegExp(`^ {2}${name} `, "m"));
  });

  test("builds, and invokes what it builds", async () => {
    await buildsAndAnswers(project, "npx");
  });

  test("works in a folder with a space and a letter beyond ASCII in its name", async () => {
    await buildsAndAnswers(elsewhere);
  });

  test("streams", async () => {
    const { status, body, ms } = await json(
      await coldframe(project, ["invoke", "--json", ...data("one two")]),
    );
    assert.deepEqual([status, body], [200, ANSWER]);
    // The model pauses twice for 150 ms after its first word.
    assert.ok(ms.total - ms.first_byte > 200, JSON.stringify(ms));
  });

  test("refuses an invalid input with status 1 and says where it is wrong", async () => {
    const { status, stdout, stderr } = await coldframe(project, ["invoke", "--data", '{"prompt":7}']);
    assert.deepEqual([status, stdout], [1, ""]);
    assert.match(stderr, /^INPUT_INVALID: .*prompt/m);
  });

  test("lets a ColdframeError of the model through, also when the command is another installation's", async () => {
    for (const folder of [project, elsewhere]) {
      const ended = await coldframe(project, ["invoke", folder, "--json", ...data("too long")]);
      const { status, body } = json(ended);
      assert.deepEqual([ended.status, status, body.error.code], [1, 413, "INPUT_TOO_LARGE"]);
      assert.equal(body.error.message, "the prompt is too long. Send a shorter one.");
    }
  });

  test("works on the machine's own Node", async (t) => {
    const node = await otherNode();
    if (typeof node === "string") return t.skip(node);
    t.diagnostic(`Node ${node.version}`);
    await buildsAndAnswers(project, "coldframe", node.bin);
  });
});

/** @param how by what name the command is called */
async function buildsAndAnswers(
  folder: string,
  how: "npx" | "coldframe" = "coldframe",
  bin?: string,
): Promise<void> {
  const call = (args: string[]) => coldframe(folder, args, how, bin);
  const built = await call(["build"]);
  assert.equal(built.status, 0, built.stderr);
  assert.match(built.stdout, /^artifact +\S.*dist\/lambda$/m);
  assert.ok(existsSync(join(folder, "dist/lambda.zip")));
  assert.ok(existsSync(join(folder, "dist/lambda/bundle.cjs")));
  const answered = await call(["invoke", ...data("one two")]);
  assert.deepEqual([answered.status, answered.stdout], [0, ANSWER], answered.stderr);
}

function data(prompt: string): string[] {
  return ["--data", JSON.stringify({ prompt })];
}

function json({ stdout, stderr }: Ended) {
  assert.notEqual(stdout, "", stderr);
  return JSON.parse(stdout);
}

function coldframe(
  cwd: string,
  args: readonly string[],
  how: "npx" | "coldframe" = "coldframe",
  bin?: string,
): Promise<Ended> {
  const options = { cwd, ...(bin !== undefined && { bin }) };
  if (how === "npx") return run("npx", ["coldframe", ...args], options);
  return run(join(cwd, "node_modules/.bin/coldframe"), args, options);
}

/** A Node on PATH that is not this one, or why there is none that counts. */
async function otherNode(): Promise<{ bin: string; version: string } | string> {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const bin = folders.find(
    (folder) => existsSync(join(folder, "node")) && !/[/\\]node_modules[/\\]/.test(folder),
  );
  if (bin === undefined) return "there is no node on PATH beside that of the repository";
  const { stdout } = await run(join(bin, "node"), ["--version"], { cwd: project });
  const version = stdout.trim().slice(1);
  if (bin === dirname(process.execPath)) return `it is the Node that runs the tests, ${version}`;
  if (Number.parseInt(version, 10) >= OLDEST_MAJOR) return { bin, version };
  return `${join(bin, "node")} is Node ${version}; engines says >=${OLDEST_MAJOR}`;
}
