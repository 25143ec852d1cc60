// README is a test: its model is built and asked, its tables are compared with what the code knows, and its commands
// exist.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { readConfig } from "../adapter/build/config.ts";
import { CODES } from "../adapter/runtime/errors.ts";

const ROOT = join(import.meta.dirname, "..");
const README = readFileSync(join(ROOT, "README.md"), "utf8");

test("the model of README is built and answers as README says", () => {
  const project = mkdtempSync(join(tmpdir(), "coldframe-readme-"));
  after(() => rmSync(project, { recursive: true, force: true }));
  write(project, "config.yaml", block("yaml", "model_name"));
  write(project, "model/model.ts", block("ts", "class Model"));
  symlinkSync(join(ROOT, "node_modules"), join(project, "node_modules"));

  const session = block("console", "coldframe invoke");
  const [, data = ""] = /--data '(.*)'/.exec(session) ?? [];
  const owed = session.split("\n").slice(1).join("\n").trim();
  const cli = join(ROOT, "adapter", "cli", "main.ts");
  const answer = execFileSync(process.execPath, [cli, "invoke", "--data", data], {
    cwd: project,
    encoding: "utf8",
  });
  assert.equal(answer.trim(), owed);
});

for (const library of ["valibot", "arktype"]) {
  test(`the model of README that is typed with ${library} is built and answers`, () => {
    const project = mkdtempSync(join(tmpdir(), "coldframe-readme-"));
    after(() => rmSync(project, { recursive: true, force: true }));
    write(project, "config.yaml", "model_name: typed\n");
    write(project, "model/model.ts", block("ts", `from "${library}"`));
    write(project, "examples.yaml", block("yaml", "name: twice"));
    symlinkSync(join(ROOT, "node_modules"), join(project, "node_modules"));
    const cli = join(ROOT, "adapter", "cli", "main.ts");
    const args = [cli, "invoke", "--example", "twice"];
    const answer = execFileSync(process.execPath, args, { cwd: project, encoding: "utf8" });
    assert.equal(answer.trim(), '"abab"');
  });
}

test("the chat model of README answers a client of OpenAI's", async () => {
  const project = mkdtempSync(join(tmpdir(), "coldframe-readme-"));
  after(() => rmSync(project, { recursive: true, force: true }));
  write(project, "config.yaml", "model_name: chat\n");
  write(project, "model/model.ts", block("ts", "async *chatCompletions"));
  const cli = join(ROOT, "adapter", "cli", "main.ts");
  const request = { model: "any", messages: [{ role: "user", content: "hello there" }] };
  const args = [cli, "invoke", "--path", "/v1/chat/completions", "--data", JSON.stringify(request)];
  const answer = execFileSync(process.execPath, args, { cwd: project, encoding: "utf8" });
  const { choices } = JSON.parse(answer) as { choices: { message: { content: string } }[] };
  assert.equal(choices[0]?.message.content, "You said: hello there");
});

test("the table of errors is the table of the code", () => {
  const owed = [
    ...Object.entries(CODES.invocation).map(([code, status]) => `${code} ${status}`),
    ...CODES.init.map((code) => `${code} init`),
    ...CODES.build.map((code) => `${code} build`),
  ];
  const rows = [...section("Errors").matchAll(/^\| `([A-Z_]+)` \| (\w+) \|/gm)].map(
    ([, code, status]) => `${code} ${status}`,
  );
  assert.deepEqual(rows.toSorted(), owed.toSorted());
});

test("the table of config.yaml has every key, with its default", () => {
  const project = mkdtempSync(join(tmpdir(), "coldframe-readme-"));
  after(() => rmSync(project, { recursive: true, force: true }));
  write(project, "config.yaml", "model_name: x\n");
  const defaults = readConfig(project).config as unknown as Record<string, unknown>;
  const rows = new Map(
    [...section("config.yaml").matchAll(/^\| (`[^|]+) \|([^|]*)\|/gm)].flatMap(([, keys = "", value = ""]) =>
      [...keys.matchAll(/`([\w.]+)`/g)].map(
        ([, key = ""]) => [key, value.trim().replaceAll("`", "")] as const,
      ),
    ),
  );
  for (const [key, value] of leaves(defaults)) {
    // A section whose keys all lack a default.
    if (isEmpty(value) && [...rows.keys()].some((row) => row.startsWith(`${key}.`))) continue;
    const said = rows.get(key) ?? rows.get(key.split(".")[0] ?? "");
    assert.ok(said !== undefined, `${key} is not in the table`);
    if (key !== "model_name") assert.equal(said, toYaml(value), key);
  }
});

test("the commands of README exist", () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  for (const [, name = ""] of README.matchAll(/npm (?:run )?(start|test|bench|lint|typecheck)\b/g)) {
    assert.ok(scripts[name] !== undefined, `npm ${name}`);
  }
  const commands = readdirSync(join(ROOT, "adapter", "cli"));
  for (const [, name = ""] of README.matchAll(/npx coldframe ([\w-]+)/g))
    assert.ok(commands.includes(`${name}.ts`), name);
  for (const [, name = ""] of README.matchAll(/npm run bench -- ([\w-]+)/g)) {
    assert.ok(existsSync(join(ROOT, "bench", `${name}.ts`)), `bench ${name}`);
  }
});

