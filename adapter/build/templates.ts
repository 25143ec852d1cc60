// Templates of a project's infra/ folder, with the facts of deployment.json in them, as the build writes them to
// dist/infra/. How one is filled is deployment-tag.ts.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ColdframeError } from "../runtime/errors.ts";
import type { Deployment } from "./deployment.ts";
import { hasFacts, MissingFact, OtherTarget, renderTemplate } from "./deployment-tag.ts";

/** Of a project, what is rendered. */
const TEMPLATES = "infra";

export interface Rendered {
  /** Relative to the project, with "/": `infra/sam/template.yaml`. */
  readonly template: string;
  readonly text: string;
}

/** A template that could not be filled. */
export interface Unfilled {
  readonly template: string;
  /** The first key of the fact that deployment.json lacks; absent when the template itself is broken. */
  readonly fact?: string;
  readonly problem: string;
  readonly fix?: string;
}

export interface RenderedTemplates {
  readonly rendered: readonly Rendered[];
  /** What an earlier build rendered of these is of another deployment. */
  readonly unfilled: readonly Unfilled[];
}

/** One sentence for all that lack the same fact, and one for each that is broken. */
export function sentencesOf(unfilled: readonly Unfilled[]): string[] {
  const broken = unfilled.filter(({ fact }) => fact === undefined);
  const lacking = Map.groupBy(
    unfilled.filter(({ fact }) => fact !== undefined),
    ({ fact, fix = "" }) => `${fact}, and deployment.json has none. ${fix}`.trimEnd(),
  );
  return [
    ...broken.map(({ template, problem }) => `${template} was not filled: ${problem}`),
    ...[...lacking].map(([what, templates]) => {
      const names = templates.map(({ template }) => template).join(", ");
      return `${names} ${templates.length === 1 ? "was not filled: it needs" : "were not filled: they need"} ${what}`;
    }),
  ];
}

/**
 * Every template below the project's infra/ that has facts of this deployment in it; and as they are the files without
 * any that lie beside one of them, since a kustomization.yaml may name them.
 */
export function renderTemplates(project: string, deployment: Deployment): RenderedTemplates {
  const rendered: Rendered[] = [];
  const unfilled: Unfilled[] = [];
  const plain: Rendered[] = [];
  for (const template of templatesOf(project)) {
    const text = readFileSync(join(project, template), "utf8");
    if (!hasFacts(text)) {
      plain.push({ template, text });
      continue;
    }
    try {
      rendered.push({ template, text: renderTemplate(text, deployment) });
    } catch (error) {
      if (error instanceof OtherTarget) continue;
      if (!(error instanceof ColdframeError)) throw error;
      unfilled.push({
        template,
        problem: error.message,
        ...(error instanceof MissingFact && { fact: error.fact }),
        ...(error.fix !== undefined && { fix: error.fix }),
      });
    }
  }
  const filled = new Set(rendered.map(({ template }) => dirname(template)));
  rendered.push(...plain.filter(({ template }) => filled.has(dirname(template))));
  return { rendered, unfilled };
}

/** Write them to <outDir>/infra/. What the build for the other target wrote there stays; what nothing renders any more goes. */
export async function writeTemplates(
  outDir: string,
  project: string,
  { rendered, unfilled }: RenderedTemplates,
): Promise<void> {
  for (const old of templatesOf(outDir)) {
    if (unfilled.some(({ template }) => template === old) || !existsSync(join(project, old)))
      await rm(join(outDir, old), { force: true });
  }
  for (const { template, text } of rendered) {
    const file = join(outDir, template);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
}

function templatesOf(project: string): string[] {
  const folder = join(project, TEMPLATES);
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(
      (entry) => entry.isFile() && /\.ya?ml$/.test(entry.name) && !entry.parentPath.includes("node_modules"),
    )
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(project.length + 1)
        .replaceAll("\\", "/"),
    )
    .sort();
}
