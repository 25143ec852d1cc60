// coldframe init: a project that builds, runs and passes its own test, with templates to deploy it; or such templates for a
// project that is there already. Asks what was not said, on a terminal; writes all of it or nothing, and over no file.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { cancel, isCancel, select } from "@clack/prompts";
import { Command, Option } from "commander";
import { readConfig } from "../build/config.ts";
import { infraFiles, infraNames } from "./init/infra.ts";
import { projectManifest } from "./init/manifest.ts";
import { nextCommands } from "./init/next-commands.ts";
import { type NewFile, writeNewFiles } from "./init/new-files.ts";
import { projectFiles, TEMPLATES, type Template } from "./init/project-files.ts";
import { Refusal } from "./refusal.ts";
import { jsonResult, note, result } from "./terminal.ts";

interface Options {
  readonly template?: Template;
  readonly infra?: readonly string[];
  readonly yes?: true;
  readonly install: boolean;
  readonly json?: true;
}

/** What each choice is, for who is asked. */
const TEMPLATE_HINTS: Readonly<Record<Template, string>> = {
  stream: "predict yields, and the caller reads along",
  value: "predict returns a value",
  embeddings: "texts to vectors, also for OpenAI's clients",
  gpu: "an ONNX network on a GPU",
};

const INFRA_HINTS: readonly (readonly [name: string, hint: string])[] = [
  ["sam", "AWS SAM: sam deploy"],
  ["cdk", "AWS CDK, in TypeScript: cdk deploy"],
  ["terraform", "Terraform: terraform apply"],
  ["none", "later, or by yourselves"],
];

const DEFAULT_TEMPLATE: Template = "stream";
const DEFAULT_INFRA = "sam";

export function initCommand(): Command {
  return new Command("init")
    .description("Write a new project, or templates to deploy one that is there.")
    .argument("[dir]", "the folder of the project", ".")
    .addOption(new Option("--template <template>", "what its model is like").choices(TEMPLATES))
    .addOption(
      new Option(
        "--infra <tools...>",
        "what deploys it: sam, cdk, terraform, none, or any folder of coldframe's infra/",
      ).choices([...infraNames(), "none"]),
    )
    .option(
      "-y, --yes",
      `ask nothing: --template ${DEFAULT_TEMPLATE} --infra ${DEFAULT_INFRA} unless said otherwise`,
    )
    .option("--no-install", "do not install the project's packages")
    .option("--json", "print one JSON object instead of text")
    .addHelpText("after", "\nExample:\n  $ coldframe init my-model --template stream --infra sam")
    .action(init);
}

async function init(folder: string, options: Options): Promise<void> {
  const project = resolve(folder);
  const isNew = !existsSync(join(project, "config.yaml"));
  if (!isNew && options.template !== undefined) {
    throw new Refusal("PROJECT_EXISTS", `${join(folder, "config.yaml")} is there already.`, {
      fix: "Leave --template out to add templates to this project, or name an empty folder.",
    });
  }
  const template = isNew
    ? (options.template ?? (await ask("What is the model like?", choices(), options)))
    : undefined;
  const infra = without("none", options.infra ?? [await ask("What deploys it?", infraChoices(), options)]);
  const files: NewFile[] = [
    ...(template === undefined ? [] : projectFiles(template, toModelName(project))),
    ...infraFiles(infra, template === undefined ? isManaged(project) : template === "gpu"),
  ];
  const manifest = projectManifest(project, template, infra);
  const written = writeNewFiles(project, files, manifest);
  const isInstalled = options.install && manifest !== undefined && install(project);
  const commands = nextCommands({ folder: relative(process.cwd(), project), isInstalled, infra, template });
  if (options.json)
    jsonResult({ project, template: template ?? null, infra, files: written, next: commands });
  else {
    result(written.map((file) => `  ${join(folder, file)}`).join("\n"));
    if (commands.length > 0) note(`\nNext:\n${commands.map((line) => `  ${line}`).join("\n")}`);
  }
}

/** The answer; the first choice where nobody can be asked. */
async function ask<Value extends string>(
  message: string,
  choices: readonly { value: Value; hint: string }[],
  { yes, json }: Options,
): Promise<Value> {
  if (yes || json || !process.stdin.isTTY || !process.stdout.isTTY)
    return (choices[0] as { value: Value }).value;
  const options = choices.map(({ value, hint }) => ({ value: value as string, label: value, hint }));
  const answer = await select({ message, options });
  if (!isCancel(answer)) return answer as Value;
  cancel("Nothing was written.");
  throw new Refusal("CANCELLED", "init was cancelled.");
}

/** Of a project that is there; one that cannot be read will be told so by the build. */
function isManaged(project: string): boolean {
  try {
    return readConfig(project).config.serverless.managed_instances !== undefined;
  } catch {
    return false;
  }
}

const choices = () => TEMPLATES.map((value) => ({ value, hint: TEMPLATE_HINTS[value] }));

const infraChoices = () => INFRA_HINTS.map(([value, hint]) => ({ value, hint }));

const without = (name: string, names: readonly string[]): string[] => [
  ...new Set(names.filter((each) => each !== name)),
];

/** A folder's name as config.yaml takes it. */
function toModelName(project: string): string {
  const name = basename(project)
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "");
  return name.slice(0, 64) || "model";
}

/** With the package manager that ran us. What it says is for the person's eyes. */
function install(project: string): boolean {
  const manager = /^(npm|pnpm|yarn|bun)\//.exec(process.env["npm_config_user_agent"] ?? "")?.[1] ?? "npm";
  note(`\n${manager} install`);
  const { status, error } = spawnSync(manager, ["install"], {
    cwd: project,
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (status !== 0)
    note(`${manager} install failed${error ? `: ${error.message}` : ""}; run it again yourselves.`);
  return status === 0;
}
