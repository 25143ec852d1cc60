// The normal form of an evaluated CloudFormation document, of SAM or of CDK: what differs between the two in writing and
// not in meaning is said where it is read. A resource or a property that nothing here reads is an error.

import type { Evaluated, EvaluatedResource } from "../cfn/_evaluate.ts";
import type { Json } from "../cfn/_parse.ts";
import { functionOf } from "./_cloudformation-function.ts";
import { bucketOf, queueOf } from "./_cloudformation-stores.ts";
import { type Parts, type Properties, partsOf } from "./_cloudformation-parts.ts";
import {
  type Alarm,
  type InstanceFacts,
  type NormalForm,
  nothingElse,
  type Permission,
  sorted,
  type UrlFacts,
} from "./_normal-form.ts";
import { statementsOf } from "./_statements.ts";

/** @throws for what it would not compare */
export function fromCloudFormation(evaluated: Evaluated): NormalForm {
  const { parts, all, outputs } = partsOf(evaluated);
  const {
    Name = null,
    FunctionVersion = null,
    FunctionName,
    ProvisionedConcurrencyConfig,
    ...alias
  } = parts.alias.Properties;
  nothingElse(alias, "the alias");
  if (FunctionName !== "<function.name>") throw new Error(`the alias is of ${FunctionName}`);
  const { ProvisionedConcurrentExecutions: provisioned = null, ...config } =
    (ProvisionedConcurrencyConfig as Properties) ?? {};
  nothingElse(config, "the alias's environments");
  return {
    function: functionOf(parts.function.Properties),
    alias: { name: Name, version: FunctionVersion, provisioned },
    url: parts.url === undefined ? null : urlOf(parts.url.Properties),
    permissions: sorted(ofType(all, "AWS::Lambda::Permission").map(permissionOf)),
    logs: logsOf(parts.logs),
    role: roleOf(parts.role.Properties),
    alarms: alarmsOf(ofType(all, "AWS::CloudWatch::Alarm")),
    queue: queueOf(parts, ofType(all, "AWS::SQS::QueuePolicy")),
    bucket: bucketOf(parts),
    outputs,
    instances: parts.provider === undefined ? null : instancesOf(parts, parts.provider.Properties),
  };
}

const ofType = (all: readonly EvaluatedResource[], type: string): Properties[] =>
  all.flatMap(({ Type, Properties: own }) => (Type === type ? [own] : []));

function urlOf(properties: Properties): UrlFacts {
  const {
    TargetFunctionArn = null,
    Qualifier,
    AuthType = null,
    InvokeMode = null,
    Cors,
    ...rest
  } = properties;
  nothingElse(rest, "the URL");
  // CDK names the function and a qualifier, SAM the alias.
  const isOfAlias = TargetFunctionArn === "<function.arn>" && Qualifier === "live";
  const written = Qualifier === undefined ? TargetFunctionArn : `${TargetFunctionArn}:${Qualifier}`;
  return {
    target: isOfAlias ? "<alias.arn>" : written,
    auth: AuthType,
    invokeMode: InvokeMode,
    cors: (Cors ?? null) as Properties | null,
  };
}

function permissionOf(properties: Properties): Permission {
  const {
    Action = null,
    Principal = null,
    FunctionUrlAuthType = null,
    FunctionName = null,
    ...more
  } = properties;
  const { InvokedViaFunctionUrl = null, ...rest } = more;
  nothingElse(rest, `the permission ${Action}`);
  return {
    action: Action,
    principal: Principal,
    authType: FunctionUrlAuthType,
    viaUrl: InvokedViaFunctionUrl,
    target: FunctionName,
  };
}

function logsOf({ Properties: properties, DeletionPolicy }: EvaluatedResource): NormalForm["logs"] {
  const { RetentionInDays = null, ...rest } = properties;
  nothingElse(rest, "the log group");
  return { retentionDays: RetentionInDays, isKept: DeletionPolicy !== "Delete" };
}

