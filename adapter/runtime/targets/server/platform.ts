// What differs between the platforms that run a container, read from the variables that each of them sets. Sources:
// cloud.google.com/run/docs/container-contract (10 s after SIGTERM); docs.aws.amazon.com/lambda/latest/dg/
// web-functions-env-lifecycle.html (1 s); kubernetes.io, "Pod Lifecycle" (30 s), as ECS and SageMaker have it.

const SECOND_MS = 1000;

/** How long load balancers of Kubernetes may go on sending after they could have seen that this one is leaving. */
const NOTICE_MS = 5 * SECOND_MS;

/** Of the grace, what is kept to end answers that did not end by themselves, and to unload. */
const MARGIN_MS = SECOND_MS;

export interface Platform {
  /** A call that comes while the model loads waits for it, instead of being told to come again. */
  readonly waitsForModel: boolean;
  /** From SIGTERM to the SIGKILL that follows. */
  readonly graceMs: number;
  /** How long new calls are still answered after SIGTERM. */
  readonly noticeMs: number;
  /** What is left of the grace when answers in flight are given up. */
  readonly marginMs: number;
}

/** @param configuredGraceMs `server.shutdown_grace_seconds`, which SHUTDOWN_GRACE_MS overrides */
export function readPlatform(configuredGraceMs?: number, env: NodeJS.ProcessEnv = process.env): Platform {
  // Web Functions and the Lambda Web Adapter send the first call as soon as somebody listens, and nobody sends it again.
  const isLambda = Boolean(env["AWS_LAMBDA_RUNTIME_API"] || env["AWS_LAMBDA_HTTP_ENDPOINT"]);
  const isKubernetes = Boolean(env["KUBERNETES_SERVICE_HOST"]);
  const isCloudRun = Boolean(env["K_SERVICE"]) && !isKubernetes;
  const usual = (isLambda ? 1 : isCloudRun ? 10 : 30) * SECOND_MS;
  const named = Number(env["SHUTDOWN_GRACE_MS"] || Number.NaN);
  const graceMs = named >= 0 ? named : (configuredGraceMs ?? usual);
  return {
    waitsForModel: isLambda,
    graceMs,
    noticeMs: isKubernetes ? Math.min(NOTICE_MS, graceMs / 3) : 0,
    marginMs: Math.min(MARGIN_MS, graceMs / 4),
  };
}
