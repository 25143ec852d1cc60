// ModelFunction: a model that `coldframe build` built, as a construct of the AWS CDK. It makes what deployment.json describes
// and its props switch on; each part is in a file of its own. Nothing is bundled again, and nothing of config.yaml is repeated.

import { Duration, RemovalPolicy, Size, Stack } from "aws-cdk-lib";
import type * as cloudwatch from "aws-cdk-lib/aws-cloudwatch";
import type * as iam from "aws-cdk-lib/aws-iam";
import * as lambda from "aws-cdk-lib/aws-lambda";
import * as logs from "aws-cdk-lib/aws-logs";
import type * as s3 from "aws-cdk-lib/aws-s3";
import type * as sqs from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import type { LambdaDeployment } from "../../adapter/build/deployment.ts";
import { ColdframeError } from "../../adapter/runtime/errors.ts";
import { createAlarms } from "./alarms.ts";
import { readDeployment, zipOf } from "./deployment.ts";
import { CAPACITY_PROVIDER, ONE_WORKER, runOnManagedInstances } from "./managed-instances.ts";
import { writeOutputs } from "./outputs.ts";
import type { ModelFunctionProps } from "./props.ts";
import { createQueues, mapQueue } from "./queue.ts";
import { createRole, environmentOf } from "./role.ts";
import { type Switches, switchesOf } from "./switches.ts";
import { createUrl } from "./url.ts";
import { createWeightsBucket } from "./weights-bucket.ts";

/** What callers, the URL and the queue name; it moves on to the next version when that is there. */
const ALIAS = "live";

/**
 * A model on AWS Lambda: function, alias `live`, role, log group, and by its switches function URL, queue with dead-letter
 * queue, weights bucket and alarms.
 * @throws CONFIG_NOT_FOUND without an artifact; CONFIG_INVALID when it is of another target or version, or switches contradict
 */
export class ModelFunction extends Construct implements iam.IGrantable {
  readonly function: lambda.Function;
  /** What to call: grants, permissions and event sources belong here, not on `function`. */
  readonly alias: lambda.Alias;
  readonly role: iam.Role;
  readonly logGroup: logs.LogGroup;
  /** `undefined` without a function URL. */
  readonly url: lambda.FunctionUrl | undefined;
  /** `undefined` unless `weightsBucket` is `create`. */
  readonly bucket: s3.Bucket | undefined;
  /** `undefined` without a queue. */
  readonly queue: sqs.Queue | undefined;
  /** `undefined` without a queue. */
  readonly deadLetterQueue: sqs.Queue | undefined;
  readonly alarms: readonly cloudwatch.Alarm[];
  /** The function's role, for grants of other constructs: `table.grantReadData(model)`. */
  readonly grantPrincipal: iam.IPrincipal;

