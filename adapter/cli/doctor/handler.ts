// Whether URL and handler belong together: a streaming handler behind a buffering URL, or the other way round, answers
// what nobody can read. Also what a public URL may cost. Templates that fill the facts in cannot be wrong here; those in
// which somebody wrote the values are read.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isScalar, LineCounter, parseAllDocuments, visit } from "yaml";
import type { LambdaDeployment } from "../../build/deployment.ts";
import { lambdaFacts } from "../../build/deployment/lambda.ts";
import { reservedOf } from "../../build/lambda-schema.ts";
import { ColdframeError } from "../../runtime/errors.ts";
import { type Finding, findingsOf } from "./finding.ts";
import { infraFiles } from "./infra-files.ts";
import { buildCommandOf, type Project } from "./project.ts";

const { ok, warning, problem, skipped } = findingsOf("handler");

export function checkHandler(project: Project): Finding[] {
  const { artifact, target, config, folder } = project;
  if (target !== "lambda") return [];
  const { deployment } = artifact;
  const found = config instanceof ColdframeError ? [] : checkPublic(config);
  if (deployment?.target !== "lambda")
    return [
      ...found,
      skipped("there is no artifact to compare with.", `Run \`${buildCommandOf(project)}\`.`),
    ];
  const hardCoded = infraFiles(folder, /\.(ya?ml|tf)$/).flatMap((file) =>
    checkFile(folder, file, deployment),
  );
  const all = [...found, ...checkBuilt(project, deployment), ...hardCoded];
  if (all.length > 0) return all;
  const url =
    deployment.switches.function_url === "true" ? ` behind ${deployment.function_url.invoke_mode}` : "";
  return [ok(`${deployment.handler}${url}.`)];
}

function checkBuilt(project: Project, built: LambdaDeployment): Finding[] {
  const { config } = project;
  if (config instanceof ColdframeError) return [skipped("config.yaml cannot be compared with the artifact.")];
  const now = lambdaFacts(config.config, [], undefined);
  if (now.handler === built.handler && now.function_url.invoke_mode === built.function_url.invoke_mode)
    return [];
  return [
    problem(
      `the artifact has ${built.handler} and ${built.function_url.invoke_mode}, config.yaml means ${now.handler} and ${now.function_url.invoke_mode}.`,
      `Run \`${buildCommandOf(project)}\`, then deploy both together.`,
    ),
  ];
}

function checkPublic({ config: { serverless } }: Exclude<Project["config"], ColdframeError>): Finding[] {
  if (serverless.url.auth !== "none" || !serverless.events.includes("function-url")) return [];
  if (serverless.concurrency?.reserved !== undefined) return [];
  const reserved = reservedOf(serverless);
  if (reserved === null) {
    return [
      warning(
        "the function URL is public, and managed instances have no reserved concurrency: callers decide what it costs, up to managed_instances.max_vcpus.",
        "Set serverless.url.auth: iam.",
      ),
    ];
  }
  return [
    warning(
      `the function URL is public, and config.yaml does not say how many environments callers may keep busy; it is ${reserved}.`,
      "Set serverless.concurrency.reserved to what it may cost, or serverless.url.auth: iam.",
    ),
  ];
}

interface Written {
  readonly line: number;
  readonly key: "handler" | "invoke_mode";
  readonly value: string;
}

function checkFile(folder: string, file: string, deployment: LambdaDeployment): Finding[] {
  const text = readFileSync(join(folder, file), "utf8");
  const written = file.endsWith(".tf") ? inTerraform(text) : inYaml(text);
  return written.flatMap(({ line, key, value }) => {
    const fact = key === "handler" ? "handler" : "function_url.invoke_mode";
    const right = key === "handler" ? deployment.handler : deployment.function_url.invoke_mode;
    if (value === right || !isOurs(key, value)) return [];
    const fix = file.endsWith(".tf")
      ? `Read ${fact} of deployment.json in its place.`
      : `Write \`!Deployment ${fact}\` in its place, and build.`;
    return [problem(`${file}:${line} says ${value}, and deployment.json ${right}.`, fix)];
  });
}

/** Another function's handler is not ours to judge. */
const isOurs = (key: Written["key"], value: string): boolean =>
  key === "handler" ? /^(index|bundle)\./.test(value) : /^(RESPONSE_STREAM|BUFFERED|STREAM)$/.test(value);

const KEYS: Readonly<Record<string, Written["key"]>> = { Handler: "handler", InvokeMode: "invoke_mode" };

/** Plain texts only: what has a tag is looked up elsewhere. */
function inYaml(text: string): Written[] {
  const lines = new LineCounter();
  const written: Written[] = [];
  for (const document of parseAllDocuments(text, { lineCounter: lines, logLevel: "silent" })) {
    visit(document as Parameters<typeof visit>[0], {
      Pair(_key, { key: name, value }) {
        const key = isScalar(name) ? KEYS[String(name.value)] : undefined;
        if (key === undefined || !isScalar(value) || value.tag?.startsWith("!")) return;
        if (typeof value.value !== "string") return;
        written.push({ line: lines.linePos(value.range?.[0] ?? 0).line, key, value: value.value });
      },
    });
  }
  return written;
}

const TERRAFORM = /^\s*(invoke_mode|handler)\s*=\s*"([^"$]*)"/;

function inTerraform(text: string): Written[] {
  return text.split("\n").flatMap((line, i) => {
    const [, key, value] = TERRAFORM.exec(line) ?? [];
    return key === undefined || value === undefined
      ? []
      : [{ line: i + 1, key: key as Written["key"], value }];
  });
}
