// deployment.json: every fact a template or a command needs at deploy time, written once. Snake case, as in config.yaml;
// no value of a secret, no time, no absolute path.

import type { Config } from "./config-schema.ts";
import { secretVariable } from "../runtime/secrets.ts";
import { DEFAULT_PORT } from "../runtime/targets/server/address.ts";
import { takesStreams } from "./event-sources.ts";
import { type EventFacts, eventFacts } from "./events-facts.ts";
import { coldframeVersion, type Target } from "./runtime-files.ts";
import { type WeightsFact, weightsBytes } from "./weights/facts.ts";

export type Deployment = LambdaDeployment | ServerDeployment;

/** Of either target. */
interface Facts {
  readonly coldframe_version: string;
  readonly model_name: string;
  readonly description: string | null;
  /** The Node it was bundled for. */
  readonly runtime: Config["serverless"]["runtime"];
  readonly architecture: Config["serverless"]["architecture"];
  readonly environment: Readonly<Record<string, string>>;
  readonly secrets: readonly {
    readonly name: string;
    readonly variable: string;
    readonly has_default: boolean;
  }[];
  readonly predict_concurrency: number;
  readonly weights: readonly WeightsFact[];
  /** Of the sources whose size is known: what lies in /tmp, or in COLDFRAME_DATA_DIR. */
  readonly weights_bytes: number;
  readonly data_bytes: number;
  /** All files of the artifact, this one included. */
  readonly unzipped_bytes: number;
}

export interface ServerDeployment extends Facts {
  readonly target: "server";
  /** What `node` is started with, in the artifact's folder. */
  readonly entry: "index.mjs";
  /** Where it listens unless PORT says otherwise. */
  readonly port: number;
  readonly max_queue: number;
  readonly max_body_mb: number;
  /** `null`: as long as it takes. */
  readonly request_timeout_seconds: number | null;
  /** `null`: what the platform is known to give. */
  readonly shutdown_grace_seconds: number | null;
  readonly resources: Config["resources"];
}

export interface LambdaDeployment extends Facts {
  readonly target: "lambda";
  /** The one of `handlers` that fits `events` and `url.invoke_mode`; a REST API in front of `stream` is in STREAM mode. */
  readonly handler: string;
  readonly handlers: { readonly stream: string; readonly buffered: string };
  readonly memory_mb: number;
  readonly timeout_seconds: number;
  readonly ephemeral_storage_mb: number;
  /** LoggingConfig: AWS's client then writes what the console says as the adapter writes its own lines. */
  readonly logging: { readonly log_format: "JSON"; readonly application_log_level: "INFO" | "DEBUG" };
  readonly events: readonly string[];
  readonly event_sources: EventFacts;
  readonly url: Config["serverless"]["url"];
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
export function deploymentText(target: Target, config: Config, measured: Measured): string {
  const describe = target === "lambda" ? describeLambda : describeServer;
  let text = "";
  // The number changes the text's length by a digit at most: two rounds settle it, a third is for the digit.
  for (let round = 0; round < 3; round++) {
    const facts = factsOf(config, measured, measured.otherBytes + Buffer.byteLength(text));
    text = `${JSON.stringify(describe(config, measured, facts), null, 2)}\n`;
  }
  return text;
}

function describeServer({ server, resources }: Config, _measured: Measured, facts: Facts): ServerDeployment {
  return {
    ...facts,
    target: "server",
    entry: "index.mjs",
    port: DEFAULT_PORT,
    max_queue: server.max_queue,
    max_body_mb: server.max_body_mb,
    request_timeout_seconds: server.request_timeout_seconds ?? null,
    shutdown_grace_seconds: server.shutdown_grace_seconds ?? null,
    resources,
  };
}

function describeLambda(
  { serverless, runtime }: Config,
  { cachedBy }: Measured,
  facts: Facts,
): LambdaDeployment {
  const handlers = { stream: "index.stream", buffered: "index.buffered" };
  return {
    ...facts,
    target: "lambda",
    // Sources that take no streams get their results from either handler: a mix of both kinds is one function.
    handler:
      serverless.url.invoke_mode === "response_stream" && serverless.events.some(takesStreams)
        ? handlers.stream
        : handlers.buffered,
    handlers,
    memory_mb: serverless.memory,
    timeout_seconds: serverless.timeout,
    ephemeral_storage_mb: serverless.ephemeral_storage,
    logging: { log_format: "JSON", application_log_level: runtime.enable_debug_logs ? "DEBUG" : "INFO" },
    events: serverless.events,
    event_sources: eventFacts(serverless),
    url: serverless.url,
    code_cache: { node_version: cachedBy ?? null },
  };
}

function factsOf(config: Config, { dataBytes, weights }: Measured, unzippedBytes: number): Facts {
  const { serverless, runtime } = config;
  return {
    coldframe_version: coldframeVersion(),
    model_name: config.model_name,
    description: config.description ?? null,
    runtime: serverless.runtime,
    architecture: serverless.architecture,
    environment: {
      ...(runtime.enable_debug_logs && { COLDFRAME_LOG_LEVEL: "debug" }),
      ...config.environment_variables,
    },
    secrets: Object.entries(config.secrets).map(([name, fallback]) => ({
      name,
      variable: secretVariable(name),
      has_default: fallback !== null && fallback !== "",
    })),
    predict_concurrency: runtime.predict_concurrency,
    weights,
    weights_bytes: weightsBytes(weights),
    data_bytes: dataBytes,
    unzipped_bytes: unzippedBytes,
  };
}