  constructor(scope: Construct, id: string, props: ModelFunctionProps) {
    super(scope, id);
    const facts = readDeployment(props.artifact);
    const switches = switchesOf(props, facts);
    const isFirst = Stack.of(this)
      .node.findAll()
      .every((other) => other === this || !(other instanceof ModelFunction));

    if (switches.createBucket)
      this.bucket = createWeightsBucket(this, facts.weights_bucket as string, switches.weightsKeyArn);
    if (switches.queue)
      ({ queue: this.queue, deadLetterQueue: this.deadLetterQueue } = createQueues(this, facts));
    this.logGroup = new logs.LogGroup(this, "FunctionLogGroup", {
      retention: switches.logRetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.role = createRole(this, facts, switches, { logGroup: this.logGroup, queue: this.queue });
    this.grantPrincipal = this.role;
    this.function = createFunction(this, facts, switches, props);
    this.alias = new lambda.Alias(this, "Alias", {
      aliasName: ALIAS,
      // As CDK itself declares it, exactOptionalPropertyTypes would have two kinds of `role`; so too in url.ts and queue.ts.
      version: this.function.currentVersion as lambda.IVersion,
      ...(switches.provisionedConcurrency > 0 && {
        provisionedConcurrentExecutions: switches.provisionedConcurrency,
      }),
    });
    if (switches.functionUrl) this.url = createUrl(this, facts, switches, this.alias);
    if (this.queue !== undefined) mapQueue(this, facts, this.queue, this.alias);
    this.alarms = switches.alarms
      ? createAlarms(this, facts, switches, this.function, this.deadLetterQueue)
      : [];
    writeOutputs(this, this.#outputs(), isFirst);
  }

  /**
   * The model's name as CloudFormation allows names, for a stack of its own; samconfig.toml has the same.
   * @param artifact as the prop
   * @throws CONFIG_NOT_FOUND, CONFIG_INVALID
   */
  static nameOf(artifact: string): string {
    return readDeployment(artifact).name;
  }

  /** Let someone call the model with `lambda:InvokeFunction`, as AWS's SDKs do; of the URL see `grantInvokeUrl`. */
  grantInvoke(grantee: iam.IGrantable): iam.Grant {
    return this.alias.grantInvoke(grantee);
  }

  /**
   * Let someone call the model's `AWS_IAM` URL with signed requests: both actions, and by the URL alone.
   * @throws CONFIG_INVALID without a URL
   */
  grantInvokeUrl(grantee: iam.IGrantable): iam.Grant {
    if (this.url !== undefined) return this.url.grantInvokeUrl(grantee);
    throw new ColdframeError(
      "CONFIG_INVALID",
      `${this.node.path} has no function URL that could be called.`,
      {
        fix: "Set functionUrl, add function-url to serverless.events in config.yaml, or use grantInvoke.",
      },
    );
  }

  #outputs(): Record<string, string | undefined> {
    const provider = this.node.tryFindChild(CAPACITY_PROVIDER) as lambda.CapacityProvider | undefined;
    return {
      FunctionUrl: this.url?.url,
      FunctionArn: this.function.functionArn,
      AliasArn: this.alias.functionArn,
      RoleArn: this.role.roleArn,
      LogGroupName: this.logGroup.logGroupName,
      WeightsBucketName: this.bucket?.bucketName,
      QueueUrl: this.queue?.queueUrl,
      DeadLetterQueueUrl: this.deadLetterQueue?.queueUrl,
      CapacityProviderArn: provider?.capacityProviderArn,
    };
  }
}

function createFunction(
  model: ModelFunction,
  facts: LambdaDeployment,
  switches: Switches,
  props: ModelFunctionProps,
): lambda.Function {
  const { managed_instances: managed, logging } = facts;
  const options: lambda.FunctionOptions = {
    architecture: facts.architecture === "arm64" ? lambda.Architecture.ARM_64 : lambda.Architecture.X86_64,
    memorySize: managed?.memory_mb ?? facts.memory_mb,
    timeout: Duration.seconds(facts.timeout_seconds),
    ephemeralStorageSize: Size.mebibytes(facts.ephemeral_storage_mb),
    environment: { ...environmentOf(facts, switches), ...(managed !== null && ONE_WORKER) },
    role: model.role,
    logGroup: model.logGroup,
    loggingFormat: logging.log_format as lambda.LoggingFormat,
    applicationLogLevelV2: logging.application_log_level as lambda.ApplicationLogLevel,
    systemLogLevelV2: lambda.SystemLogLevel.INFO,
    recursiveLoop: lambda.RecursiveLoop.TERMINATE,
    // A version can be gone back to; on managed instances it would go on to keep environments of its own.
    currentVersionOptions: { removalPolicy: managed === null ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY },
    ...(facts.description !== null && { description: facts.description }),
    ...(props.functionName !== undefined && { functionName: props.functionName }),
    ...(switches.reservedConcurrency > 0 && { reservedConcurrentExecutions: switches.reservedConcurrency }),
  };
  const fn =
    props.image === undefined
      ? new lambda.Function(model, "ModelFunction", {
          ...options,
          runtime: new lambda.Runtime(facts.runtime, lambda.RuntimeFamily.NODEJS),
          handler: facts.handler,
          code: lambda.Code.fromAsset(zipOf(props.artifact)),
        })
      : new lambda.DockerImageFunction(model, "ModelFunction", { ...options, code: props.image });
  const resource = fn.node.defaultChild as lambda.CfnFunction;
  if (props.image !== undefined) resource.imageConfig = { command: [facts.handler], ...resource.imageConfig };
  // Not by CDK's `tracing`, which adds to the role what deployment.json already has.
  resource.tracingConfig = { mode: facts.tracing };
  if (managed !== null && props.vpc !== undefined) {
    runOnManagedInstances(model, managed, props, props.vpc, fn);
  }
  return fn;
}
