// What the entry hands to the receiver of an event source that is configured: the code for it is in that deployment's
// bundle, and in no other.

import type { Config } from "./config-schema.ts";

/** An exported function of runtime/, called with what config.yaml says. */
export interface RecordStep {
  /** Below runtime/, without its extension. */
  readonly file: string;
  readonly name: string;
  readonly argument: string | number;
}

const BYTES_PER_MEGABYTE = 1024 * 1024;

/** What `serverless.<event>` adds to the source of that name, if anything. */
export function recordStep(event: string, { sqs, s3 }: Config["serverless"]): RecordStep | undefined {
  if (event === "sqs" && sqs.results !== undefined) {
    return sqs.results.startsWith("s3://")
      ? { file: "results/bucket", name: "toBucket", argument: sqs.results }
      : { file: "results/queue", name: "toQueue", argument: sqs.results };
  }
  if (event === "s3" && s3.input === "bytes") {
    const argument = s3.max_megabytes * BYTES_PER_MEGABYTE;
    return { file: "events/_object-bytes", name: "objectBytes", argument };
  }
  return undefined;
}
