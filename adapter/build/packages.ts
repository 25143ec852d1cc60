// npm packages as they lie on disk: which package a file belongs to, where a name leads to from a folder. Node's own
// resolution answers with a file; the build needs the folder and the manifest. Layouts: npm, pnpm, yarn's node_modules.

import { existsSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";

/** The part of package.json the build reads. */
export interface Manifest {
  readonly name: string;
  readonly version?: string;
  readonly gypfile?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export interface Package {
  readonly name: string;
  readonly version: string;
  /** Absolute, symlinks resolved. */
  readonly folder: string;
  readonly manifest: Manifest;
}

/** `@img/sharp/lib/x.js` is of the package `@img/sharp`; undefined for a path. */
export function packageName(specifier: string): string | undefined {
  return /^(@[^/@\s]+\/[^/\s]+|[^./@#\s][^/\s]*)(\/|$)/.exec(specifier)?.[1];
}

/** The package `name` as code in `folder` would find it. */
export function findPackage(name: string, folder: string): Package | undefined {
  for (let at = folder; ; at = dirname(at)) {
    const candidate = join(at, "node_modules", name);
    if (existsSync(join(candidate, "package.json"))) return readPackage(realpathSync(candidate));
    if (at === dirname(at)) return undefined;
  }
}

/** The package a file belongs to: the nearest package.json above it that has a name. */
export function packageOf(file: string): Package | undefined {
  for (let at = dirname(file); at !== dirname(at); at = dirname(at)) {
    // dist/esm/package.json with nothing but a "type" is common; it is no package of its own.
    const found = existsSync(join(at, "package.json")) ? readPackage(at) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

function readPackage(folder: string): Package | undefined {
  try {
    const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
    if (typeof manifest.name !== "string") return undefined;
    return { name: manifest.name, version: manifest.version ?? "0.0.0", folder, manifest };
  } catch {
    return undefined;
  }
}
