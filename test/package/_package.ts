// The package as its users get it: packed by npm from a copy of the repository, so that runs side by side do not share
// dist/, and installed into a project outside of the repository.

import { execFile } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, delimiter, dirname, join, relative, resolve } from "node:path";
import { after } from "node:test";

export const REPOSITORY = resolve(import.meta.dirname, "../..");
export const FIXTURES = join(import.meta.dirname, "fixtures");

/** What a build left behind that has since been renamed; packed, it would be a legal value of `serverless.events`. */
export const STALE_FILE = "dist/adapter/runtime/events/renamed-since.js";

/** npm may have to ask the registry. */
const LIMIT_MS = 120_000;

export interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd: string;
  /** In front of PATH; by default where this process's Node is. */
  readonly bin?: string;
}

/** Runs a program to its end, whatever that is; standard input is empty. */
export function run(file: string, args: readonly string[], { cwd, bin }: RunOptions): Promise<Ended> {
  const env = {
    ...cleanEnvironment(),
    PATH: [bin ?? dirname(process.execPath), process.env["PATH"]].join(delimiter),
  };
  return new Promise((ended) => {
    const child = execFile(file, args, { cwd, env, timeout: LIMIT_MS }, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      ended({ status, stdout, stderr: status === -1 ? `${stderr}\n${error}` : stderr });
    });
    child.stdin?.end();
  });
}

/** Runs a program that has to end well. @returns its standard output */
export async function runWell(file: string, args: readonly string[], options: RunOptions): Promise<string> {
  const { status, stdout, stderr } = await run(file, args, options);
  if (status === 0) return stdout;
  throw new Error(`${basename(file)} ${args.join(" ")} ended with ${status}\n${stderr}${stdout}`);
}

/** What npm and the test runner tell their children, less where packages come from, is not for a user's npm and node. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept =
    /^npm_config_(registry|cache|userconfig|globalconfig|cafile|strict_ssl|(https?_|no_?)?proxy|.*offline)$/i;
  const dropped = /^(npm_|INIT_CWD$|NODE_TEST|NODE_OPTIONS$|NODE_V8)/i;
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => kept.test(name) || !dropped.test(name)),
  );
}

/** Not in makeFolder: within a hook it would be the hook's own end. */
const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** An empty folder outside of the repository, removed after the tests of the file. */
export function makeFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "coldframe-package-")));
  folders.push(folder);
  return folder;
}

export interface Packed {
  /** Absolute path of the .tgz. */
  readonly tarball: string;
  /** The unpacked package. */
  readonly folder: string;
  /** Inside the package, with slashes. */
  readonly files: readonly { readonly path: string; readonly size: number; readonly mode: number }[];
  /** Where it was built: what must not be named in it. */
  readonly builtIn: string;
  readonly bytes: number;
  readonly unpackedBytes: number;
}

/** `npm pack`, which builds first. */
export async function pack(): Promise<Packed> {
  const place = makeFolder();
  const copy = join(place, "repository");
  cpSync(REPOSITORY, copy, {
    recursive: true,
    filter: (path) =>
      !/^(node_modules|dist|\.git|\.coldframe|.*\.tgz)$/.test(basename(relative(REPOSITORY, path))),
  });
  symlinkSync(join(REPOSITORY, "node_modules"), join(copy, "node_modules"));
  mkdirSync(dirname(join(copy, STALE_FILE)), { recursive: true });
  writeFileSync(join(copy, STALE_FILE), "export default {};\n");

  const stdout = await runWell("npm", ["pack", "--json", "--loglevel=error", "--pack-destination", place], {
    cwd: copy,
  });
  // Scripts of the package write to the same standard output.
  const [packed] = JSON.parse(stdout.slice(stdout.search(/^\[/m)));
  const tarball = join(place, packed.filename);
  await runWell("tar", ["-xzf", tarball], { cwd: place });
  const { files, size: bytes, unpackedSize: unpackedBytes } = packed;
  return { tarball, folder: join(place, "package"), files, builtIn: copy, bytes, unpackedBytes };
}

/**
 * A project with the package and zod, as `npm install` puts them there.
 * @param fixture a folder of fixtures/, copied into it
 */
export async function install({ tarball }: Packed, fixture?: string): Promise<string> {
  const project = join(makeFolder(), "project");
  if (fixture === undefined) mkdirSync(project);
  else cpSync(join(FIXTURES, fixture), project, { recursive: true });
  writeFileSync(join(project, "package.json"), '{ "private": true, "type": "module" }\n');
  const range = JSON.parse(readFileSync(join(REPOSITORY, "package.json"), "utf8")).dependencies.zod;
  const quiet = ["--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"];
  await runWell("npm", ["install", tarball, `zod@${range}`, ...quiet], { cwd: project });
  return project;
}

export interface TypeCheckOptions {
  /** Default: every file. */
  readonly include?: readonly string[];
  /** Default: this repository's. */
  readonly tsc?: string;
}

/** Type-checks a project by its tsconfig.json, which this writes. @returns what tsc has to say, "" when all is well */
export async function typeCheck(
  project: string,
  compilerOptions: Readonly<Record<string, unknown>>,
  { include = ["**/*.ts"], tsc = join(REPOSITORY, "node_modules/typescript/bin/tsc") }: TypeCheckOptions = {},
): Promise<string> {
  const config = { compilerOptions: { noEmit: true, strict: true, ...compilerOptions }, include };
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify(config));
  return typeCheckAsIs(project, tsc);
}

/** The same by the tsconfig.json that the project has. */
export async function typeCheckAsIs(
  project: string,
  tsc = join(REPOSITORY, "node_modules/typescript/bin/tsc"),
): Promise<string> {
  const { status, stdout, stderr } = await run(process.execPath, [tsc, "-p", "."], { cwd: project });
  return status === 0 ? "" : `tsc ended with ${status}\n${stdout}${stderr}`;
}
