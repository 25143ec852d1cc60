// coldframe doctor: what usually goes wrong, and how to mend it. Each check is a file of doctor/; here they are run, all at
// the same time, and what they say is printed.

import { Command, Option } from "commander";
import picocolors from "picocolors";
import { type Target, targetNames } from "../build/runtime-files.ts";
import { ColdframeError } from "../runtime/errors.ts";
import { checkArchitecture } from "./doctor/architecture.ts";
import { checkArtifact } from "./doctor/artifact.ts";
import { checkConfig } from "./doctor/config.ts";
import { checkCredentials } from "./doctor/credentials.ts";
import { type Finding, findingsOf, refusedAs } from "./doctor/finding.ts";
import { checkHandler } from "./doctor/handler.ts";
import { checkNode } from "./doctor/node.ts";
import { checkPackages } from "./doctor/packages.ts";
import { type Project, readProject } from "./doctor/project.ts";
import { checkSecrets } from "./doctor/secrets.ts";
import { checkTemplates } from "./doctor/templates.ts";
import { checkWeights } from "./doctor/weights.ts";
import { jsonResult, progress, result } from "./terminal.ts";

type Check = (project: Project) => Finding[] | Promise<Finding[]>;

/** In the order of what depends on what. */
const CHECKS: Readonly<Record<string, Check>> = {
  node: checkNode,
  config: checkConfig,
  packages: checkPackages,
  architecture: checkArchitecture,
  artifact: checkArtifact,
  handler: checkHandler,
  templates: checkTemplates,
  secrets: checkSecrets,
  weights: checkWeights,
  credentials: checkCredentials,
};

interface Options {
  readonly target?: Target;
  readonly json?: true;
}

export function doctorCommand(): Command {
  return new Command("doctor")
    .description("Check what usually goes wrong, and say how to mend it. Nothing is written.")
    .argument("[dir]", "the folder with config.yaml", ".")
    .addOption(
      new Option("--target <target>", "where it will run; default: what was built, or else lambda").choices(
        targetNames(),
      ),
    )
    .option("--json", "print one JSON object instead of text")
    .addHelpText("after", "\nExample:\n  $ coldframe doctor my-model")
    .action(async (folder: string, options: Options) => {
      const findings = await examineWithProgress(readProject(folder, options.target));
      const ok = findings.every(({ state }) => state !== "problem");
      if (options.json) jsonResult({ findings, ok });
      else result(describe(findings));
      process.exitCode = ok ? 0 : 1;
      // Whoever was asked and has not answered need not be waited for.
      process.stdout.write("", () => process.exit());
    });
}

async function examineWithProgress(project: Project): Promise<Finding[]> {
  const steps = progress();
  steps.step("look at the project");
  try {
    const found = await Promise.all(checksOf(project).map(([name, check]) => examine(name, check, project)));
    return found.flat();
  } finally {
    steps.stop();
  }
}

/** Without a project there is nothing else to look at. */
const WITHOUT_PROJECT = ["node", "config"];

function checksOf({ config }: Project): [name: string, check: Check][] {
  const isProject = !(config instanceof ColdframeError && config.code === "CONFIG_NOT_FOUND");
  return Object.entries(CHECKS).filter(([name]) => isProject || WITHOUT_PROJECT.includes(name));
}

/** One check that fails takes no other with it. */
async function examine(name: string, check: Check, project: Project): Promise<Finding[]> {
  const { problem, skipped } = findingsOf(name);
  try {
    return await check(project);
  } catch (error) {
    if (error instanceof ColdframeError) return [refusedAs(problem, error)];
    const { message, code, stack } = error as NodeJS.ErrnoException;
    // A file that may not be read, and the like.
    if (code !== undefined) return [skipped(`it cannot be made: ${message}.`)];
    return [problem(stack ?? message, "This is a bug in Coldframe; please report it with these lines.")];
  }
}

const MARKS = { ok: "✓", warning: "!", problem: "✗", skipped: "-" } as const;

const COLORS = { ok: "green", warning: "yellow", problem: "red", skipped: "dim" } as const;

function describe(findings: readonly Finding[]): string {
  const colors = picocolors.createColors(
    process.stdout.isTTY === true && process.env["NO_COLOR"] === undefined,
  );
  const width = Math.max(...findings.map(({ check }) => check.length));
  const indent = " ".repeat(width + 4);
  const lines = findings.flatMap(({ check, state, sentence, fix }) => [
    `${colors[COLORS[state]](MARKS[state])} ${check.padEnd(width)}  ${sentence.replaceAll("\n", `\n${indent}`)}`,
    ...(fix === undefined ? [] : [`${indent}${colors.bold(fix.replaceAll("\n", `\n${indent}`))}`]),
  ]);
  return `${lines.join("\n")}\n\n${count(findings)}`;
}

/** `1 problem, 2 warnings, 1 skipped, 6 ok` */
function count(findings: readonly Finding[]): string {
  const of = (wanted: Finding["state"]) => findings.filter(({ state }) => state === wanted).length;
  const plural = (number: number, name: string) => `${number} ${name}${number === 1 ? "" : "s"}`;
  const parts = [
    plural(of("problem"), "problem"),
    plural(of("warning"), "warning"),
    `${of("skipped")} skipped`,
    `${of("ok")} ok`,
  ];
  return parts.filter((part) => !part.startsWith("0 ") || part.endsWith("problems")).join(", ");
}
