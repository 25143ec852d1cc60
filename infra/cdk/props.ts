// What a user of ModelFunction may set. Whatever config.yaml says comes from deployment.json; these are the switches of one
// deployment, the same ones that the templates of SAM and Terraform have.

import type * as ec2 from "aws-cdk-lib/aws-ec2";
import type * as lambda from "aws-cdk-lib/aws-lambda";
import type * as logs from "aws-cdk-lib/aws-logs";

export interface ModelFunctionProps {
  /** The folder that `coldframe build` wrote: `dist/lambda`, with `dist/lambda.zip` beside it; relative to the working directory. */
  readonly artifact: string;

  /** A function URL on the alias. Default: whether `serverless.events` has `function-url`. */
  readonly functionUrl?: boolean;

  /**
   * Who may call the URL: `AWS_IAM`, callers who sign their requests and were allowed to; `NONE`, anybody, and then
   * `reservedConcurrency` has to bound what they cost. Default: `serverless.url.auth`.
   */
  readonly urlAuth?: "AWS_IAM" | "NONE";

  /**
   * Account id, or ARN of a role or user, that may call an `AWS_IAM` URL, of another account too. For a principal of this
   * app see `grantInvokeUrl`.
   * @default - nobody but whom their own policies allow it
   */
  readonly invoker?: string;

  /** An SQS queue in front of the model, with a dead-letter queue. Default: whether `serverless.events` has `sqs`. */
  readonly queue?: boolean;

  /**
   * `create` makes the bucket that the weights are read from, by the name it has in config.yaml. It stays when the stack is
   * deleted.
   * @default "existing"
   */
  readonly weightsBucket?: "existing" | "create";

  /**
   * ARN of the KMS key that the weights are encrypted with.
   * @default - none but keys that need no permission, which AWS owns
   */
  readonly weightsKeyArn?: string;

  /**
   * Where in Secrets Manager the secrets without a default are: each is `<secretsPrefix><its name>`.
   * @default - the model's name and a slash
   */
  readonly secretsPrefix?: string;

  /**
   * Name of the environment, as the model's `context.environment`: `production`. For environment variables see
   * `function.addEnvironment`.
   * @default - none
   */
  readonly environment?: string;

  /** Execution environments at the same time, at most; 0: no bound but the account's. Default: `serverless.concurrency.reserved`. */
  readonly reservedConcurrency?: number;

  /** Execution environments that are kept ready, and paid for; 0: none. Default: `serverless.concurrency.provisioned`. */
  readonly provisionedConcurrency?: number;

  /** @default 30 */
  readonly logRetentionDays?: logs.RetentionDays;

  /**
   * Alarms on errors, throttles and slow calls, on 5xx answers of the URL, and on the dead-letter queue.
   * @default true
   */
  readonly alarms?: boolean;

  /**
   * ARN of the SNS topic that alarms report to.
   * @default - alarms have no action
   */
  readonly alarmTopicArn?: string;

  /**
   * Name of the function.
   * @default - CloudFormation makes one, so that the stack can replace the function
   */
  readonly functionName?: string;

  /**
   * A container image in place of the zip: `DockerImageCode.fromEcr(repository, { tagOrDigest: "sha256:..." })`. Its command
   * is the handler of deployment.json unless it names another.
   */
  readonly image?: lambda.DockerImageCode;

  /** Where Lambda runs the instances of a model with `serverless.managed_instances`, which needs one; of no use without. */
  readonly vpc?: ec2.IVpc;

  /** @default - private subnets with a way out */
  readonly vpcSubnets?: ec2.SubnetSelection;

  /** @default - one of its own, which lets nothing in */
  readonly securityGroups?: ec2.ISecurityGroup[];

  /**
   * What the managed instances may be.
   * @default - Lambda chooses
   */
  readonly instanceTypes?: ec2.InstanceType[];
}
