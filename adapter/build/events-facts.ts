// What templates have to grant and to set for each event source, as deployment.json has it: actions and resources of IAM,
// and the settings of the mapping without which messages would be lost.
// Source: docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html, list_amazons3.html.

import { queueArn, readQueueUrl } from "../runtime/aws/queue-url.ts";
import type { Config } from "./config-schema.ts";

/** One statement of the function's role. */
export interface Permission {
  readonly actions: readonly string[];
  /** ARNs; empty: of whatever the event source is. */
  readonly resources: readonly string[];
}

export interface EventFacts {
  /** Absent when `sqs` is not among the events. */
  readonly sqs?: {
    /** FunctionResponseTypes of the event source mapping: without it, Lambda takes failed messages for done. */
    readonly function_response_types: readonly ["ReportBatchItemFailures"];
    /** The mapping's own, and what results need. */
    readonly permissions: readonly Permission[];
    readonly results: SqsResults | null;
  };
  readonly s3?: {
    readonly input: "bytes" | "location";
    readonly max_bytes: number;
    readonly permissions: readonly Permission[];
  };
}

/** `variable` names another place of the same kind when it is deployed. */
export type SqsResults =
  | { readonly queue_url: string; readonly queue_arn: string; readonly variable: string }
  | { readonly bucket: string; readonly prefix: string; readonly variable: string };

const RESULTS_VARIABLE = "COLDFRAME_SQS_RESULTS";

/** What Lambda does with the function's role to read a queue. */
export const CONSUME = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];

/** The facts of those sources that have any. */
export function eventFacts({ events, sqs, s3 }: Config["serverless"]): EventFacts {
  const results = sqs.results === undefined ? null : readResults(sqs.results);
  const bytes = s3.input === "bytes";
  return {
    ...(events.includes("sqs") && {
      sqs: {
        function_response_types: ["ReportBatchItemFailures"] as const,
        permissions: [{ actions: CONSUME, resources: [] }, ...(results ? [permissionOf(results)] : [])],
        results,
      },
    }),
    ...(events.includes("s3") && {
      s3: {
        input: s3.input,
        max_bytes: s3.max_megabytes * 1024 * 1024,
        permissions: bytes ? [{ actions: ["s3:GetObject", "s3:GetObjectVersion"], resources: [] }] : [],
      },
    }),
  };
}

function readResults(place: string): SqsResults {
  const [, bucket, prefix = ""] = /^s3:\/\/([^/]+)\/(.*)$/.exec(place) ?? [];
  if (bucket !== undefined) return { bucket, prefix, variable: RESULTS_VARIABLE };
  return {
    queue_url: place,
    queue_arn: queueArn(readQueueUrl(new URL(place)), "*"),
    variable: RESULTS_VARIABLE,
  };
}

function permissionOf(results: SqsResults): Permission {
  if ("queue_arn" in results) return { actions: ["sqs:SendMessage"], resources: [results.queue_arn] };
  // A bucket's name does not tell its partition.
  const objects = `arn:\${AWS::Partition}:s3:::${results.bucket}/${results.prefix}*`;
  return { actions: ["s3:PutObject"], resources: [objects] };
}
