// The templates of SageMaker with the facts of sample deployments in them, and the parts of what they make that
// tests ask for.

import { readFileSync } from "node:fs";
import type { ServerDeployment } from "../../../adapter/build/deployment.ts";
import { renderTemplate } from "../../../adapter/build/deployment-tag.ts";
import { deploymentOf, FULL } from "../_facts.ts";
import type { Evaluated } from "../cfn/_evaluate.ts";
import type { Json } from "../cfn/_parse.ts";

/** By the name of the file. */
export type Kind = "realtime" | "async";
export const KINDS: readonly Kind[] = ["realtime", "async"];

const IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/sample:1";
const CONFIG = FULL.replace("registry.example.com/team/sample:1", IMAGE);

/** On a CPU, and on a GPU whose usual driver is too old. */
export const CPU: ServerDeployment = deploymentOf(CONFIG, "server");
export const GPU: ServerDeployment = deploymentOf(
  CONFIG.replace("architecture: arm64", "architecture: x86_64").replace(
    "resources: {",
    "resources: { accelerator: A10G,",
  ),
  "server",
);

/** As `coldframe build` writes it. */
export const rendered = (kind: Kind, deployment: ServerDeployment = CPU): string =>
  renderTemplate(
    readFileSync(new URL(`../../../infra/sagemaker/${kind}.yaml`, import.meta.url), "utf8"),
    deployment,
  );

/** Of the execution role. */
export interface Statement {
  readonly Sid: string;
  readonly Action: string[];
  readonly Resource: string[];
  readonly Condition?: Json;
}

/** All that the role may do, in the order of the template. */
export function statementsOf({ resources }: Evaluated): Statement[] {
  const { Policies } = resources["ExecutionRole"]?.Properties as unknown as {
    Policies: { PolicyDocument: { Statement: Statement[] } }[];
  };
  return Policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement);
}

interface Variant {
  readonly VariantName: string;
  readonly [key: string]: Json;
}

/** The one production variant. */
export const variantOf = ({ resources }: Evaluated): Variant =>
  (resources["EndpointConfig"]?.Properties as unknown as { ProductionVariants: Variant[] })
    .ProductionVariants[0] as Variant;

/** The variables of the container. */
export const environmentOf = ({ resources }: Evaluated): Record<string, string> =>
  (resources["Model"]?.Properties["PrimaryContainer"] as { Environment: Record<string, string> }).Environment;
