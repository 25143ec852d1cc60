// The filled templates in dist/infra: are they what the project's own templates and the last build's deployment.json make
// today, and does `sam deploy` deploy them. What lies there is what goes to the cloud.

import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Deployment } from "../../build/deployment.ts";
import { type Rendered, renderTemplates, type Unfilled } from "../../build/templates.ts";
import { type Finding, findingsOf, listed } from "./finding.ts";
import { infraFiles } from "./infra-files.ts";
import { buildCommandOf, type Project } from "./project.ts";

const { ok, warning, problem, skipped } = findingsOf("templates");

/** Where the build writes what it filled. */
const OUTPUT = "dist";

export function checkTemplates(project: Project): Finding[] {
  const { folder, artifact } = project;
  const build = `Run \`${buildCommandOf(project)}\`.`;
  if (infraFiles(folder, /\.ya?ml$/).length === 0) return [ok("none are in infra/.")];
  if (artifact.deployment === undefined) return [skipped("there is no artifact to fill them from.", build)];
  const { rendered, unfilled } = renderTemplates(folder, artifact.deployment);
  const found = [
    ...rendered.flatMap((template) => compare(project, template, build)),
    ...describe(unfilled, artifact.deployment),
    ...orphans(folder),
    ...checkSamConfig(folder, rendered),
  ];
  if (found.some(({ state }) => state !== "skipped")) return found;
  if (rendered.length === 0) return [...found, ok(`none in infra/ is for ${project.target}.`)];
  return [
    ...found,
    ok(`${listed(rendered.map(({ template }) => template))}: filled from this deployment.json.`),
  ];
}

function compare({ folder, target }: Project, { template, text }: Rendered, build: string): Finding[] {
  const output = join(folder, OUTPUT, template);
  const name = `${OUTPUT}/${template}`;
  const written = statSync(output, { throwIfNoEntry: false });
  if (written === undefined) {
    return [problem(`${name} is not there.`, `${build.slice(0, -1)}: this template is for ${target}.`)];
  }
  if (readFileSync(output, "utf8") === text) return [];
  const source = statSync(join(folder, template));
  if (source.mtimeMs > written.mtimeMs) {
    return [problem(`${template} was changed, and ${name}, which is deployed, was not made again.`, build)];
  }
  return [
    problem(
      `${name} is not what ${template} and deployment.json make: somebody edited it, or it is of another build.`,
      `Make the change in ${template}, and run \`${buildCommandOf({ target })}\`, which writes the other one anew.`,
    ),
  ];
}

/** What a project has only when it means to; a template for it may well lie there unused. */
const CHOICES = ["gpu", "managed_instances"];

function describe(unfilled: readonly Unfilled[], deployment: Deployment): Finding[] {
  const unused = new Map<string, string[]>();
  const found = unfilled.flatMap(({ template, fact, problem: sentence, fix }) => {
    const said = `${template} was not rendered: ${sentence}`;
    if (fact === undefined) return [problem(said, "Correct the template; nothing was made of it.")];
    const isAbsent = (deployment as unknown as Record<string, unknown>)[fact] === null;
    const advice = fix ?? "Set it in config.yaml and build, or remove the template.";
    if (!isAbsent || !CHOICES.includes(fact)) return [warning(said, advice)];
    unused.set(advice, [...(unused.get(advice) ?? []), template]);
    return [];
  });
  const skips = [...unused].map(([fix, templates]) =>
    skipped(`${listed(templates)}: not filled, for what this project does not have.`, fix),
  );
  return [...found, ...skips];
}

function orphans(folder: string): Finding[] {
  const left = infraFiles(folder, /\.ya?ml$/, join(OUTPUT, "infra")).filter(
    (file) => !existsSync(join(folder, file.slice(OUTPUT.length + 1))),
  );
  if (left.length === 0) return [];
  return [warning(`without a template in infra/: ${listed(left)}.`, "Remove them; the next build does.")];
}

const SAM = /^infra\/sam\/[^/]+\.ya?ml$/;

/** One that somebody wrote is not the build's to mend. */
function checkSamConfig(folder: string, rendered: readonly Rendered[]): Finding[] {
  const templates = rendered.map(({ template }) => template).filter((template) => SAM.test(template));
  const file = join(folder, "samconfig.toml");
  if (templates.length === 0 || !existsSync(file)) return [];
  const deployed = [
    ...readFileSync(file, "utf8").matchAll(/^\s*template(?:_file)?\s*=\s*["']([^"']+)["']/gm),
  ];
  const filled = templates.map((template) => `${OUTPUT}/${template}`);
  const strays = deployed
    .map(([, path = ""]) => path.replace(/^\.\//, ""))
    .filter((path) => !filled.includes(path));
  if (deployed.length > 0 && strays.length === 0) return [];
  const found = deployed.length === 0 ? "names no template_file" : `deploys ${listed(strays)}`;
  return [
    warning(
      `samconfig.toml ${found}, and the build fills ${listed(filled)}.`,
      `Write template_file = "${filled[0]}", or remove the file: \`coldframe build\` writes one.`,
    ),
  ];
}
