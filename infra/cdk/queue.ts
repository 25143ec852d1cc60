// An SQS queue in front of the model: with a dead-letter queue, encrypted, reached over TLS alone, and its mapping to the
// alias, which takes back the messages that failed and no others.

import { Duration } from "aws-cdk-lib";
import * as lambda from "aws-cdk-lib/aws-lambda";
import * as sqs from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";
import type { LambdaDeployment } from "../../adapter/build/deployment.ts";

const WAITING_DAYS = 4;

/** As long as SQS keeps a message: time to look at what failed. */
const DEAD_LETTER_DAYS = 14;

export interface Queues {
  readonly queue: sqs.Queue;
  readonly deadLetterQueue: sqs.Queue;
}

export function createQueues(scope: Construct, { queue: facts }: LambdaDeployment): Queues {
  const safe = { encryption: sqs.QueueEncryption.SQS_MANAGED, enforceSSL: true };
  const deadLetterQueue = new sqs.Queue(scope, "DeadLetterQueue", {
    ...safe,
    retentionPeriod: Duration.days(DEAD_LETTER_DAYS),
  });
  const queue = new sqs.Queue(scope, "Queue", {
    ...safe,
    retentionPeriod: Duration.days(WAITING_DAYS),
    visibilityTimeout: Duration.seconds(facts.visibility_timeout_seconds),
    deadLetterQueue: { queue: deadLetterQueue, maxReceiveCount: facts.max_receive_count },
  });
  return { queue, deadLetterQueue };
}

/** Messages of the queue become calls of the alias. */
export function mapQueue(
  scope: Construct,
  { queue: facts }: LambdaDeployment,
  queue: sqs.Queue,
  target: lambda.Alias,
): void {
  new lambda.EventSourceMapping(scope, "QueueMapping", {
    target: target as lambda.IFunction,
    eventSourceArn: queue.queueArn,
    batchSize: facts.batch_size,
    maxConcurrency: facts.max_concurrency,
    reportBatchItemFailures: facts.function_response_types.includes("ReportBatchItemFailures"),
  });
}
