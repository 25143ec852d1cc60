// The table of config.yaml: every key, its range and its default; the keys of weights are in weights/schema.ts. Each
// leaf's description is the sentence a refusal prints after "allowed". Not here: Truss keys without a meaning on Lambda
// (truss-keys.ts) and how problems are worded and located (config-problems.ts). Sources: Truss 0.11 config fields; AWS Lambda quotas, November 2026.

import { z } from "zod";
import { file, flag, folder, freeForm, text, texts, whole } from "./config-values.ts";
import { ACCELERATOR } from "./deployment/accelerators.ts";
import { EVENT_KEYS } from "./events-schema.ts";
import {
  concurrency,
  MAX_MEMORY_MB,
  managedInstances,
  MIN_MANAGED_MEMORY_MB,
  MIN_MEMORY_MB,
} from "./lambda-schema.ts";
import { server } from "./server-schema.ts";
import { externalData, modelCache, serverlessWeights, weights } from "./weights/schema.ts";

/** AWS gives one vCPU at this memory: the smallest size at which a model is not slowed down by a shared core. */
const ONE_VCPU_MB = 1769;

const environmentVariables = z
  .record(
    z.string(),
    z.union([z.string(), z.number(), z.boolean()]).describe("a text, a number, true or false"),
  )
  .transform((map) => Object.fromEntries(Object.entries(map).map(([name, value]) => [name, String(value)])))
  .describe("a mapping of names to texts");

const secrets = z
  .record(
    z
      .string()
      .regex(/^[A-Za-z0-9_.-]+$/)
      .describe("a name of letters, digits, '_', '.' and '-'"),
    z.string().nullable().describe("a text (the default value) or null; quote a number"),
  )
  .describe("a mapping of names to a default text or null");

const batch = z
  .strictObject({
    max_size: whole(2, 1024).default(32),
    max_delay_ms: whole(0, 1000, "milliseconds").default(5),
  })
  .describe("a mapping");

const runtime = z
  .strictObject({
    predict_concurrency: whole(1, 1000).default(1),
    streaming_read_timeout: whole(1, 900, "seconds").default(60),
    load_timeout_seconds: whole(1, 1800, "seconds").default(1800),
    batch: batch.optional(),
    enable_debug_logs: flag.default(false),
    enable_tracing_data: flag.default(false),
  })
  .describe("a mapping");

/** Truss's quantities: `2Gi`, `512Mi`, `1.5G`. Bytes when no unit is given, as in Kubernetes. */
const QUANTITY = /^(\d+(?:\.\d+)?)(k|M|G|T|Ki|Mi|Gi|Ti)?$/;

const resources = z
  .strictObject({
    cpu: z
      .union([z.number().positive(), z.string().regex(/^\d+(\.\d+)?m?$/)])
      .optional()
      .describe('a number of cores such as 2, or millicores such as "500m"'),
    memory: z.string().regex(QUANTITY).optional().describe('an amount such as "2Gi" or "512Mi"'),
    use_gpu: flag.optional(),
    accelerator: z
      .string()
      .regex(ACCELERATOR)
      .optional()
      .describe('a GPU such as "L4" or "A100", or "L4:2" for two'),
  })
  .describe("a mapping");

