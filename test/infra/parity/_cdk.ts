// What CDK's ModelFunction makes of a config.yaml with given switches, which are SAM's: many stacks in one app, because a
// synthesis costs more than a stack.

import { type App, Stack } from "aws-cdk-lib";
import * as ec2 from "aws-cdk-lib/aws-ec2";
import { ModelFunction, type ModelFunctionProps } from "../../../infra/cdk/index.ts";
import { artifactFrom, makeApp } from "../cdk/_stacks.ts";
import { evaluate } from "../cfn/_evaluate.ts";
import type { Parameters } from "../cfn/_parameters.ts";
import type { Template } from "../cfn/_parse.ts";
import { fromCloudFormation } from "./_cloudformation.ts";
import { type Outcome, outcomeOf } from "./_outcome.ts";

// What validates each synthesis has tests of its own, and takes longer than all of these.
process.env["CDK_VALIDATION"] = "false";

/** More of them in one app only take more memory. */
const STACKS = 128;

type Given = Omit<ModelFunctionProps, "artifact">;

/** Name of a switch in SAM -> the prop that it is. */
const PROPS: Readonly<Record<string, (value: string) => Given>> = {
  FunctionUrl: (value) => ({ functionUrl: value === "true" }),
  UrlAuth: (value) => ({ urlAuth: value as "AWS_IAM" | "NONE" }),
  Invoker: (invoker) => ({ invoker }),
  Queue: (value) => ({ queue: value === "true" }),
  WeightsBucket: (value) => ({ weightsBucket: value as "existing" | "create" }),
  WeightsKeyArn: (weightsKeyArn) => ({ weightsKeyArn }),
  SecretsPrefix: (secretsPrefix) => ({ secretsPrefix }),
  Environment: (environment) => ({ environment }),
  ReservedConcurrency: (value) => ({ reservedConcurrency: Number(value) }),
  ProvisionedConcurrency: (value) => ({ provisionedConcurrency: Number(value) }),
  LogRetentionDays: (value) => ({ logRetentionDays: Number(value) }),
  Alarms: (value) => ({ alarms: value === "true" }),
  AlarmTopicArn: (alarmTopicArn) => ({ alarmTopicArn }),
  InstanceTypes: (value) =>
    value === "" ? {} : { instanceTypes: value.split(",").map((name) => new ec2.InstanceType(name)) },
};

export const propsOf = (switches: Parameters): Given =>
  Object.assign({}, ...Object.entries(switches).map(([name, value]) => toProp(name)(value))) as Given;

function toProp(name: string): (value: string) => Given {
  const prop = PROPS[name];
  if (prop === undefined) throw new Error(`ModelFunction has no prop for ${name}`);
  return prop;
}

/**
 * An outcome for each of the switches, in their order.
 * @param more props that are no switches, made for each stack
 */
export function* withCdk(
  config: string,
  all: readonly Parameters[],
  more: (stack: Stack) => Given = () => ({}),
): Generator<Outcome> {
  for (let from = 0; from < all.length; from += STACKS) {
    yield* batch(config, all.slice(from, from + STACKS), more);
  }
}

/** The document itself, of one stack. @throws what the construct refuses */
export function documentOfCdk(config: string, switches: Parameters): Template {
  const app = makeApp({ analyticsReporting: false, treeMetadata: false });
  const stack = new Stack(app, "Stack");
  new ModelFunction(stack, "Model", { artifact: artifactFrom(config), ...propsOf(switches) });
  return app.synth().getStackByName("Stack").template as Template;
}

function* batch(
  config: string,
  all: readonly Parameters[],
  more: (stack: Stack) => Given,
): Generator<Outcome> {
  const app = makeApp({ analyticsReporting: false, treeMetadata: false });
  const made = all.map((switches, i) => add(app, `Stack${i}`, config, switches, more));
  const assembly = app.synth();
  for (const { id, refusals } of made) {
    yield outcomeOf(refusals, () => {
      const template = assembly.getStackByName(id).template as Template;
      return fromCloudFormation(evaluate(template));
    });
  }
}

function add(app: App, id: string, config: string, switches: Parameters, more: (stack: Stack) => Given) {
  const stack = new Stack(app, id);
  try {
    new ModelFunction(stack, "Model", {
      artifact: artifactFrom(config),
      ...propsOf(switches),
      ...more(stack),
    });
    return { id, refusals: [] };
  } catch (error) {
    if ((error as { code?: string }).code !== "CONFIG_INVALID") throw error;
    app.node.tryRemoveChild(id);
    return { id, refusals: [(error as Error).message] };
  }
}
