// Stacks with a ModelFunction in tests: artifacts as the build leaves them, and what was synthesised in terms of construct
// ids, since logical ids have hashes in them.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { App, type AppProps, CfnElement, Stack } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import * as ec2 from "aws-cdk-lib/aws-ec2";
import type { Construct } from "constructs";
import { ModelFunction, type ModelFunctionProps } from "../../../infra/cdk/index.ts";
import { deploymentOf } from "../_facts.ts";

const folder = mkdtempSync(join(tmpdir(), "coldframe-cdk-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** An empty folder, removed after the tests of the file, for what several of its tests use. */
export function makeFolder(): string {
  return mkdtempSync(join(folder, "-"));
}

/** An artifact's folder: `dist/lambda` with its deployment.json, and dist/lambda.zip. */
export function artifactOf(deployment: string | object, project: string = makeFolder()): string {
  const artifact = join(project, "dist/lambda");
  mkdirSync(artifact, { recursive: true });
  const text = typeof deployment === "string" ? deployment : JSON.stringify(deployment);
  writeFileSync(join(artifact, "deployment.json"), text);
  writeFileSync(`${artifact}.zip`, "PK");
  return artifact;
}

/** The same config.yaml is the same artifact. */
export function artifactFrom(config: string): string {
  let artifact = artifacts.get(config);
  if (artifact === undefined) artifacts.set(config, (artifact = artifactOf(deploymentOf(config, "lambda"))));
  return artifact;
}

const artifacts = new Map<string, string>();

export function makeApp(props: AppProps = {}): App {
  return new App({ outdir: makeFolder(), ...props });
}

export type Switches = Omit<ModelFunctionProps, "artifact">;

/** A model whose id is Model. */
export function addTo(stack: Stack, config: string, switches: Switches = {}): ModelFunction {
  return new ModelFunction(stack, "Model", { artifact: artifactFrom(config), ...switches });
}

/** The same in a stack of its own. */
export function makeModel(config: string, switches: Switches = {}): ModelFunction {
  return addTo(new Stack(makeApp(), "Stack"), config, switches);
}

/** One that is there, with two private subnets. */
export function vpc(scope: Construct = new Stack(makeApp(), "Network")): ec2.IVpc {
  return ec2.Vpc.fromVpcAttributes(scope, "Vpc", {
    vpcId: "vpc-11111111",
    availabilityZones: ["eu-west-1a", "eu-west-1b"],
    privateSubnetIds: ["subnet-11111111", "subnet-22222222"],
    privateSubnetRouteTableIds: ["rtb-11111111", "rtb-22222222"],
  });
}

// biome-ignore lint/suspicious/noExplicitAny: a template is whatever was synthesised, and each test says what it expects
type Json = any;

export interface Resource {
  readonly Type: string;
  readonly Properties: Json;
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
}

/** Construct id -> resource, with intrinsic functions evaluated: a name is the construct's id, an ARN ends with it. */
export function resourcesOf(model: ModelFunction): Record<string, Resource> {
  const { ids, template } = read(model);
  return Object.fromEntries(
    Object.entries(template["Resources"] as Json).map(([id, resource]) => [
      ids.get(id) ?? id,
      evaluate(resource, ids),
    ]),
  ) as Record<string, Resource>;
}

/** Name -> value. */
export function outputsOf(model: ModelFunction): Record<string, Json> {
  const { ids, template } = read(model);
  const outputs = Object.entries((template["Outputs"] ?? {}) as Json);
  return Object.fromEntries(outputs.map(([id, output]) => [id, evaluate((output as Json).Value, ids)]));
}

/** Those of one type, in the order they were made. */
export function ofType(model: ModelFunction, type: string): Json[] {
  return Object.values(resourcesOf(model))
    .filter(({ Type }) => Type === type)
    .map(({ Properties }) => Properties);
}

function read(model: ModelFunction) {
  const stack = Stack.of(model);
  const elements = stack.node.findAll().filter((node) => CfnElement.isCfnElement(node));
  const ids = new Map(
    elements.map((element) => [
      stack.resolve(element.logicalId) as string,
      element.node.path
        .slice(stack.node.path.length + 1)
        .replace(/^Model\//, "")
        .replace(/\/Resource$/, ""),
    ]),
  );
  return { ids, template: Template.fromStack(stack).toJSON() as Record<string, Json> };
}

const ARN = "arn:aws:lambda:eu-west-1:111122223333:function:ModelFunction";

const PSEUDO: Record<string, string> = {
  "AWS::Partition": "aws",
  "AWS::Region": "eu-west-1",
  "AWS::AccountId": "111122223333",
  "AWS::URLSuffix": "amazonaws.com",
};

function evaluate(value: Json, ids: ReadonlyMap<string, string>): Json {
  if (Array.isArray(value)) return value.map((inner) => evaluate(inner, ids));
  if (value === null || typeof value !== "object") return value;
  const [[key, argument] = ["", undefined], ...more] = Object.entries(value as Record<string, Json>);
  if (more.length === 0) {
    const id = ids.get(argument) ?? argument;
    if (key === "Ref") return PSEUDO[argument] ?? (id === "Alias" ? `${ARN}:live` : id);
    if (key === "Fn::GetAtt") {
      const [of, attribute] = [ids.get(argument[0]) ?? argument[0], argument[1]];
      return of === "ModelFunction" && attribute === "Arn" ? ARN : `${of}.${attribute}`;
    }
    const [first, second] = Array.isArray(argument) ? evaluate(argument, ids) : [];
    if (key === "Fn::Join") return second.join(first);
    if (key === "Fn::Split") return second.split(first);
    if (key === "Fn::Select") return second[first];
  }
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, evaluate(inner, ids)]));
}

/** Statements as sets: one action or resource is a list of one. */
export function statementsOf(document: Json): Json[] {
  return document.Statement.map((statement: Json) => ({
    ...statement,
    ...(statement.Action && { Action: [statement.Action].flat() }),
    ...(statement.Resource && { Resource: [statement.Resource].flat() }),
  }));
}
