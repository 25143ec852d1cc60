// The files of a new project: what all have, and what its template has, from init/templates/. `__name__` stands for the
// model's name.

import { join } from "node:path";
import { packageFolder } from "../../build/runtime-files.ts";
import { filesBelow, type NewFile } from "./new-files.ts";

/** The first is what nobody who is asked nothing gets. */
export const TEMPLATES = ["stream", "value", "embeddings", "gpu"] as const;

export type Template = (typeof TEMPLATES)[number];

/** What every project has. npm leaves a .gitignore out of a package, so it has another name there. */
const SHARED = "_project";
const RENAMED: Readonly<Record<string, string>> = { gitignore: ".gitignore" };

/** Everything but package.json. */
export function projectFiles(template: Template, name: string): NewFile[] {
  return [SHARED, template].flatMap((folder) => filesIn(folder, name));
}

function filesIn(template: string, name: string): NewFile[] {
  const folder = join(packageFolder(), "adapter", "cli", "init", "templates", template);
  return filesBelow(folder).map(({ path, contents }) => ({
    path: RENAMED[path] ?? path,
    contents: path.endsWith(".onnx") ? contents : contents.toString().replaceAll("__name__", name),
  }));
}
