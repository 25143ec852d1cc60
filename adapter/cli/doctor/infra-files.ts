// The files of a project's infra/ folder, less what its tools put there.

import { existsSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";

const TOOLS = /(^|\/)(node_modules|\.terraform|\.aws-sam|cdk\.out)(\/|$)/;

/** Relative to the project, with "/", sorted. */
export function infraFiles(project: string, name: RegExp, folder = "infra"): string[] {
  if (!existsSync(join(project, folder))) return [];
  return readdirSync(join(project, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && name.test(entry.name))
    .map((entry) => relative(project, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
    .filter((file) => !TOOLS.test(file))
    .sort();
}
