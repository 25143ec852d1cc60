// The keys of config.yaml that belong to one event source: `serverless.sqs`, `serverless.s3`. What the entry makes of
// them is events-entry.ts, what templates read of them is events-facts.ts.

import { z } from "zod";
import { whole } from "./config-values.ts";

/** A queue by its URL, with its account and name: `https://sqs.eu-west-1.amazonaws.com/123456789012/results`. */
const QUEUE_URL = /^https?:\/\/[^/\s?#]+\/\d{12}\/[\w-]{1,80}(\.fifo)?$/;

/** A bucket, or a folder in one: `s3://bucket/`, `s3://bucket/results/`. */
const S3_PREFIX = /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\/([^\s?#]+\/)?$/;

export const sqs = z
  .strictObject({
    results: z
      .string()
      .refine((place) => QUEUE_URL.test(place) || S3_PREFIX.test(place))
      .optional()
      .describe("the URL of an SQS queue, or s3://bucket/prefix/"),
    batch_size: whole(1, 10).optional(),
    max_concurrency: whole(2, 1000).optional(),
    max_receive_count: whole(1, 1000).optional(),
  })
  .describe("a mapping");

export const s3 = z
  .strictObject({
    input: z.enum(["bytes", "location"]).default("bytes"),
    max_megabytes: whole(1, 5_000, "MB").default(100),
  })
  .describe("a mapping");

/** The sources that have keys of their own, by their names. */
export const EVENT_KEYS = { sqs, s3 } as const;
