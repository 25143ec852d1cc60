// samconfig.toml, so that `sam deploy` in the project's folder needs no options. It is the build's own file as long as its
// first line says so; one that somebody wrote stays as it is.
// Source: docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-config.html.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Rendered } from "./templates.ts";

const FILE = "samconfig.toml";

const FIRST_LINE = "# Written by coldframe build; take this line away to keep your own.";

/** Its section `--config-env` by the template it deploys. */
const SECTIONS = [
  ["default", "infra/sam/template.yaml"],
  ["image", "infra/sam/template-image.yaml"],
  ["gpu", "infra/sam/gpu.yaml"],
] as const;

/**
 * Write it into the project when a template of SAM was rendered.
 * @param name of the stack
 */
export function writeSamConfig(project: string, name: string, rendered: readonly Rendered[]): void {
  const templates = new Set(rendered.map(({ template }) => template));
  const sections = SECTIONS.filter(([, template]) => templates.has(template));
  const file = join(project, FILE);
  if (sections.length === 0 || (existsSync(file) && !readFileSync(file, "utf8").startsWith(FIRST_LINE)))
    return;
  const text = [
    FIRST_LINE,
    "version = 0.1",
    ...sections.flatMap(([section, template]) => ["", ...linesOf(name, section, template)]),
    "",
  ];
  writeFileSync(file, text.join("\n"));
}

function linesOf(name: string, section: string, template: string): string[] {
  return [
    `[${section}.deploy.parameters]`,
    `stack_name = "${section === "default" ? name : `${name}-${section}`}"`,
    `template_file = "dist/${template}"`,
    'capabilities = "CAPABILITY_IAM"',
    "resolve_s3 = true",
    "fail_on_empty_changeset = false",
  ];
}