test("the table of config.yaml names the keys that have no default, too", () => {
  const surface = readFileSync(join(ROOT, "test", "package", "surface.txt"), "utf8");
  const table = section("config.yaml");
  const keys = [...surface.matchAll(/^ *((?:serverless|server|runtime|resources)\.[\w.]+):/gm)];
  assert.ok(keys.length > 30);
  for (const [, key = ""] of keys) assert.ok(table.includes(key.split(".").at(-1) as string), key);
});

test("the samples of README for the CDK and for callers have no errors of type", () => {
  const folder = mkdtempSync(join(tmpdir(), "coldframe-readme-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  write(folder, "package.json", '{ "type": "module" }');
  write(folder, "cdk.ts", block("ts", "ModelFunction"));
  write(folder, "client.ts", block("ts", "createClient"));
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  const paths = {
    "coldframe/cdk": [join(ROOT, "infra/cdk/index.ts")],
    "coldframe/client": [join(ROOT, "infra/clients/index.ts")],
  };
  const compilerOptions = { paths, noEmit: true, typeRoots: [join(ROOT, "node_modules/@types")] };
  const config = { extends: join(ROOT, "tsconfig.json"), compilerOptions, include: ["*.ts"], exclude: [] };
  write(folder, "tsconfig.json", JSON.stringify(config));
  const tsc = join(ROOT, "node_modules", "typescript", "bin", "tsc");
  execFileSync(process.execPath, [tsc, "-p", folder], { encoding: "utf8" });
});

test("the links of README, the map and CONTRIBUTING lead somewhere", () => {
  for (const page of [
    "README.md",
    "adapter/README.md",
    "CONTRIBUTING.md",
    "examples/README.md",
    "infra/README.md",
  ]) {
    const text = readFileSync(join(ROOT, page), "utf8");
    for (const [, link = ""] of text.matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
      assert.ok(existsSync(join(ROOT, dirname(page), link)), `${page}: ${link}`);
    }
  }
});

test("the map names every file of the runtime's floors", () => {
  const map = readFileSync(join(ROOT, "adapter", "README.md"), "utf8");
  for (const file of readdirSync(join(ROOT, "adapter", "runtime")).filter((name) =>
    /\.(ts|mjs)$/.test(name),
  )) {
    assert.ok(map.includes(file), `adapter/README.md does not mention runtime/${file}`);
  }
});

/** The first fenced block in `language` that holds `text`. */
function block(language: string, text: string): string {
  const blocks = [...README.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, "gm"))];
  const found = blocks.find(([, content]) => content?.includes(text))?.[1];
  assert.ok(found !== undefined, `README has no ${language} block with ${text}`);
  return found;
}

function section(title: string): string {
  const [, text = ""] =
    new RegExp(`^## ${title}\n([\\s\\S]*?)(?=^## |$(?![\\s\\S]))`, "m").exec(README) ?? [];
  return text;
}

function* leaves(value: Record<string, unknown>, path = ""): Generator<readonly [string, unknown]> {
  for (const [key, inner] of Object.entries(value)) {
    const isBranch =
      typeof inner === "object" && inner !== null && !Array.isArray(inner) && Object.keys(inner).length > 0;
    if (isBranch) yield* leaves(inner as Record<string, unknown>, `${path}${key}.`);
    else yield [`${path}${key}`, inner];
  }
}

const isEmpty = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.keys(value).length === 0;

function toYaml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.join(", ")}]`;
  return typeof value === "object" ? "{}" : String(value);
}

function write(folder: string, path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}
