// deployment.json of a function: what templates of SAM, CDK and Terraform set. Values are in the words of Lambda's own API
// where a template hands them on as they are.

import type { Config } from "../config-schema.ts";
import { takesStreams } from "../event-sources.ts";
import { CONSUME, type EventFacts, eventFacts } from "../events-facts.ts";
import { queueConcurrencyOf, reservedOf } from "../lambda-schema.ts";
import type { WeightsFact } from "../weights/facts.ts";
import type { Facts } from "./facts.ts";
import { type Statement, secretEnvironment, statementsOf } from "./iam.ts";

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
  /** TracingConfig. */
  readonly tracing: "Active" | "PassThrough";
  readonly events: readonly string[];
  readonly event_sources: EventFacts;
  /** Defaults of the switches that every template has, in the words of CloudFormation's parameters. */
  readonly switches: {
    readonly function_url: "true" | "false";
    readonly url_auth: FunctionUrl["auth_type"];
    readonly queue: "true" | "false";
  };
  /** As it is, or would be: whether there is one is `switches.function_url`. */
  readonly function_url: FunctionUrl;
  /** As `function_url`. */
  readonly queue: Queue;
  /** Environments at the same time: at most, and kept ready. 0: not set. */
  readonly concurrency: { readonly reserved: number; readonly provisioned: number };
  /** `null`: Lambda's own machines. */
  readonly managed_instances: ManagedInstances | null;
  /** Variables whose values have placeholders of `iam.ts`: where each secret without a default is. */
  readonly secret_environment: Readonly<Record<string, string>>;
  /** Of the function's role, beside what the template's own log group and queue need. */
  readonly iam: readonly Statement[];
  /** The bucket that a template may create: the first one that weights are read from with the function's own role. */
  readonly weights_bucket: string | null;
  readonly alarms: Alarms;
  readonly code_cache: { readonly node_version: string | null };
}

/** AWS::Lambda::Url. */
export interface FunctionUrl {
  readonly auth_type: "AWS_IAM" | "NONE";
  readonly invoke_mode: "RESPONSE_STREAM" | "BUFFERED";
  readonly cors: {
    readonly AllowOrigins?: readonly string[];
    readonly AllowMethods?: readonly string[];
    readonly AllowHeaders?: readonly string[];
    readonly ExposeHeaders?: readonly string[];
    readonly AllowCredentials?: boolean;
    readonly MaxAge?: number;
  } | null;
}

/** An SQS queue, its dead-letter queue, and the mapping to the function. */
export interface Queue {
  /** Of the function's role, on the queue. */
  readonly actions: readonly string[];
  /** Without it, Lambda takes failed messages for done. */
  readonly function_response_types: readonly ["ReportBatchItemFailures"];
  readonly batch_size: number;
  readonly max_concurrency: number;
  readonly visibility_timeout_seconds: number;
  readonly max_receive_count: number;
}

/** AWS::Lambda::CapacityProvider and the function's part in it. */
export interface ManagedInstances {
  readonly accelerator_memory_gib: number | null;
  readonly memory_mb: number;
  /** Of all instances together: what they may cost. */
  readonly max_vcpus: number;
  readonly min_environments: number;
  readonly max_environments: number;
  /** Calls at the same time in one environment; its one worker has the one model. */
  readonly max_concurrency: number;
}

/** Thresholds: each alarm is at this value or above it, in one period. */
export interface Alarms {
  readonly period_seconds: number;
  readonly errors: number;
  readonly throttles: number;
  /** The 99th percentile. */
  readonly duration_ms: number;
  readonly url_5xx: number;
  /** Messages in the dead-letter queue. */
  readonly dead_letters: number;
}

/** A model takes one message at a time; of a batch, the last would wait for the others. */
const BATCH_SIZE = 1;

/** After so many tries a message is dead. */
const MAX_RECEIVE_COUNT = 5;

/** AWS's advice for a queue in front of a function: time for retries of a throttled batch. */
const VISIBILITY_TIMEOUTS = 6;

const ALARM_PERIOD_SECONDS = 300;

