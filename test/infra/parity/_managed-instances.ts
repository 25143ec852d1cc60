// What ModelFunction needs of a network and a registry for managed instances: the ones that SAM's parameters name.

import type { Stack } from "aws-cdk-lib";
import * as ec2 from "aws-cdk-lib/aws-ec2";
import { Repository } from "aws-cdk-lib/aws-ecr";
import { DockerImageCode } from "aws-cdk-lib/aws-lambda";
import type { ModelFunctionProps } from "../../../infra/cdk/index.ts";
import { REQUIRED } from "../sam/_expansion.ts";

/** The network of REQUIRED, and an image. */
export function instanceProps(stack: Stack): Omit<ModelFunctionProps, "artifact"> {
  const { SubnetIds = "", SecurityGroupIds = "" } = REQUIRED.gpu;
  const subnets = SubnetIds.split(",");
  return {
    vpc: ec2.Vpc.fromVpcAttributes(stack, "Vpc", {
      vpcId: "vpc-0123456789abcdef0",
      availabilityZones: ["eu-west-1a", "eu-west-1b"],
      privateSubnetIds: subnets,
      privateSubnetRouteTableIds: subnets.map((_, i) => `rtb-0123456789abcdef${i}`),
    }),
    securityGroups: SecurityGroupIds.split(",").map((id) =>
      ec2.SecurityGroup.fromSecurityGroupId(stack, id, id),
    ),
    image: DockerImageCode.fromEcr(Repository.fromRepositoryName(stack, "Repository", "sample"), {
      tagOrDigest: "1",
    }),
  };
}
