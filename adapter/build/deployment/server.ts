// deployment.json of a server: what templates of container platforms set. Quantities are in Kubernetes' notation, which
// Cloud Run, Knative and KServe read as well.

import { DEFAULT_PORT } from "../../runtime/targets/server/address.ts";
import type { Config } from "../config-schema.ts";
import type { WeightsFact } from "../weights/facts.ts";
import { ACCELERATOR, type AcceleratorNames, ACCELERATORS } from "./accelerators.ts";
import { type Facts, factsOf } from "./facts.ts";
import { type Statement, secretEnvironment, statementsOf } from "./iam.ts";
import { type Platforms, platformFacts } from "./platforms.ts";
import { type SageMaker, sageMakerFacts } from "./sagemaker.ts";

export interface ServerDeployment extends Facts {
  readonly target: "server";
  /** What `node` is started with, in the artifact's folder. */
  readonly entry: "index.mjs";
  /** `null` when neither `server.image` nor --image says where the image is. */
  readonly image: string | null;
  /** Where it listens unless PORT says otherwise. */
  readonly port: number;
  readonly max_queue: number;
  readonly max_body_mb: number;
  /** `null`: as long as it takes. */
  readonly request_timeout_seconds: number | null;
  /** `null`: what the platform is known to give. */
  readonly shutdown_grace_seconds: number | null;
  /** Calls that one instance works on at the same time; platforms send no more, or add instances. */
  readonly concurrency: number;
  /** For platforms that want a number: a call may take so long. */
  readonly timeout_seconds: number;
  readonly termination_grace_seconds: number;
  /** From the start of the process until the model is loaded, at most: what `load` may take, and what comes before it. */
  readonly startup_seconds: number;
  /** A startup probe that lasts as long. */
  readonly startup_probe: { readonly period_seconds: number; readonly failure_threshold: number };
  readonly cpu: string;
  readonly memory: string;
  readonly gpu: Gpu | null;
  /** Variables whose values have placeholders of `iam.ts`: where each secret without a default is, on AWS. */
  readonly secret_environment: Readonly<Record<string, string>>;
  /** On AWS, of the container's role: to read its weights and its secrets. */
  readonly iam: readonly Statement[];
  readonly platforms: Platforms & { readonly sagemaker: SageMaker };
}

/** The names that platforms have for it are absent where they do not have it, or config.yaml does not say which. */
export interface Gpu extends AcceleratorNames {
  readonly accelerator: string | null;
  readonly count: number;
}

/** What most platforms give a call when nothing is said. */
const TIMEOUT_SECONDS = 300;

const GRACE_SECONDS = 30;

const PROBE_PERIOD_SECONDS = 5;

/** Before load(): Node, the modules, the constructor. Who ends sooner because it failed says so itself. */
const BOOT_SECONDS = 60;
/** The same, and weights over a slow line. */
const WEIGHTS_SECONDS = 1800;

/** Enough for a small model. */
const CPU = "1";
const MEMORY = "2Gi";

/** What is a server's own in deployment.json. */
export function serverFacts(
  config: Config,
  weights: readonly WeightsFact[],
): Omit<ServerDeployment, keyof Facts> {
  const { server, resources, runtime } = config;
  const { request_timeout_seconds, shutdown_grace_seconds } = server;
  const timeoutSeconds = request_timeout_seconds ?? TIMEOUT_SECONDS;
  const graceSeconds = shutdown_grace_seconds ?? GRACE_SECONDS;
  const hasWeights = [config.weights, config.external_data, config.model_cache].some(
    (list) => list.length > 0,
  );
  const startupSeconds = runtime.load_timeout_seconds + (hasWeights ? WEIGHTS_SECONDS : BOOT_SECONDS);
  const gpu = gpuOf(resources);
  const concurrency = Math.max(runtime.predict_concurrency, runtime.batch?.max_size ?? 1);
  const size = { cpu: String(resources.cpu ?? CPU), memory: resources.memory ?? MEMORY };
  return {
    target: "server",
    entry: "index.mjs",
    image: server.image ?? null,
    port: DEFAULT_PORT,
    max_queue: server.max_queue,
    max_body_mb: server.max_body_mb,
    request_timeout_seconds: request_timeout_seconds ?? null,
    shutdown_grace_seconds: shutdown_grace_seconds ?? null,
    concurrency,
    timeout_seconds: timeoutSeconds,
    termination_grace_seconds: graceSeconds,
    startup_seconds: startupSeconds,
    startup_probe: {
      period_seconds: PROBE_PERIOD_SECONDS,
      failure_threshold: Math.ceil(startupSeconds / PROBE_PERIOD_SECONDS),
    },
    ...size,
    gpu,
    secret_environment: secretEnvironment(config.secrets),
    // X-Ray and queues are the function's: a server sends its traces where OpenTelemetry's variables say.
    iam: statementsOf({ ...config, runtime: { ...runtime, enable_tracing_data: false } }, weights, {}),
    platforms: {
      ...platformFacts({
        facts: factsOf(config, 0, [], 0),
        gpu,
        startupSeconds,
        timeoutSeconds,
        graceSeconds,
      }),
      sagemaker: sageMakerFacts({
        ...{ architecture: config.serverless.architecture, ...size, gpu },
        ...{ concurrency, graceSeconds },
      }),
    },
  };
}

function gpuOf({ accelerator, use_gpu }: Config["resources"]): Gpu | null {
  const [, name, count = "1"] = ACCELERATOR.exec(accelerator ?? "") ?? [];
  if (name !== undefined) return { accelerator: name, count: Number(count), ...ACCELERATORS[name] };
  return use_gpu ? { accelerator: null, count: 1 } : null;
}
