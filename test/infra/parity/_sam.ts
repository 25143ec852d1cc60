// What SAM's template makes of a sample with given switches, from the expansion that is kept of it.

import { evaluate } from "../cfn/_evaluate.ts";
import type { Parameters } from "../cfn/_parameters.ts";
import type { Template } from "../cfn/_parse.ts";
import { golden, REQUIRED, type SampleName } from "../sam/_expansion.ts";
import { fromCloudFormation } from "./_cloudformation.ts";
import { type Outcome, outcomeOf } from "./_outcome.ts";

/** @param document another one than the sample's, broken in a test */
export function withSam(
  sample: SampleName,
  switches: Parameters,
  document: Template = golden(sample).document,
): Outcome {
  const evaluated = evaluate(document, { ...REQUIRED[sample], ...switches });
  return outcomeOf(evaluated.refusals, () => fromCloudFormation(evaluated));
}

/** Whether CloudFormation takes these values for the template's parameters. */
export function samTakes(sample: SampleName, switches: Parameters): boolean {
  try {
    return withSam(sample, switches).refusals.length === 0;
  } catch (error) {
    // The evaluator says so of a value that a parameter does not allow.
    if (/^\w+: found .*, allowed /.test((error as Error).message)) return false;
    throw error;
  }
}
