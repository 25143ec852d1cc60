// How a process of the function is started: which node, with which flags, running which client. Flags are those of the
// managed runtime as far as they are known: they decide whether V8 accepts the artifact's code cache.
// Source: the flag filter of aws-lambda-ric's WorkerManager; docs.aws.amazon.com/lambda/latest/dg/lambda-nodejs.html.

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** `local` is ours and starts at once; `aws-lambda-ric` is what AWS runs. */
export type Client = "local" | "aws-lambda-ric";

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
}

const RUNTIME_MAJOR = 24;
const RIC = "aws-lambda-ric";

/**
 * @param folders where to look for packages, first match wins
 * @param ricPath index.mjs of aws-lambda-ric or a folder that holds the package; before all folders
 * @throws when aws-lambda-ric is asked for and not installed
 */
export function runtimeCommand(
  client: Client,
  memoryMb: number,
  folders: readonly string[],
  ricPath: string | undefined = process.env["COLDFRAME_RIC"],
): Command {
  const flags = [
    "--expose-gc",
    "--max-http-header-size=81920",
    "--no-experimental-require-module",
    "--no-experimental-detect-module",
    `--max-old-space-size=${memoryMb}`,
  ];
  const program = client === "local" ? ownClient() : findRic(folders, ricPath);
  return { file: findNode(folders), args: [...flags, program] };
}

/** index.mjs of aws-lambda-ric. @throws when it is nowhere */
export function findRic(folders: readonly string[], ricPath?: string): string {
  if (ricPath !== undefined && ricPath !== "") {
    const places = [
      ricPath,
      path.join(ricPath, "index.mjs"),
      path.join(ricPath, "node_modules", RIC, "index.mjs"),
    ];
    const found = places.find((place) => place.endsWith(".mjs") && existsSync(place));
    if (found !== undefined) return path.resolve(found);
    throw missingRic(`nothing at ${ricPath}`);
  }
  const found = resolveFirst(`${RIC}/package.json`, folders);
  if (found === undefined) throw missingRic(`looked in ${folders.join(", ")}`);
  return path.join(path.dirname(found), "index.mjs");
}

function findNode(folders: readonly string[]): string {
  if (Number.parseInt(process.versions.node, 10) >= RUNTIME_MAJOR) return process.execPath;
  // The npm package `node` carries the binary of its own version.
  const found = resolveFirst("node/package.json", folders);
  const binary = found === undefined ? undefined : path.join(path.dirname(found), "bin", "node");
  return binary !== undefined && existsSync(binary) ? binary : process.execPath;
}

function ownClient(): string {
  const extension = path.extname(import.meta.url);
  return fileURLToPath(new URL(`./client/runtime-client${extension}`, import.meta.url));
}

function resolveFirst(request: string, folders: readonly string[]): string | undefined {
  for (const folder of [...folders, import.meta.dirname]) {
    try {
      return createRequire(path.join(path.resolve(folder), "package.json")).resolve(request);
    } catch {
      // Not in this folder: the next one.
    }
  }
  return undefined;
}

function missingRic(where: string): Error {
  return Object.assign(new Error(`${RIC} is not installed: ${where}`), {
    code: "RIC_NOT_FOUND",
    fix:
      `Run npm i -D ${RIC} (it compiles: autoconf, automake, libtool, cmake, g++ and python3 must be there), ` +
      "or set COLDFRAME_RIC to its index.mjs, or leave out the option: Coldframe's own client sends the same bytes.",
  });
}
