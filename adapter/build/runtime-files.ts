// Where our own files lie. The same source runs from the repository (.ts) and from the published package (.js, in
// dist/), so every path is relative to this file and has this file's extension.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, extname, join, resolve } from "node:path";

const EXTENSION = extname(import.meta.filename);
const ADAPTER = resolve(import.meta.dirname, "..");

/** Absolute path of a module of adapter/, named without its extension: `runtime/targets/lambda`. */
export function adapterFile(name: string): string {
  return join(ADAPTER, `${name}${EXTENSION}`);
}

/** Absolute path of the adapter's folder. */
export function adapterFolder(): string {
  return ADAPTER;
}

/** index.mjs of every artifact. */
export function stubFile(): string {
  return join(ADAPTER, "runtime", "stub.mjs");
}

/** The legal values of `serverless.events`: the files of runtime/events/ that do not begin with "_". */
export function eventNames(): readonly string[] {
  return namesIn("events");
}

/** What `--target` may name: the files of runtime/targets/ that do not begin with "_". */
export function targetNames(): readonly Target[] {
  return namesIn("targets") as readonly Target[];
}

/** Where a build runs. */
export type Target = "lambda" | "server";

/** The legal schemes of a weights source: the files of runtime/weights/ that do not begin with "_". */
export function weightsSchemes(): readonly string[] {
  return namesIn("weights");
}

function namesIn(folder: string): readonly string[] {
  return readdirSync(join(ADAPTER, "runtime", folder))
    .filter((name) => name.endsWith(EXTENSION) && !name.endsWith(".d.ts") && !name.startsWith("_"))
    .map((name) => name.slice(0, -EXTENSION.length))
    .toSorted();
}

/** The version in our package.json. */
export const coldframeVersion = (): string => packageManifest().version;

/** The packages that are installed with ours, unlike those that are the model's to install. */
export const ownDependencies = (): readonly string[] => Object.keys(packageManifest().dependencies);

/** Of our package.json, as it is published. */
export interface PackageManifest {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

export function packageManifest(): PackageManifest {
  return JSON.parse(readFileSync(join(packageFolder(), "package.json"), "utf8")) as PackageManifest;
}

/** Absolute path of our package: the repository, or node_modules/coldframe. */
export function packageFolder(): string {
  for (let folder = ADAPTER; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json"))) return folder;
    if (folder === dirname(folder)) throw new Error(`no package.json above ${ADAPTER}`);
  }
}
