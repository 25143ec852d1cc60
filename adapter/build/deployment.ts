// deployment.json: every fact a template or a command needs at deploy time, written once. Snake case, as in config.yaml;
// no value of a secret, no time, no absolute path.

import type { Config } from "./config-schema.ts";
import { secretVariable } from "../runtime/secrets.ts";
import { coldframeVersion } from "./runtime-files.ts";
import { type WeightsFact, weightsBytes } from "./weights/facts.ts";

export interface Deployment {
  readonly coldframe_version: string;
  readonly model_name: string;
  readonly description: string | null;
  readonly target: "lambda";
  readonly runtime: Config["serverless"]["runtime"];
  readonly architecture: Config["serverless"]["architecture"];
  /** The one of `handlers` that fits `url.invoke_mode`. */
  readonly handler: string;
  readonly handlers: { readonly stream: string; readonly buffered: string };
  readonly memory_mb: number;
  readonly timeout_seconds: number;
  readonly ephemeral_storage_mb: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly secrets: readonly {
    readonly name: string;
    readonly variable: string;
    readonly has_default: boolean;
  }[];
  readonly events: readonly string[];
  readonly url: Config["serverless"]["url"];
  readonly predict_concurrency: number;
  readonly weights: readonly WeightsFact[];
  /** Of the sources whose size is known: what the function holds in /tmp, or in COLDFRAME_DATA_DIR. */
  readonly weights_bytes: number;
  readonly data_bytes: number;
  /** All files of the artifact, this one included. */
  readonly unzipped_bytes: number;
  readonly code_cache: { readonly node_version: string | null };
}

/** What was measured of the artifact. */
export interface Measured {
  readonly dataBytes: number;
  /** Without deployment.json. */
  readonly otherBytes: number;
  readonly cachedBy: string | undefined;
  readonly weights: readonly WeightsFact[];
}

/** deployment.json as text; its own size is part of `unzipped_bytes`. */
export function deploymentText(config: Config, measured: Measured): string {
  let text = "";
  // The number changes the text's length by a digit at most: two rounds settle it, a third is for the digit.
  for (let round = 0; round < 3; round++) {
    text = `${JSON.stringify(describe(config, measured, measured.otherBytes + Buffer.byteLength(text)), null, 2)}\n`;
  }
  return text;
}

function describe(
  config: Config,
  { dataBytes, cachedBy, weights }: Measured,
  unzippedBytes: number,
): Deployment {
  const { serverless, runtime } = config;
  const handlers = { stream: "index.stream", buffered: "index.buffered" };
  return {
    coldframe_version: coldframeVersion(),
    model_name: config.model_name,
    description: config.description ?? null,
    target: "lambda",
    runtime: serverless.runtime,
    architecture: serverless.architecture,
    handler: serverless.url.invoke_mode === "response_stream" ? handlers.stream : handlers.buffered,
    handlers,
    memory_mb: serverless.memory,
    timeout_seconds: serverless.timeout,
    ephemeral_storage_mb: serverless.ephemeral_storage,
    environment: {
      ...(runtime.enable_debug_logs && { COLDFRAME_LOG_LEVEL: "debug" }),
      ...config.environment_variables,
    },
    secrets: Object.entries(config.secrets).map(([name, fallback]) => ({
      name,
      variable: secretVariable(name),
      has_default: fallback !== null && fallback !== "",
    })),
    events: serverless.events,
    url: serverless.url,
    predict_concurrency: runtime.predict_concurrency,
    weights,
    weights_bytes: weightsBytes(weights),
    data_bytes: dataBytes,
    unzipped_bytes: unzippedBytes,
    code_cache: { node_version: cachedBy ?? null },
  };
}