const cors = z
  .strictObject({
    allow_origins: texts.optional(),
    allow_methods: z
      .array(z.enum(["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "*"]))
      .optional()
      .describe("a list of GET, POST, PUT, DELETE, HEAD, PATCH or *"),
    allow_headers: texts.optional(),
    expose_headers: texts.optional(),
    allow_credentials: flag.optional(),
    max_age: whole(0, 86_400, "seconds").optional(),
  })
  .describe("a mapping");

const url = z
  .strictObject({
    auth: z.enum(["iam", "none"]).default("iam"),
    cors: cors.optional(),
    invoke_mode: z.enum(["response_stream", "buffered"]).default("response_stream"),
  })
  .describe("a mapping");

const serverless = (eventNames: readonly string[]) =>
  z
    .strictObject({
      runtime: z.enum(["nodejs22.x", "nodejs24.x"]).default("nodejs24.x"),
      architecture: z.enum(["x86_64", "arm64"]).default("x86_64"),
      memory: whole(MIN_MEMORY_MB, MAX_MEMORY_MB, "MB").optional(),
      timeout: whole(1, 900, "seconds").default(60),
      ephemeral_storage: whole(512, 10_240, "MB").default(512),
      events: z
        .array(z.enum(eventNames as [string, ...string[]]))
        .min(1)
        .refine((names) => new Set(names).size === names.length)
        .default(["function-url", "direct"])
        .describe(`a list, each once, of ${eventNames.join(", ")}`),
      url: url.prefault({}),
      concurrency: concurrency.optional(),
      managed_instances: managedInstances.optional(),
      metrics_namespace: z
        .string()
        .regex(/^[\w./#:-]{1,255}$/)
        .refine((name) => !name.startsWith("AWS/"))
        .optional()
        .describe("1 to 255 letters, digits and . - _ / # :, not beginning with AWS/"),
      weights: serverlessWeights.prefault({}),
      sqs: EVENT_KEYS.sqs.prefault({}),
      s3: EVENT_KEYS.s3.prefault({}),
    })
    .describe("a mapping");

/**
 * The schema of a whole config.yaml.
 * @param project the default of `model_name`
 * @param eventNames the legal values of `serverless.events`: the files of runtime/events/
 */
export function configSchema(project: string, eventNames: readonly string[]) {
  return z
    .strictObject({
      model_name: z
        .string()
        .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)
        .default(toModelName(project))
        .describe("1 to 64 letters, digits, '.', '_' and '-', the first a letter or digit"),
      description: text.optional(),
      model_metadata: freeForm.default({}),
      environment_variables: environmentVariables.default({}),
      secrets: secrets.default({}),
      data_dir: folder.default("data"),
      weights: weights.default([]),
      external_data: externalData.default([]),
      model_cache: modelCache.default([]),
      resources: resources.default({}),
      runtime: runtime.prefault({}),
      model_module_dir: folder.or(z.literal(".")).default("model").describe("a folder inside the project"),
      model_class_filename: file.default("model.ts"),
      model_class_name: z
        .string()
        .regex(/^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u)
        .default("Model")
        .describe("the name of a class"),
      examples_filename: file.default("examples.yaml"),
      serverless: serverless(eventNames).prefault({}),
      server: server.prefault({}),
    })
    .transform(({ serverless, ...config }) => {
      const { managed_instances: managed, ...others } = serverless;
      const ofTruss = toMegabytes(config.resources.memory);
      const memory = serverless.memory ?? (managed ? undefined : ofTruss) ?? ONE_VCPU_MB;
      const sized = managed && { ...managed, memory: managed.memory ?? ofTruss ?? MIN_MANAGED_MEMORY_MB };
      return { ...config, serverless: { ...others, memory, ...(sized && { managed_instances: sized }) } };
    })
    .describe("a mapping");
}

/** config.yaml with its defaults, keys as written there. */
export type Config = z.output<ReturnType<typeof configSchema>>;

/** Mebibytes, which is what Lambda calls MB, rounded up. */
export function toMegabytes(quantity: string | undefined): number | undefined {
  const match = QUANTITY.exec(quantity ?? "");
  if (match === null) return undefined;
  const powers = { k: 1e3, M: 1e6, G: 1e9, T: 1e12, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40 };
  return Math.ceil((Number(match[1]) * (powers[match[2] as keyof typeof powers] ?? 1)) / 2 ** 20);
}

/** A folder's name as a legal model name. */
function toModelName(folderName: string): string {
  const name = folderName.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "");
  return name.slice(0, 64) || "model";
}
