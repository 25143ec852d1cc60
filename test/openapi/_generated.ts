// A model behind its function URL, and a client generated from what it says at /openapi.json: built, started, generated
// and compiled as a user would, in a folder that goes with the process.

import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { build } from "../../adapter/build/build.ts";
import type { Target } from "../../adapter/build/runtime-files.ts";
import { hostArchitecture } from "../../adapter/cli/build.ts";
import { startFunctionUrl } from "../../adapter/local/function-url.ts";
import { startLocalLambda } from "../../adapter/local/local-lambda.ts";

/** What package.json of this folder installs. */
export const TOOLS: string = join(import.meta.dirname, "node_modules");

const scratch = mkdtempSync(join(tmpdir(), "coldframe-openapi-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));

export interface Started {
  readonly url: string;
  close(): Promise<void>;
}

/** Build a project and start it. @returns also the artifact's openapi.json */
export async function start(project: string): Promise<Started> {
  const { directory } = await buildHere(project, "lambda");
  const lambda = await startLocalLambda({ artifact: directory });
  const front = await startFunctionUrl({ lambda: () => lambda });
  return {
    url: front.url,
    close: async () => {
      await front.close();
      await lambda.close();
    },
  };
}

/** Build a project for this machine, away from its own dist/. */
export function buildHere(project: string, target: Target) {
  const outDir = mkdtempSync(join(scratch, "dist-"));
  return build({ project, target, outDir, architecture: hostArchitecture(), zip: false, codeCache: false });
}

/** A copy of a fixture, with the repository's packages. */
export function fixture(name: string): string {
  const project = mkdtempSync(join(scratch, `${name}-`));
  cpSync(join(import.meta.dirname, "models", name), project, { recursive: true });
  symlinkSync(join(import.meta.dirname, "..", "..", "node_modules"), join(project, "node_modules"));
  return project;
}

/** What Redocly's linter has against a document; "" when there is no error. */
export async function lint(document: string): Promise<string> {
  const file = join(mkdtempSync(join(scratch, "lint-")), "openapi.json");
  writeFileSync(file, document);
  const environment = { REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" };
  return tool("@redocly/cli/bin/cli.js", ["lint", file], environment);
}

/** As strict as a user may be. */
const COMPILER = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noEmit: true,
  module: "nodenext",
  target: "es2023",
  lib: ["es2023", "dom", "dom.iterable", "dom.asynciterable"],
  types: [],
};

/**
 * Generate the types of what runs at `url`, compile client/<name>.ts against them, and import it.
 * @throws with the compiler's words
 */
export async function generateClient<Client>(name: string, url: string): Promise<Client> {
  const folder = mkdtempSync(join(scratch, "client-"));
  symlinkSync(TOOLS, join(folder, "node_modules"));
  cpSync(join(import.meta.dirname, "client", `${name}.ts`), join(folder, "client.ts"));
  const generated = ["-o", join(folder, "api.d.ts"), "--default-non-nullable", "false"];
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ compilerOptions: COMPILER, include: ["*.ts"] }),
  );
  const problems =
    (await tool("openapi-typescript/bin/cli.js", [`${url}/openapi.json`, ...generated])) ||
    (await tool("typescript/bin/tsc", ["-p", folder]));
  if (problems !== "") throw new Error(problems);
  return (await import(pathToFileURL(join(folder, "client.ts")).href)) as Client;
}

/** Run one of the tools. @returns all it said when it failed, else "" */
async function tool(program: string, args: readonly string[], environment = {}): Promise<string> {
  try {
    const env = { ...process.env, ...environment };
    await promisify(execFile)(process.execPath, [join(TOOLS, program), ...args], { env });
    return "";
  } catch (error) {
    const { stdout = "", stderr = "", message } = error as Error & { stdout?: string; stderr?: string };
    return `${message}\n${stdout}${stderr}`;
  }
}
