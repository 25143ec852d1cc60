// deployment.json: every fact a template or a command needs at deploy time, written once. Snake case, as in config.yaml;
// no value of a secret, no time, no absolute path. What is in it is in deployment/.

import type { Config } from "./config-schema.ts";
import { factsOf } from "./deployment/facts.ts";
import { type LambdaDeployment, lambdaFacts } from "./deployment/lambda.ts";
import { type ServerDeployment, serverFacts } from "./deployment/server.ts";
import type { Target } from "./runtime-files.ts";
import type { WeightsFact } from "./weights/facts.ts";

export type { LambdaDeployment } from "./deployment/lambda.ts";
export type { ServerDeployment } from "./deployment/server.ts";

export type Deployment = LambdaDeployment | ServerDeployment;

/** What was measured of the artifact. */
export interface Measured {
  readonly dataBytes: number;
  /** Without deployment.json. */
  readonly otherBytes: number;
  readonly cachedBy: string | undefined;
  readonly weights: readonly WeightsFact[];
}

/** deployment.json as text; its own size is part of `unzipped_bytes`. */
export function deploymentText(target: Target, config: Config, measured: Measured): string {
  const { dataBytes, otherBytes, weights, cachedBy } = measured;
  const own = target === "lambda" ? lambdaFacts(config, weights, cachedBy) : serverFacts(config, weights);
  let text = "";
  // The number changes the text's length by a digit at most: two rounds settle it, a third is for the digit.
  for (let round = 0; round < 3; round++) {
    const facts = factsOf(config, dataBytes, weights, otherBytes + Buffer.byteLength(text));
    text = `${JSON.stringify({ ...facts, ...own }, null, 2)}\n`;
  }
  return text;
}
