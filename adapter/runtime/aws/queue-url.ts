// What the URL of an SQS queue says of it. Source: docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/
// sqs-queue-message-identifiers.html, and the endpoints in docs.aws.amazon.com/general/latest/gr/sqs-service.html.

import { partitionOf } from "./partition.ts";

export interface QueueName {
  /** Absent where the host is not AWS's own: a local SQS, a name of somebody's own. */
  readonly region: string | undefined;
  readonly account: string;
  readonly name: string;
}

/** What is not in it is `*`, as ARNs of a policy have it. */
export function readQueueUrl({ hostname, pathname }: URL): QueueName {
  const [, account = "*", name = "*"] = /\/([^/]+)\/([^/]+)\/?$/.exec(pathname) ?? [];
  // `sqs.eu-west-1.amazonaws.com`, `vpce-1-a.sqs.eu-west-1.vpce.amazonaws.com`, `eu-west-1.queue.amazonaws.com`.
  const told =
    /(?:^|\.)sqs(?:-fips)?\.([a-z]{2,}-[a-z0-9-]+)\./.exec(hostname) ??
    /^([a-z]{2,}-[a-z0-9-]+)\.queue\./.exec(hostname);
  return { region: told?.[1], account, name };
}

/** @param region where the URL does not say it */
export function queueArn(queue: QueueName, region: string): string {
  const there = queue.region ?? region;
  return `arn:${partitionOf(there)}:sqs:${there}:${queue.account}:${queue.name}`;
}
