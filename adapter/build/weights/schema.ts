// The keys of config.yaml that speak of weights: `weights`, Truss's older `external_data` and `model_cache`, and
// `serverless.weights`. What a source's URL may be, and rules over several keys, are config.ts. Source: Truss
// 0.11, truss/base/truss_config.py; `version_id` to `local` are ours.

import { z } from "zod";
import { flag, folder, text, texts } from "../config-values.ts";

const name = z.string().min(1).describe("a name");

const auth = z
  .strictObject({
    auth_method: z.enum(["CUSTOM_SECRET", "AWS_OIDC"]),
    auth_secret_name: name.optional(),
    aws_oidc_role_arn: z
      .string()
      .regex(/^arn:aws[a-z-]*:iam::\d+:role\/.+$/)
      .optional()
      .describe("the ARN of a role: arn:aws:iam::<account>:role/<name>"),
    aws_oidc_region: name.optional(),
  })
  .describe("a mapping");

/** One item of `weights`. */
export const weightsItem = z
  .strictObject({
    source: z.string().min(1).describe("the URL of a source"),
    mount_location: text.optional(),
    allow_patterns: texts.optional(),
    ignore_patterns: texts.optional(),
    sha256: z
      .string()
      .regex(/^[0-9a-fA-F]{64}$/)
      .optional()
      .describe("64 hexadecimal digits"),
    version_id: name.optional(),
    region: name.optional(),
    endpoint: z
      .string()
      .regex(/^https?:\/\/[^/?#@]+\/?$/)
      .optional()
      .describe("an address such as https://minio.example:9000"),
    path_style: flag.optional(),
    dual_stack: flag.optional(),
    requester_pays: flag.optional(),
    auth: auth.optional(),
    auth_secret_name: name.optional(),
    lazy: flag.optional(),
    local: folder.optional(),
  })
  .describe("a mapping");

/** One item of `external_data`. */
export const externalDataItem = z
  .strictObject({
    url: z.string().min(1).describe("an address that begins with https://"),
    local_data_path: z.string().min(1).describe("a path in the data directory"),
    backend: z.literal("http_public").optional().describe("http_public"),
    name: text.optional(),
  })
  .describe("a mapping");

/** One item of `model_cache`. */
export const modelCacheItem = z
  .strictObject({
    repo_id: z.string().min(1).describe("a repository, such as owner/name"),
    revision: text.optional(),
    allow_patterns: texts.optional(),
    ignore_patterns: texts.optional(),
    use_volume: flag.optional(),
    volume_folder: z.string().min(1).optional().describe("a path in the data directory"),
    runtime_secret_name: name.optional(),
    kind: z.enum(["hf", "s3", "gcs", "azure"]).optional(),
  })
  .describe("a mapping");

export const weights = z.array(weightsItem).describe("a list");
export const externalData = z.array(externalDataItem).describe("a list");
export const modelCache = z.array(modelCacheItem).describe("a list");

/** How all weights of a deployment are fetched. */
export const serverlessWeights = z
  .strictObject({
    verify: z.enum(["auto", "size"]).default("auto"),
    verify_warm: z.enum(["stat", "full"]).default("stat"),
    connections: z
      .union([z.literal("auto"), z.int().min(1).max(64)])
      .default("auto")
      .describe("auto, or 1 to 64"),
    lock: flag.default(true),
  })
  .describe("a mapping");

export type WeightsItem = z.output<typeof weightsItem>;
export type ExternalDataItem = z.output<typeof externalDataItem>;
export type ModelCacheItem = z.output<typeof modelCacheItem>;
