// Whether .tf files are written as `terraform fmt` writes them.

import { createRequire } from "node:module";
import type { Sources } from "./_module.ts";

/** Asked for only when something is formatted: see `hcl` of _module.ts. */
const hcl = () =>
  createRequire(import.meta.url)("@cdktf/hcl-tools") as { format(text: string): Promise<string> };

/** The first line of each file that it writes otherwise. */
export async function formatProblems(sources: Sources): Promise<string[]> {
  const problems = Object.entries(sources).map(async ([name, text]) => {
    const [found, allowed] = [text.split("\n"), (await hcl().format(text)).split("\n")];
    const line = allowed.findIndex((wanted, i) => wanted !== found[i]);
    return line === -1 ? [] : [`${name}:${line + 1}: found "${found[line]}", allowed "${allowed[line]}"`];
  });
  return (await Promise.all(problems)).flat();
}
