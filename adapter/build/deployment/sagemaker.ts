// What deployment.json says again as SageMaker wants it: an instance that has what the model asks for, and numbers within
// its limits. Sources, November 2026: docs.aws.amazon.com/sagemaker/latest/APIReference, API_ProductionVariant and
// API_AsyncInferenceClientConfig; .../latest/dg, "Best practices to minimize interruptions during GPU driver upgrades" and
// "Custom Inference Code with Hosting Services" (30 s from SIGTERM to SIGKILL).

import { toMegabytes } from "../config-schema.ts";
import type { Facts } from "./facts.ts";
import type { Gpu } from "./server.ts";

export interface SageMaker {
  /** `null`: no instance has that GPU, or so many of it. */
  readonly instance_type: string | null;
  /** Where the usual machine's driver is too old for CUDA 12; `null`: the usual one. */
  readonly inference_ami: string | null;
  readonly max_concurrent_invocations: number;
  readonly grace_ms: number;
}

/** What of a server it is made from. */
export interface SageMakerSource {
  readonly architecture: Facts["architecture"];
  /** In Kubernetes' notation. */
  readonly cpu: string;
  readonly memory: string;
  readonly gpu: Gpu | null;
  readonly concurrency: number;
  readonly graceSeconds: number;
}

/** The general purpose instances that SageMaker has in every region: cores, GiB. */
const FAMILIES = { x86_64: "ml.m5", arm64: "ml.m6g" } as const;
const SIZES = [
  ["large", 2, 8],
  ["xlarge", 4, 16],
  ["2xlarge", 8, 32],
  ["4xlarge", 16, 64],
  ["12xlarge", 48, 192],
] as const;
const LARGEST = SIZES[4];

/** When config.yaml wants a GPU and does not say which. */
const ANY_GPU = "ml.g5.xlarge";

/** Instances with more than one, by the smallest one with one. Those that are not named have eight. */
const WITH_MORE: Readonly<Record<string, readonly (readonly [gpus: number, type: string])[]>> = {
  "ml.g4dn.xlarge": [[4, "ml.g4dn.12xlarge"]],
  "ml.g5.xlarge": [
    [4, "ml.g5.12xlarge"],
    [8, "ml.g5.48xlarge"],
  ],
  "ml.g6.xlarge": [
    [4, "ml.g6.12xlarge"],
    [8, "ml.g6.48xlarge"],
  ],
  "ml.p3.2xlarge": [
    [4, "ml.p3.8xlarge"],
    [8, "ml.p3.16xlarge"],
  ],
};

/** Instances whose usual driver, 470, knows CUDA 11 alone; and the machine with driver 535, for CUDA 12. */
const OLD_DRIVER = /^ml\.(g4dn|g5|p3|p4d|p4de)\./;
const CUDA_12 = "al2-ami-sagemaker-inference-gpu-2-1";

const MAX_CONCURRENT = 1000;
const GRACE_SECONDS = 30;

/** The facts that only SageMaker's templates read. */
export function sageMakerFacts(source: SageMakerSource): SageMaker {
  const { gpu, concurrency, graceSeconds } = source;
  const instance = gpu === null ? ofCpu(source) : ofGpu(gpu);
  return {
    instance_type: instance,
    inference_ami: gpu !== null && OLD_DRIVER.test(instance ?? "") ? CUDA_12 : null,
    max_concurrent_invocations: Math.min(concurrency, MAX_CONCURRENT),
    grace_ms: Math.min(graceSeconds, GRACE_SECONDS) * 1000,
  };
}

/** The smallest that has as much, else the largest. */
function ofCpu({ architecture, cpu, memory }: SageMakerSource): string {
  const cores = cpu.endsWith("m") ? Number(cpu.slice(0, -1)) / 1000 : Number(cpu);
  const gibibytes = (toMegabytes(memory) ?? 0) / 1024;
  const [size] = SIZES.find(([, has, gib]) => has >= cores && gib >= gibibytes) ?? LARGEST;
  return `${FAMILIES[architecture]}.${size}`;
}

function ofGpu({ accelerator, sagemaker, count }: Gpu): string | null {
  const smallest = accelerator === null ? ANY_GPU : sagemaker;
  if (smallest === undefined) return null;
  const larger = WITH_MORE[smallest];
  if (count === 1 || larger === undefined) return smallest;
  return larger.find(([gpus]) => gpus >= count)?.[1] ?? null;
}
