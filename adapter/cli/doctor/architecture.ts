// Whether the machine code that the model needs is there for the processor it will run on, and whether this machine can
// make the function's code cache.

import { functionNode } from "../../build/function-node.ts";
import { packageName } from "../../build/packages.ts";
import { ColdframeError } from "../../runtime/errors.ts";
import { hostArchitecture } from "../build.ts";
import { type Finding, findingsOf, refusedAs, splitAdvice } from "./finding.ts";
import { cpuOf, type Project } from "./project.ts";

const { ok, warning, problem, skipped } = findingsOf("architecture");

export async function checkArchitecture(project: Project): Promise<Finding[]> {
  const { config, modelFlaw, target } = project;
  if (config instanceof ColdframeError) return [skipped("config.yaml cannot be read.")];
  if (modelFlaw !== undefined) return [skipped("there is no model to read.")];
  const bundle = await project.bundle();
  if (bundle instanceof ColdframeError && bundle.code !== "ADDON_UNSUPPORTED") {
    return [skipped("the model cannot be bundled, so what it needs is not known.")];
  }
  const wanted = config.config.serverless.architecture;
  const host = hostArchitecture();
  const found: Finding[] = [];
  if (bundle instanceof ColdframeError) found.push(refusedAs(problem, bundle));
  const foreign = target === "lambda" ? foreignCpu(project) : undefined;
  if (foreign !== undefined) found.push(foreign);
  if (found.length > 0 || bundle instanceof ColdframeError) return found;
  const native = new Set(
    bundle.addons.map(({ to }) => packageName(to.replace(/^.*node_modules\//, "")) ?? to),
  );
  const addons =
    native.size === 0 ? "no native packages" : `native packages for it: ${[...native].join(", ")}`;
  return [ok(`${wanted}${wanted === host ? ", as this machine" : ""}; ${addons}.`)];
}

/** A code cache is made by the function's processor; what else keeps this machine from making one is node.ts's to say. */
function foreignCpu({ config }: Project): Finding | undefined {
  if (config instanceof ColdframeError) return undefined;
  const host = hostArchitecture();
  const { obstacle } = functionNode(config, cpuOf(config));
  if (
    obstacle === undefined ||
    obstacle === functionNode(config, host === "arm64" ? "arm64" : "x64").obstacle
  ) {
    return undefined;
  }
  const [sentence, fix] = splitAdvice(obstacle);
  return warning(sentence, `${fix} Or set serverless.architecture: ${host}.`);
}
