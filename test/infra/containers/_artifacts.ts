// What the images are made of: real builds of small projects, one each for all tests of a file.

import { join } from "node:path";
import { build, type BuildReport } from "../../../adapter/build/build.ts";
import type { Target } from "../../../adapter/build/runtime-files.ts";
import { type Files, makeProject } from "../../build/_project.ts";

export const HOST: "arm64" | "x86_64" = process.arch === "arm64" ? "arm64" : "x86_64";

export interface Built extends BuildReport {
  readonly project: string;
}

/** `coldframe build` in a project with these files. */
export async function buildProject(
  files: Files,
  target: Target,
  architecture: "arm64" | "x86_64" = HOST,
  prepare: (project: string) => string = (project) => project,
): Promise<Built> {
  const project = prepare(makeProject(files));
  return { project, ...(await build({ project, target, architecture })) };
}

/** Where a file of an image is in the artifact that was copied there. */
export function inArtifact(
  path: string,
  copies: readonly { sources: readonly string[]; target: string }[],
  project: string,
): string {
  for (const { sources, target } of copies) {
    if (path.startsWith(target)) return join(project, sources[0] ?? "", path.slice(target.length));
  }
  throw new Error(`nothing was copied to ${path}`);
}
