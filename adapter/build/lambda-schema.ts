// The keys of config.yaml that say how many execution environments Lambda may run, and on what: `serverless.concurrency`
// and `serverless.managed_instances`, with the rules between them and the rest.
// Source: docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances.html, AWS::Lambda::Function AcceleratorConfig.

import { z } from "zod";
import type { Problem } from "./config-problems.ts";
import type { Config } from "./config-schema.ts";
import { whole } from "./config-values.ts";

/** Of one environment on Lambda's own machines. */
export const MIN_MEMORY_MB = 128;
export const MAX_MEMORY_MB = 10_240;

/** Of one environment on a managed instance. */
export const MIN_MANAGED_MEMORY_MB = 2048;
const MAX_MANAGED_MEMORY_MB = 32_768;

/** The parts of a GPU that Lambda deals out. */
const ACCELERATOR_MEMORY_GIB = [3, 6, 12, 16, 24, 48] as const;

/** Environments of a public URL when config.yaml says nothing: who has the URL decides what it costs. */
const PUBLIC_RESERVED = 10;

/** Of an event source mapping, as Lambda allows it; and what one may use when config.yaml says nothing. */
const MIN_QUEUE_CONCURRENCY = 2;
const QUEUE_CONCURRENCY = 10;

export const concurrency = z
  .strictObject({
    reserved: whole(1, 1000).optional(),
    provisioned: whole(1, 1000).optional(),
  })
  .describe("a mapping");

export const managedInstances = z
  .strictObject({
    accelerator_memory_gib: z
      .literal(ACCELERATOR_MEMORY_GIB)
      .optional()
      .describe(`one of ${ACCELERATOR_MEMORY_GIB.join(", ")} GiB`),
    memory: whole(MIN_MANAGED_MEMORY_MB, MAX_MANAGED_MEMORY_MB, "MB").optional(),
    max_vcpus: whole(2, 15_000).default(16),
    min_environments: whole(0, 15_000).default(0),
    max_environments: whole(1, 15_000).default(4),
  })
  .describe("a mapping");

/** Environments at the same time, at most; `null`: as many as the account has. */
export function reservedOf({
  concurrency,
  url,
  events,
  managed_instances,
}: Config["serverless"]): number | null {
  if (managed_instances !== undefined) return null;
  const isPublic = url.auth === "none" && events.includes("function-url");
  return concurrency?.reserved ?? (isPublic ? PUBLIC_RESERVED : null);
}

/** Environments that work on a queue at the same time, at most. */
export function queueConcurrencyOf(serverless: Config["serverless"]): number {
  return serverless.sqs.max_concurrency ?? Math.min(QUEUE_CONCURRENCY, reservedOf(serverless) ?? Infinity);
}

/** What `resources.memory` may be, in MB. */
export const memoryRange = (isManaged: boolean): readonly [from: number, to: number] =>
  isManaged ? [MIN_MANAGED_MEMORY_MB, MAX_MANAGED_MEMORY_MB] : [MIN_MEMORY_MB, MAX_MEMORY_MB];

/** Rules over more than one key of a build for Lambda; the config may be invalid in other ways. */
export function checkLambda({ serverless, resources }: Partial<Config>): Problem[] {
  const managed = serverless?.managed_instances;
  return [
    ...checkGpu(resources, managed),
    ...(managed?.accelerator_memory_gib !== undefined ? checkArchitecture(serverless?.architecture) : []),
    ...checkConcurrency(serverless),
  ];
}

function checkGpu(
  resources: Partial<Config>["resources"],
  managed: Config["serverless"]["managed_instances"],
): Problem[] {
  if (managed?.accelerator_memory_gib !== undefined) return [];
  const fix =
    "Lambda has GPUs on managed instances alone; set serverless.managed_instances.accelerator_memory_gib, or build with --target server.";
  const problems: Problem[] = [];
  if (resources?.use_gpu === true) {
    problems.push({ path: ["resources", "use_gpu"], sentence: `found true, allowed false: ${fix}` });
  }
  if (resources?.accelerator !== undefined) {
    const sentence = `found ${JSON.stringify(resources.accelerator)}, allowed none: ${fix}`;
    problems.push({ path: ["resources", "accelerator"], sentence });
  }
  return problems;
}

function checkArchitecture(architecture: unknown): Problem[] {
  if (architecture !== "arm64") return [];
  const sentence = 'found "arm64", allowed "x86_64": managed instances with a GPU have no other';
  return [{ path: ["serverless", "architecture"], sentence }];
}

function checkConcurrency(serverless: Partial<Config["serverless"]> | undefined): Problem[] {
  const { reserved, provisioned } = serverless?.concurrency ?? {};
  const problems: Problem[] = [];
  if (provisioned !== undefined && serverless?.managed_instances !== undefined) {
    const sentence = "is not for managed instances; set managed_instances.min_environments";
    problems.push({ path: ["serverless", "concurrency", "provisioned"], sentence });
  }
  if (reserved === undefined) return problems;
  if (provisioned !== undefined && provisioned > reserved) {
    const sentence = `found ${provisioned}, allowed at most concurrency.reserved, ${reserved}`;
    problems.push({ path: ["serverless", "concurrency", "provisioned"], sentence });
  }
  if (!serverless?.events?.includes("sqs")) return problems;
  const ofQueue = serverless.sqs?.max_concurrency ?? MIN_QUEUE_CONCURRENCY;
  if (ofQueue > reserved) {
    const sentence = `found ${reserved}, allowed at least what a queue may use, ${ofQueue}: its messages would be throttled into the dead-letter queue`;
    problems.push({ path: ["serverless", "concurrency", "reserved"], sentence });
  }
  return problems;
}
