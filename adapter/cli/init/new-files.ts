// Files of a new project: all of them or none, and over none that is there. package.json alone is merged into.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { Refusal } from "../refusal.ts";

export interface NewFile {
  /** Relative to the project, with "/". */
  readonly path: string;
  readonly contents: string | Uint8Array;
}

/** Every file below a folder, with its path there, in the order of the paths. */
export function filesBelow(folder: string): { readonly path: string; readonly contents: Buffer }[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => ({ path: relative(folder, file).replaceAll("\\", "/"), contents: readFileSync(file) }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Two of one are as good as one: somebody's own stays. */
const KEPT = new Set([".gitignore", "README.md", "tsconfig.json"]);

/**
 * Write them.
 * @param manifest package.json, which may be there
 * @returns the paths of what was written
 * @throws PROJECT_EXISTS naming every file that is there already
 */
export function writeNewFiles(
  project: string,
  files: readonly NewFile[],
  manifest: NewFile | undefined,
): string[] {
  const isThere = ({ path }: NewFile) => existsSync(join(project, path));
  const kept = files.filter((file) => KEPT.has(file.path) && isThere(file));
  const wanted = files.filter((file) => !kept.includes(file));
  const taken = wanted.filter(isThere).map(({ path }) => path);
  if (taken.length > 0) {
    throw new Refusal("PROJECT_EXISTS", `${project} has ${taken.join(", ")} already; nothing was written.`, {
      fix: "Move them away, or name another folder.",
    });
  }
  const all = manifest === undefined ? wanted : [manifest, ...wanted];
  const written: string[] = [];
  try {
    for (const { path, contents } of all) {
      mkdirSync(dirname(join(project, path)), { recursive: true });
      writeFileSync(join(project, path), contents);
      if (path !== manifest?.path) written.push(path);
    }
  } catch (error) {
    for (const path of written) rmSync(join(project, path), { force: true });
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Refusal("PROJECT_UNWRITABLE", `cannot write to ${project}: ${code ?? message}.`);
  }
  return all.map(({ path }) => path);
}
