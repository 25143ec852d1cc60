// What the Terraform module makes of a config.yaml with given switches, which are SAM's.

import type { LambdaDeployment } from "../../../adapter/build/deployment.ts";
import type { Parameters } from "../cfn/_parameters.ts";
import { evaluateModule, type Value } from "../terraform/_evaluate.ts";
import { parseModule, readSources, type Sources } from "../terraform/_module.ts";
import { type Outcome, outcomeOf } from "./_outcome.ts";
import { fromTerraform } from "./_terraform.ts";

const NUMBERS = ["ReservedConcurrency", "ProvisionedConcurrency", "LogRetentionDays"];
const FLAGS = ["FunctionUrl", "Queue", "Alarms"];

/** FunctionUrl "true" -> function_url true. */
export const variablesOf = (switches: Parameters): Record<string, Value> =>
  Object.fromEntries(Object.entries(switches).map(([name, value]) => [snake(name), valueOf(name, value)]));

const snake = (name: string): string => name.replace(/(?<!^)[A-Z]/g, "_$&").toLowerCase();

const valueOf = (name: string, value: string): Value =>
  FLAGS.includes(name) ? value === "true" : NUMBERS.includes(name) ? Number(value) : value;

const MODULE = readSources();

/** @param sources other ones than the module's, broken in a test */
export async function withTerraform(
  deployment: LambdaDeployment,
  switches: Parameters,
  sources: Sources = MODULE,
): Promise<Outcome> {
  const evaluated = await evaluateModule(sources, deployment, variablesOf(switches));
  const module = await parseModule(sources);
  return outcomeOf(evaluated.refusals, () => fromTerraform(evaluated, module));
}
