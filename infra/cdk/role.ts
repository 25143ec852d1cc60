// The function's own role: the statements that deployment.json has, and those on what this stack makes (log group, queue) or
// was given (a key). Written by hand: CDK's own grants are wider, and its managed policy may write to every log group.

import { Aws } from "aws-cdk-lib";
import * as iam from "aws-cdk-lib/aws-iam";
import type * as logs from "aws-cdk-lib/aws-logs";
import type * as sqs from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";
import type { LambdaDeployment } from "../../adapter/build/deployment.ts";
import type { PLACEHOLDERS } from "../../adapter/build/deployment/iam.ts";
import type { Switches } from "./switches.ts";

/** What the role reaches beyond the facts. */
export interface Reached {
  readonly logGroup: logs.LogGroup;
  readonly queue: sqs.Queue | undefined;
}

export function createRole(
  scope: Construct,
  facts: LambdaDeployment,
  switches: Switches,
  { logGroup, queue }: Reached,
): iam.Role {
  const statements = [
    ...(withPlaces(facts.iam, switches) as unknown[]).map((statement) =>
      iam.PolicyStatement.fromJson(statement),
    ),
    new iam.PolicyStatement({
      sid: "WriteLogs",
      actions: ["logs:CreateLogStream", "logs:PutLogEvents"],
      resources: [logGroup.logGroupArn],
    }),
  ];
  if (queue !== undefined) {
    const actions = [...facts.queue.actions];
    statements.push(new iam.PolicyStatement({ sid: "ConsumeQueue", actions, resources: [queue.queueArn] }));
  }
  if (switches.weightsKeyArn !== "") {
    statements.push(
      new iam.PolicyStatement({
        sid: "DecryptWeights",
        actions: ["kms:Decrypt"],
        resources: [switches.weightsKeyArn],
        conditions: { StringEquals: { "kms:ViaService": `s3.${Aws.REGION}.${Aws.URL_SUFFIX}` } },
      }),
    );
  }
  return new iam.Role(scope, "FunctionRole", {
    assumedBy: new iam.ServicePrincipal("lambda.amazonaws.com"),
    // Part of the role itself, so that nothing that has the role is made before what it may do.
    inlinePolicies: { ModelFunction: new iam.PolicyDocument({ statements }) },
  });
}

/** The variables of the function. */
export function environmentOf(facts: LambdaDeployment, switches: Switches): Record<string, string> {
  return {
    ...facts.environment,
    ...(withPlaces(facts.secret_environment, switches) as Record<string, string>),
    ...(switches.environment !== "" && { COLDFRAME_ENVIRONMENT: switches.environment }),
  };
}

/** The same facts with this deployment's own places in them. */
function withPlaces(facts: unknown, { secretsPrefix }: Switches): unknown {
  const places: Record<(typeof PLACEHOLDERS)[number], string> = {
    "${AWS::Partition}": Aws.PARTITION,
    "${AWS::Region}": Aws.REGION,
    "${AWS::AccountId}": Aws.ACCOUNT_ID,
    "${SecretsPrefix}": secretsPrefix,
  };
  return replace(facts);

  function replace(value: unknown): unknown {
    if (typeof value === "string") {
      return Object.entries(places).reduce(
        (text, [name, place]) => text.replaceAll(name, () => place),
        value,
      );
    }
    if (Array.isArray(value)) return value.map(replace);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, replace(inner)]));
  }
}
