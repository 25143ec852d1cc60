// Terraform itself, where it is installed: a project with the module in it, as `coldframe init` would make one, for the
// provider that this machine has. An older provider than the module asks for gets a copy without what that one lacks.
// Providers are found in the folders that Terraform looks in by itself, or in the mirror that TF_CLI_CONFIG_FILE names;
// nothing is downloaded.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import type { LambdaDeployment } from "../../../adapter/build/deployment.ts";
import { MODULE } from "./_module.ts";

/** The first provider that the module can be used with as it is. */
const FIRST = [6, 29];

/** Where providers lie on machines that have them before `terraform init`. */
const MIRRORS = [
  join(homedir(), ".terraform.d/plugins"),
  "/usr/local/share/terraform/plugins",
  "/usr/share/terraform/plugins",
  "/opt/tf-plugins",
];

const ADDRESS = "registry.terraform.io/hashicorp/aws";

export interface Terraform {
  /** Of the AWS provider. */
  readonly version: string;
  /** What of the module it could not be asked about. */
  readonly without: readonly string[];
  /** The module, in a project whose build is `deployment`. */
  readonly folder: string;
  run(...args: readonly string[]): Promise<Finished>;
  /** What the build wrote, for this provider. */
  readonly deployment: LambdaDeployment;
  /** `terraform console`, in a folder without a module, all of which it would evaluate first. */
  console(expression: string): Promise<Finished>;
}

/** A process that ended. */
export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Why it cannot be had, as a test's reason to be skipped; `undefined`: it can. */
export function missingTerraform(): string | undefined {
  if (spawnSync("terraform", ["version"]).error !== undefined) return "terraform is not installed";
  return mirror() === undefined ? "no AWS provider on this machine" : undefined;
}

/** A project in `folder`, with `terraform init` done. */
export function makeTerraform(folder: string, deployment: LambdaDeployment): Terraform {
  const { path, version } = mirror() ?? { path: "", version: "" };
  const module = join(folder, "infra/terraform");
  const dist = join(folder, "dist");
  mkdirSync(join(dist, "lambda"), { recursive: true });
  cpSync(MODULE, module, { recursive: true });
  cpSync(join(MODULE, "tests/artifact/lambda.zip"), join(dist, "lambda.zip"));
  writeFileSync(join(dist, "lambda/deployment.json"), JSON.stringify(deployment));
  const without = isOlder(version) ? lower(folder, version) : [];
  const config = join(folder, "terraform.tfrc");
  writeFileSync(config, `provider_installation {\n  filesystem_mirror {\n    path = "${path}"\n  }\n}\n`);
  const env = {
    ...process.env,
    TF_CLI_CONFIG_FILE: config,
    TF_DATA_DIR: join(folder, "terraform-data"),
    CHECKPOINT_DISABLE: "1",
    TF_IN_AUTOMATION: "1",
    AWS_REGION: "eu-central-1",
  };
  const start = async (args: readonly string[], cwd: string, input = ""): Promise<Finished> => {
    const child = spawn("terraform", args, { cwd, env });
    child.stdin.end(input);
    const [stdout, stderr] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, "close"),
    ]);
    return { status: child.exitCode, stdout, stderr };
  };
  return {
    version,
    without,
    folder: module,
    run: (...args) => start(args, module),
    deployment: JSON.parse(readFileSync(join(dist, "lambda/deployment.json"), "utf8")) as LambdaDeployment,
    console: (expression) => start(["console"], folder, expression),
  };
}

function mirror(): { path: string; version: string } | undefined {
  const path = MIRRORS.find((folder) => existsSync(join(folder, ADDRESS)));
  if (path === undefined) return undefined;
  const versions = readdirSync(join(path, ADDRESS)).filter((name) => /^\d+\.\d+\.\d+$/.test(name));
  const newest = versions.sort((a, b) => a.localeCompare(b, "en", { numeric: true })).at(-1);
  return newest === undefined ? undefined : { path, version: newest };
}

function isOlder(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [firstMajor = 0, firstMinor = 0] = FIRST;
  return major < firstMajor || (major === firstMajor && minor < firstMinor);
}

/** What 5.100 lacks, and what goes in its place. */
const LOWERED: readonly (readonly [string, RegExp, string])[] = [
  ["invoked_via_function_url", /\n *assert \{\n *condition *= [^\n]*invoked_via_function_url[^}]*\}\n/g, ""],
  ["", /\n *invoked_via_function_url *=.*/g, ""],
  ["aws_region.region", /aws_region\.current\.region/g, "aws_region.current.name"],
  ["", /(mock_data "aws_region" \{\s*defaults = \{ )region/g, "$1name"],
  ["nodejs24.x", /nodejs24\.x/g, "nodejs22.x"],
];

function lower(folder: string, version: string): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  for (const name of files.filter((name) => /\.(tf|hcl|json)$/.test(name))) {
    const path = join(folder, name);
    const before = readFileSync(path, "utf8").replace('">= 6.29"', `"${version}"`);
    writeFileSync(
      path,
      LOWERED.reduce((lowered, [, pattern, by]) => lowered.replace(pattern, by), before),
    );
  }
  return LOWERED.flatMap(([what]) => (what === "" ? [] : [what]));
}

/** A run of `terraform test`, as it reports it with -json -verbose. */
export interface Run {
  readonly name: string;
  readonly status: string;
  /** Of each resource that would be made, by address: what is known of it before. */
  readonly planned: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

interface Message {
  readonly type: string;
  readonly "@testrun"?: string;
  readonly test_run?: { readonly run: string; readonly status?: string };
  readonly test_plan?: {
    readonly resource_changes?: readonly {
      readonly address: string;
      readonly change: { readonly after: Readonly<Record<string, unknown>> | null };
    }[];
  };
}

/** The runs of `terraform test -json -verbose`, by name. */
export function runsOf(output: string): ReadonlyMap<string, Run> {
  const messages = output
    .split("\n")
    .flatMap((line) => (line.startsWith("{") ? [JSON.parse(line) as Message] : []));
  const plans = new Map<string, Run["planned"]>();
  for (const { "@testrun": name = "", test_plan } of messages) {
    if (test_plan === undefined) continue;
    const changes = test_plan.resource_changes ?? [];
    plans.set(name, Object.fromEntries(changes.map(({ address, change }) => [address, change.after ?? {}])));
  }
  const runs = messages.flatMap(({ test_run }) =>
    test_run?.status === undefined ? [] : [{ name: test_run.run, status: test_run.status }],
  );
  return new Map(runs.map((run) => [run.name, { ...run, planned: plans.get(run.name) ?? {} }]));
}

/** Write a file of a project. */
export function writeInto(folder: string, name: string, text: string): void {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