function roleOf(properties: Properties): NormalForm["role"] {
  const {
    AssumeRolePolicyDocument,
    Policies = [],
    ManagedPolicyArns = [],
    Description: _,
    ...rest
  } = properties;
  nothingElse(rest, "the role");
  return {
    trust: statementsOf(AssumeRolePolicyDocument),
    statements: sorted(
      (Policies as Properties[]).flatMap(({ PolicyDocument }) => statementsOf(PolicyDocument)),
    ),
    managedPolicies: ManagedPolicyArns as Json[],
  };
}

function alarmsOf(all: readonly Properties[]): Record<string, Alarm> {
  const alarms = all.map((properties) => {
    const {
      MetricName,
      Namespace = null,
      Statistic,
      ExtendedStatistic,
      Threshold = null,
      ...more
    } = properties;
    const { Period = null, EvaluationPeriods = null, ComparisonOperator = null, ...others } = more;
    const {
      TreatMissingData = null,
      Dimensions = [],
      AlarmActions = [],
      AlarmDescription: _,
      ...rest
    } = others;
    nothingElse(rest, `the alarm of ${MetricName}`);
    const dimensions = (Dimensions as { Name: string; Value: Json }[]).map(({ Name, Value }) => [
      Name,
      Value,
    ]);
    return [
      String(MetricName),
      {
        namespace: Namespace,
        statistic: Statistic ?? ExtendedStatistic ?? null,
        threshold: Threshold,
        periodSeconds: Period,
        evaluationPeriods: EvaluationPeriods,
        comparison: ComparisonOperator,
        missingData: TreatMissingData,
        dimensions: Object.fromEntries(dimensions) as Properties,
        actions: AlarmActions as Json[],
      },
    ] as const;
  });
  if (new Set(alarms.map(([metric]) => metric)).size < alarms.length)
    throw new Error("two alarms of one metric");
  return Object.fromEntries(alarms);
}

function instancesOf(parts: Parts, provider: Properties): InstanceFacts {
  const { VpcConfig, PermissionsConfig, InstanceRequirements, CapacityProviderScalingConfig, ...rest } =
    provider;
  nothingElse(rest, "the capacity provider");
  if (JSON.stringify(PermissionsConfig) !== '{"CapacityProviderOperatorRoleArn":"<operator.arn>"}') {
    throw new Error("the capacity provider has another role");
  }
  const network = VpcConfig as Properties;
  const { Architectures = null, AllowedInstanceTypes = null } = InstanceRequirements as Properties;
  const { MaxVCpuCount = null, ScalingMode = null } = CapacityProviderScalingConfig as Properties;
  const operator = roleOf(parts.operator?.Properties ?? {});
  const own = parts.function.Properties;
  const { LambdaManagedInstancesCapacityProviderConfig: config } = own["CapacityProviderConfig"] as {
    LambdaManagedInstancesCapacityProviderConfig: Properties;
  };
  const { CapacityProviderArn, PerExecutionEnvironmentMaxConcurrency = null, ...limits } = config;
  nothingElse(limits, "the function's capacity provider");
  if (CapacityProviderArn !== "<provider.arn>")
    throw new Error(`the function runs on ${CapacityProviderArn}`);
  if (own["PublishToLatestPublished"] === true)
    throw new Error("$LATEST.PUBLISHED has environments of its own");
  const scaling = parts.version.Properties["FunctionScalingConfig"] as Properties;
  return {
    subnets: network["SubnetIds"] ?? null,
    securityGroups: network["SecurityGroupIds"] ?? null,
    architectures: Architectures,
    types: AllowedInstanceTypes,
    maxVcpus: MaxVCpuCount,
    scalingMode: ScalingMode,
    operatorTrust: operator.trust,
    operatorPolicies: operator.managedPolicies,
    maxConcurrency: PerExecutionEnvironmentMaxConcurrency,
    acceleratorGib: (own["AcceleratorConfig"] as Properties | undefined)?.["AcceleratorMemorySize"] ?? null,
    minEnvironments: scaling["MinExecutionEnvironments"] ?? null,
    maxEnvironments: scaling["MaxExecutionEnvironments"] ?? null,
    keepsOldVersions: parts.version.DeletionPolicy === "Retain",
  };
}
