// Outputs of the stack, by the names that the templates of SAM and Terraform give them.

import { CfnOutput } from "aws-cdk-lib";
import { Construct } from "constructs";

/**
 * One output for each value that there is.
 * @param named by exactly these names, which only one model of a stack can have; else the model's own path is part of each
 */
export function writeOutputs(
  scope: Construct,
  values: Readonly<Record<string, string | undefined>>,
  named: boolean,
): void {
  const outputs = new Construct(scope, "Outputs");
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue;
    const output = new CfnOutput(outputs, name, { value });
    if (named) output.overrideLogicalId(name);
  }
}
