// What the function's own role may do beyond its log group and its queue, as statements of an IAM policy: read the weights
// and the secrets that config.yaml names, send results, write traces. Templates take them as they are; what only a
// deployment knows stands in them as `${...}`, in CloudFormation's own notation (PLACEHOLDERS).
// Source: docs.aws.amazon.com/service-authorization/latest/reference/ (Amazon S3, SQS, Secrets Manager, Systems Manager, X-Ray).

import { referenceOf } from "../../runtime/secret-references.ts";
import { secretVariable } from "../../runtime/secrets.ts";
import type { Config } from "../config-schema.ts";
import type { EventFacts, Permission } from "../events-facts.ts";
import type { S3Fact, WeightsFact } from "../weights/facts.ts";

/** One statement, as IAM's own JSON has it. */
export interface Statement {
  readonly Sid: string;
  readonly Effect: "Allow";
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
  readonly Condition?: { readonly StringEquals: Readonly<Record<string, string>> };
}

/** What a template puts in: three pseudo parameters of CloudFormation, and where in Secrets Manager the secrets are. */
export const PLACEHOLDERS = [
  "${AWS::Partition}",
  "${AWS::Region}",
  "${AWS::AccountId}",
  "${SecretsPrefix}",
] as const;

const ACCOUNT = "${AWS::Region}:${AWS::AccountId}";

/** Secrets Manager ends the ARN of a secret with six characters of its own. */
const ANY_SUFFIX = "-??????";

/**
 * The variables that tell the function where its secrets are: one for each secret without a default, which the
 * templates expect in Secrets Manager as `${SecretsPrefix}<name>`.
 */
export function secretEnvironment(secrets: Config["secrets"]): Record<string, string> {
  const required = Object.entries(secrets).filter(([, fallback]) => !fallback);
  return Object.fromEntries(
    required.map(([name]) => [secretVariable(name), `aws-secretsmanager://\${SecretsPrefix}${name}`]),
  );
}

/** The statements of the role, in a fixed order; none without actions. */
export function statementsOf(
  { secrets, runtime }: Config,
  weights: readonly WeightsFact[],
  events: EventFacts,
): Statement[] {
  return [
    ...weightsStatements(weights.flatMap(({ s3 }) => s3 ?? [])),
    ...secretStatements(secrets),
    ...(events.sqs?.permissions ?? []).filter(({ resources }) => resources.length > 0).map(toStatement),
    ...(runtime.enable_tracing_data
      ? [allow("WriteTraces", ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], ["*"])]
      : []),
  ];
}

function weightsStatements(facts: readonly S3Fact[]): Statement[] {
  const reads = new Map<string, Set<string>>();
  const roles = new Set<string>();
  for (const { get_actions: actions, get_arn: arn, assume_role_arn: role } of facts) {
    // It is that role, then, which reads the bucket.
    if (role !== undefined) roles.add(role);
    else reads.set(actions.join(), (reads.get(actions.join()) ?? new Set()).add(arn));
  }
  const lists = facts.flatMap(({ list_arn: arn, prefix = "", assume_role_arn: role }) =>
    arn === undefined || role !== undefined ? [] : [{ arn, prefix }],
  );
  return [
    ...[...reads].map(([actions, arns], i) =>
      allow(`ReadWeights${i === 0 ? "" : i + 1}`, actions.split(","), [...arns]),
    ),
    ...lists.map(({ arn, prefix }, i) => ({
      ...allow(`ListWeights${i === 0 ? "" : i + 1}`, ["s3:ListBucket"], [arn]),
      Condition: { StringEquals: { "s3:prefix": prefix } },
    })),
    ...(roles.size > 0 ? [allow("AssumeWeightsRole", ["sts:AssumeRole"], [...roles])] : []),
  ];
}

function secretStatements(secrets: Config["secrets"]): Statement[] {
  const values = [...Object.values(secretEnvironment(secrets)), ...Object.values(secrets)];
  const references = values.flatMap((value) => referenceOf(value ?? "") ?? []);
  const arnsOf = (wanted: string, toArn: (id: string) => string) => [
    ...new Set(
      references.flatMap(({ service, id }) =>
        service === wanted ? [id.startsWith("arn:") ? id : toArn(id)] : [],
      ),
    ),
  ];
  const stored = arnsOf(
    "secretsmanager",
    (id) => `arn:\${AWS::Partition}:secretsmanager:${ACCOUNT}:secret:${id}${ANY_SUFFIX}`,
  );
  const parameters = arnsOf(
    "ssm",
    // A version or a label is no part of the name.
    (id) => `arn:\${AWS::Partition}:ssm:${ACCOUNT}:parameter/${id.replace(/^\//, "").replace(/:.*$/, "")}`,
  );
  return [
    ...(stored.length > 0 ? [allow("ReadSecrets", ["secretsmanager:GetSecretValue"], stored)] : []),
    ...(parameters.length > 0 ? [allow("ReadParameters", ["ssm:GetParameter"], parameters)] : []),
  ];
}

/** Of results: what the source itself needs is of a queue that only the template knows. */
const toStatement = ({ actions, resources }: Permission): Statement =>
  allow("SendResults", actions, resources);

const allow = (Sid: string, Action: readonly string[], Resource: readonly string[]): Statement => ({
  Sid,
  Effect: "Allow",
  Action,
  Resource,
});
