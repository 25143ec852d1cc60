// Lambda Managed Instances: a capacity provider with a ceiling, and the function's part in it, with a piece of a GPU where
// config.yaml asks for one. One worker in each environment, so that there is one copy of the model in it.
// Source: docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances.html

import { Validations } from "aws-cdk-lib";
import * as ec2 from "aws-cdk-lib/aws-ec2";
import * as lambda from "aws-cdk-lib/aws-lambda";
import type { Construct } from "constructs";
import type { ManagedInstances } from "../../adapter/build/deployment/lambda.ts";
import type { ModelFunctionProps } from "./props.ts";

/** Node's runtime would start eight workers for each vCPU, and each would load the model. */
export const ONE_WORKER = { AWS_LAMBDA_NODEJS_WORKER_COUNT: "1" };

/** Id of the construct. */
export const CAPACITY_PROVIDER = "CapacityProvider";

/** @param fn on whose published versions it runs, the ones that the alias names */
export function runOnManagedInstances(
  scope: Construct,
  facts: ManagedInstances,
  { vpcSubnets, securityGroups, instanceTypes }: ModelFunctionProps,
  vpc: ec2.IVpc,
  fn: lambda.Function,
): void {
  const provider = new lambda.CapacityProvider(scope, CAPACITY_PROVIDER, {
    subnets: vpc.selectSubnets(vpcSubnets ?? { subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS }).subnets,
    securityGroups: securityGroups ?? [new ec2.SecurityGroup(scope, "SecurityGroup", { vpc })],
    architectures: [fn.architecture],
    ...(instanceTypes && { instanceTypeFilter: lambda.InstanceTypeFilter.allow(instanceTypes) }),
  });
  // CloudFormation takes 2 and more, and CDK's own `maxVCpuCount` 12 and more.
  (provider.node.defaultChild as lambda.CfnCapacityProvider).capacityProviderScalingConfig = {
    maxVCpuCount: facts.max_vcpus,
    scalingMode: "Auto",
  };
  provider.addFunction(fn, {
    perExecutionEnvironmentMaxConcurrency: facts.max_concurrency,
    // Nothing calls $LATEST.PUBLISHED, and it would keep three environments of its own.
    publishToLatestPublished: false,
  });
  (fn.currentVersion.node.defaultChild as lambda.CfnVersion).functionScalingConfig = {
    minExecutionEnvironments: facts.min_environments,
    maxExecutionEnvironments: facts.max_environments,
  };
  if (facts.accelerator_memory_gib !== null) addAccelerator(fn, facts.accelerator_memory_gib);
}

/** A property that CDK's own types and schemas do not have yet. */
function addAccelerator(fn: lambda.Function, memoryGib: number): void {
  lambda.Function.classifyVersionProperty("AcceleratorConfig", true);
  const resource = fn.node.defaultChild as lambda.CfnFunction;
  resource.addPropertyOverride("AcceleratorConfig", { AcceleratorMemorySize: memoryGib });
  Validations.of(resource).acknowledge({
    id: "CloudFormation-Validate::F3002",
    reason: "AcceleratorConfig is newer than the schemas that CDK ships",
  });
}