/** Of the timeout: calls that take longer will soon be cut off. */
const SLOW = 0.8;

/** What is a function's own in deployment.json. */
export function lambdaFacts(
  config: Config,
  weights: readonly WeightsFact[],
  cachedBy: string | undefined,
): Omit<LambdaDeployment, keyof Facts> {
  const { serverless, runtime } = config;
  const handlers = { stream: "index.stream", buffered: "index.buffered" };
  const events = eventFacts(serverless);
  const url = functionUrl(serverless.url);
  const [hasUrl, hasQueue] = ["function-url", "sqs"].map((name) => serverless.events.includes(name));
  return {
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
    tracing: runtime.enable_tracing_data ? "Active" : "PassThrough",
    events: serverless.events,
    event_sources: events,
    switches: {
      function_url: hasUrl ? "true" : "false",
      url_auth: url.auth_type,
      queue: hasQueue ? "true" : "false",
    },
    function_url: url,
    queue: queue(serverless),
    concurrency: {
      reserved: reservedOf(serverless) ?? 0,
      provisioned: serverless.concurrency?.provisioned ?? 0,
    },
    managed_instances: managedInstances(config),
    secret_environment: secretEnvironment(config.secrets),
    iam: statementsOf(config, weights, events),
    weights_bucket: bucketOf(weights),
    alarms: {
      period_seconds: ALARM_PERIOD_SECONDS,
      errors: 1,
      throttles: 1,
      duration_ms: serverless.timeout * 1000 * SLOW,
      url_5xx: 1,
      dead_letters: 1,
    },
    code_cache: { node_version: cachedBy ?? null },
  };
}

function functionUrl({ auth, invoke_mode, cors }: Config["serverless"]["url"]): FunctionUrl {
  const { allow_origins, allow_methods, allow_headers, expose_headers, allow_credentials, max_age } =
    cors ?? {};
  const wanted = {
    // CloudFormation refuses empty lists.
    ...(allow_origins?.length && { AllowOrigins: allow_origins }),
    ...(allow_methods?.length && { AllowMethods: allow_methods }),
    ...(allow_headers?.length && { AllowHeaders: allow_headers }),
    ...(expose_headers?.length && { ExposeHeaders: expose_headers }),
    ...(allow_credentials !== undefined && { AllowCredentials: allow_credentials }),
    ...(max_age !== undefined && { MaxAge: max_age }),
  };
  return {
    auth_type: auth === "iam" ? "AWS_IAM" : "NONE",
    invoke_mode: invoke_mode === "response_stream" ? "RESPONSE_STREAM" : "BUFFERED",
    cors: Object.keys(wanted).length > 0 ? wanted : null,
  };
}

function queue(serverless: Config["serverless"]): Queue {
  const { batch_size = BATCH_SIZE, max_receive_count = MAX_RECEIVE_COUNT } = serverless.sqs;
  return {
    actions: CONSUME,
    function_response_types: ["ReportBatchItemFailures"],
    batch_size,
    max_concurrency: queueConcurrencyOf(serverless),
    visibility_timeout_seconds: serverless.timeout * VISIBILITY_TIMEOUTS,
    max_receive_count,
  };
}

function managedInstances({ serverless, runtime }: Config): ManagedInstances | null {
  const { managed_instances: managed } = serverless;
  if (managed === undefined) return null;
  const { accelerator_memory_gib = null, memory, max_vcpus, min_environments, max_environments } = managed;
  return {
    accelerator_memory_gib,
    memory_mb: memory,
    max_vcpus,
    min_environments,
    max_environments,
    max_concurrency: runtime.predict_concurrency,
  };
}

/** Directory buckets and access points are made otherwise. */
function bucketOf(weights: readonly WeightsFact[]): string | null {
  const own = weights.flatMap(({ s3 }) => (s3?.assume_role_arn === undefined ? (s3 ?? []) : []));
  const plain = own.find(
    ({ bucket, get_arn }) => /^arn:[\w-]+:s3:::/.test(get_arn) && !bucket.startsWith("arn:"),
  );
  return plain?.bucket ?? null;
}
