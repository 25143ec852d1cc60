// Which Node there is: the one that runs this, the one a shell finds, the one the function has, and whether they can make
// a code cache for each other.

import { execFile } from "node:child_process";
import { functionNode } from "../../build/function-node.ts";
import { packageManifest } from "../../build/runtime-files.ts";
import { ColdframeError } from "../../runtime/errors.ts";
import { type Finding, findingsOf, splitAdvice } from "./finding.ts";
import { LIMIT_MS } from "./limits.ts";
import type { Project } from "./project.ts";

const { ok, warning, problem } = findingsOf("node");

export async function checkNode(project: Project): Promise<Finding[]> {
  const { config, node, environment } = project;
  const oldest = oldestMajor();
  if (majorOf(node.version) < oldest) {
    return [
      problem(`Node ${node.version} runs this, allowed ${oldest} or later.`, `Install Node ${oldest + 2}.`),
    ];
  }
  const onPath = await nodeOnPath(environment);
  const found = [
    ...checkPath(project, onPath),
    ...(config instanceof ColdframeError ? [] : checkCache(project)),
  ];
  if (found.length > 0) return found;
  const runtime =
    config instanceof ColdframeError ? "" : `; the function has ${config.config.serverless.runtime}`;
  return [ok(`Node ${node.version}${runtime}.`)];
}

/** Tests, hooks of npm and other tools are run by the Node on PATH, whichever runs this. */
function checkPath({ node, config, artifact }: Project, onPath: string | undefined): Finding[] {
  if (onPath === undefined || majorOf(onPath) === majorOf(node.version)) return [];
  const { deployment } = artifact;
  const cachedBy = deployment?.target === "lambda" ? deployment.code_cache.node_version : null;
  const cache = cachedBy === null ? "" : `, and Node ${cachedBy} made the artifact's code cache`;
  const wanted =
    config instanceof ColdframeError
      ? majorOf(node.version)
      : Number.parseInt(config.config.serverless.runtime.slice("nodejs".length), 10);
  return [
    warning(
      `\`node\` on PATH is ${onPath}, ${node.version} runs this${cache}.`,
      `Put Node ${wanted} first on PATH, for example with \`nvm use ${wanted}\`.`,
    ),
  ];
}

/** What keeps this machine's Node from making the function's code cache; its processor is the architecture's to say. */
function checkCache({ config, target }: Project): Finding[] {
  if (target !== "lambda" || config instanceof ColdframeError) return [];
  const { obstacle } = functionNode(config, process.arch === "arm64" ? "arm64" : "x64");
  return obstacle === undefined ? [] : [warning(...splitAdvice(obstacle))];
}

function nodeOnPath(environment: Project["environment"]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const options = { env: { ...environment }, timeout: LIMIT_MS, killSignal: "SIGKILL" } as const;
    execFile("node", ["--version"], options, (_error, stdout) => {
      resolve(/^v(\d+\.\d+\.\d+)/.exec(stdout)?.[1]);
    });
  });
}

const majorOf = (version: string): number => Number.parseInt(version, 10);

/** Of `engines` in our package.json: `>=22`. */
function oldestMajor(): number {
  const { engines } = packageManifest() as { engines?: { node?: string } };
  return Number.parseInt(/\d+/.exec(engines?.node ?? "")?.[0] ?? "0", 10);
}
