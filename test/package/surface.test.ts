// Everything that a user can name, as one text: a name that comes, goes or changes is a line of surface.txt that does,
// and is decided on rather than slipped in.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { before, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { z as Zod } from "zod";
import { install, pack, run, runWell } from "./_package.ts";

const SNAPSHOT = join(import.meta.dirname, "surface.txt");
const UPDATE = "UPDATE_SURFACE=1 node --test test/package/surface.test.ts";

let project: string;
let folder: string;

before(async () => {
  project = await install(await pack());
  folder = join(project, "node_modules/coldframe");
});

test("the public names are those of surface.txt", async (t) => {
  const sections = {
    "package.json: exports and commands": entrances(),
    'import from "coldframe"': await names(),
    "error codes and their status": await codes(),
    coldframe: await commandLine(),
    "config.yaml": await configKeys(),
  };
  const surface = Object.entries(sections)
    .map(([title, lines]) => `${title}\n${lines.map((line) => `  ${line}\n`).join("")}`)
    .join("\n");
  if (process.env["UPDATE_SURFACE"] === "1") {
    writeFileSync(SNAPSHOT, surface);
    return t.diagnostic(`written: ${SNAPSHOT}`);
  }
  if (surface === readFileSync(SNAPSHOT, "utf8")) return;
  const now = join(project, "now.txt");
  writeFileSync(now, surface);
  const args = ["diff", "--no-index", "--no-color", "--no-ext-diff", "-U2", SNAPSHOT, now];
  const { stdout } = await run("git", args, { cwd: project });
  const lines = stdout.slice(stdout.indexOf("@@"));
  assert.fail(
    `the public names are not those of test/package/surface.txt:\n\n${lines}\nIf that is meant: ${UPDATE}`,
  );
});

function entrances(): string[] {
  const { exports, bin, engines, type } = manifest();
  const flat = Object.entries<unknown>(exports).flatMap(([subpath, target]) =>
    typeof target === "string"
      ? [`${subpath} -> ${target}`]
      : Object.entries(target as object).map(([condition, file]) => `${subpath} (${condition}) -> ${file}`),
  );
  const commands = Object.entries(bin).map(([name, file]) => `command ${name} -> ${file}`);
  return [...flat, ...commands, `type ${type}`, `node ${engines.node}`];
}

async function names(): Promise<string[]> {
  const values = Object.keys(await import(moduleUrl("dist/adapter/index.js")));
  const declared = [...read("dist/adapter/index.d.ts").matchAll(/export (type )?\{([^}]*)\}/g)].flatMap(
    ([, onlyTypes, list]) =>
      (list ?? "")
        .split(",")
        .map((name) => name.trim())
        .filter((name) => name !== "")
        .map((name) => (onlyTypes === undefined ? name : `type ${name}`)),
  );
  const rest = read("dist/adapter/index.d.ts")
    .replaceAll(/export (type )?\{[^}]*\} from "[^"]*";/g, "")
    .trim();
  assert.equal(rest, "", "index.d.ts has an export that this test does not read");
  const types = declared.filter((name) => name.startsWith("type "));
  assert.deepEqual(
    declared.filter((name) => !name.startsWith("type ")).toSorted(),
    values.toSorted(),
    "what the types promise is not what the module exports",
  );
  return [...values.toSorted(), ...types.toSorted()];
}

async function codes(): Promise<string[]> {
  const { ColdframeError, CODES } = await import(moduleUrl("dist/adapter/runtime/errors.js"));
  const lines = Object.entries<object>(CODES).flatMap(([phase, table]) =>
    (Array.isArray(table) ? table : Object.keys(table)).map((code) =>
      Array.isArray(table)
        ? `${code}  ${phase}`
        : `${code}  ${phase}, ${new ColdframeError(code, "").status}`,
    ),
  );
  return lines.toSorted();
}

/** Commands, arguments, options and what is said of their values; the sentences beside them may improve. */
async function commandLine(): Promise<string[]> {
  const subcommands = entriesOf(await help([]), "Commands")
    .map(({ term }) => term.split(" ")[0] ?? "")
    .filter((name) => name !== "help");
  const lines = entriesOf(await help([]), "Options").map(describe);
  for (const name of subcommands) {
    const text = await help([name]);
    const parts = [...entriesOf(text, "Arguments"), ...entriesOf(text, "Options")].map(describe);
    lines.push(name, ...parts.map((part) => `  ${part}`));
  }
  return lines;
}

interface HelpEntry {
  readonly term: string;
  readonly text: string;
}

function help(command: readonly string[]): Promise<string> {
  return runWell(process.execPath, [join(folder, manifest().bin.coldframe), ...command, "--help"], {
    cwd: project,
  });
}

/** One part of a help text, lines that were wrapped made one again. */
function entriesOf(text: string, section: string): HelpEntry[] {
  const body = new RegExp(`^${section}:\n((?: .*\n?)+)`, "m").exec(text)?.[1] ?? "";
  return body
    .replaceAll(/\n {4,}/g, " ")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const [term = "", ...rest] = line.trim().split(/ {2,}/);
      return { term, text: rest.join(" ") };
    });
}

function describe({ term, text }: HelpEntry): string {
  const values = /\(((?:choices|default): .*)\)$/.exec(text)?.[1];
  return values === undefined ? term : `${term}  ${values}`;
}

/** Each key with what it may be and what it is when it is not there. */
async function configKeys(): Promise<string[]> {
  const { configSchema } = await import(moduleUrl("dist/adapter/build/config-schema.js"));
  const { eventNames } = await import(moduleUrl("dist/adapter/build/runtime-files.js"));
  const { z } = createRequire(join(project, "package.json"))("zod") as { z: typeof Zod };
  const schema = z.toJSONSchema(configSchema("project", eventNames()), {
    io: "input",
    unrepresentable: "any",
  });
  return keys(schema as Node, "");
}

/** As much of JSON Schema as config.yaml's has. */
interface Node {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: boolean | Node;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly default?: unknown;
}

function keys(node: Node, prefix: string): string[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, child]) => {
    const key = prefix + name;
    if (child.properties !== undefined) return keys(child, `${key}.`);
    const otherwise = child.default === undefined ? "" : ` = ${JSON.stringify(child.default)}`;
    return [`${key}: ${kindOf(child)}${otherwise}`];
  });
}

function kindOf(node: Node): string {
  if (node.anyOf !== undefined) return node.anyOf.map(kindOf).join(" | ");
  if (node.const !== undefined) return JSON.stringify(node.const);
  if (node.enum !== undefined) return node.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (node.items !== undefined) return `list of ${kindOf(node.items)}`;
  if (typeof node.additionalProperties === "object") return `mapping to ${kindOf(node.additionalProperties)}`;
  if (node.minimum !== undefined) return `${node.minimum} to ${node.maximum}`;
  const type = [node.type ?? "any"].flat().join(" | ");
  return node.pattern === undefined ? type : `${type} ${node.pattern}`;
}

function manifest() {
  return JSON.parse(read("package.json"));
}

function read(path: string): string {
  return readFileSync(join(folder, path), "utf8");
}

function moduleUrl(path: string): string {
  return pathToFileURL(join(folder, path)).href;
}
