// How many threads a session computes with. Source of the number: "Configure Lambda function memory" of AWS Lambda's
// developer guide; at 1,769 MB a function has the equivalent of one vCPU, and its share grows in proportion.

import { availableParallelism } from "node:os";

const MEMORY_OF_ONE_CPU_MB = 1769;

/**
 * Threads for one operator: the whole CPUs that this function or container has.
 *
 * Rounded down, because onnxruntime's threads spin while they wait for each other, which eats the share that both have:
 * with 1.7 CPUs, two of them took 2.0 ms for a chain of MatMuls where one took 0.7 (a cgroup's quota, on a busy machine of
 * 2 cores; onnxruntime 1.30).
 */
export function threadCount(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  cpus: number = availableParallelism(),
): number {
  const memory = Number(environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]);
  // Lambda shows a function more CPUs than it may use.
  if (memory > 0) return Math.max(1, Math.min(Math.floor(memory / MEMORY_OF_ONE_CPU_MB), cpus));
  return Math.max(1, cpus);
}
