// All that npm's packages can tell of the module: what its expressions refer to, what the provider knows, and the rules for
// what it makes, for every combination of its switches.

import type { LambdaDeployment } from "../../../adapter/build/deployment.ts";
import { evaluateModule, type Value } from "./_evaluate.ts";
import { parseModule, type Sources } from "./_module.ts";
import { referenceProblems } from "./_references.ts";
import { keepProblems, ruleProblems } from "./_rules.ts";
import { SCHEMA, schemaProblems } from "./_schema.ts";

export type Switches = Readonly<Record<string, Value>>;

/** Of each switch the values that make a difference. */
const SWITCHES: Readonly<Record<string, readonly Value[]>> = {
  function_url: [true, false],
  url_auth: ["AWS_IAM", "NONE"],
  invoker: ["", "arn:aws:iam::123456789012:role/caller"],
  queue: [true, false],
  weights_bucket: ["existing", "create"],
  weights_key_arn: ["", "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d"],
  reserved_concurrency: [20, 0],
};

/** Each combination of them once. */
export const COMBINATIONS: readonly Switches[] = Object.entries(SWITCHES).reduce<Switches[]>(
  (combinations, [name, values]) =>
    combinations.flatMap((combination) => values.map((value) => ({ ...combination, [name]: value }))),
  [{}],
);

/** What is wrong with the module, each sentence once. */
export async function problemsOf(
  sources: Sources,
  deployment: LambdaDeployment,
  combinations: readonly Switches[] = COMBINATIONS,
): Promise<string[]> {
  const module = await parseModule(sources);
  const problems = [...referenceProblems(module, SCHEMA), ...schemaProblems(module), ...keepProblems(module)];
  // Nothing is made of what refers to nothing.
  if (problems.length > 0) return problems;
  for (const switches of combinations) {
    const evaluated = await evaluateModule(sources, deployment, switches);
    if (evaluated.refusals.length === 0) problems.push(...ruleProblems(evaluated));
  }
  return [...new Set(problems)];
}
