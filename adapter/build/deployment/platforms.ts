// What deployment.json says again in a platform's own form: lists where it wants lists, milliseconds where it wants them,
// references to its own store where secrets are. Sources: kubernetes.io, "Define Environment Variables"; docs.cloud.google.com/
// run/docs, "configuring/healthchecks", "configuring/services/gpu" and "configuring/services/secrets"; docs.runpod.io,
// "REST API v2" and "Secrets"; docs.baseten.co, "Truss configuration".

import type { Facts } from "./facts.ts";
import type { Gpu } from "./server.ts";

/** One variable of a container: Kubernetes' EnvVar, which Knative, KServe and Cloud Run have too. */
export interface EnvVar {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly secretKeyRef: { readonly name: string; readonly key: string; readonly optional?: true };
  };
}

export interface Probe {
  readonly periodSeconds: number;
  readonly failureThreshold: number;
}

/** By platform; each `env` has the model's variables, and the secrets by reference. */
export interface Platforms {
  /** What selects its Pods. Secrets are keys of the Secret `<name>-secrets`, those with a default optional. */
  readonly kubernetes: { readonly labels: Readonly<Record<string, string>>; readonly env: readonly EnvVar[] };
  /** Secrets without a default are `<name>-<secret>` in Secret Manager. */
  readonly cloud_run: { readonly env: readonly EnvVar[]; readonly startup_probe: Probe };
  /** How long a revision may take to become ready; and the grace, which is a call's time there. */
  readonly knative: { readonly progress_deadline: string; readonly grace_ms: number };
  /** Secrets without a default are RunPod's own of the same name. */
  readonly runpod: { readonly env: Readonly<Record<string, string>>; readonly timeout_ms: number };
  /** Secrets without a default are Baseten's own of the same name, which it mounts as files. */
  readonly baseten: {
    readonly secrets: Readonly<Record<string, null>>;
    readonly accelerator: string | null;
    readonly startup_seconds: number;
  };
}

/** What of a server the forms are made from. */
export interface Source {
  readonly facts: Pick<Facts, "name" | "environment" | "secrets">;
  readonly gpu: Gpu | null;
  readonly startupSeconds: number;
  readonly timeoutSeconds: number;
  readonly graceSeconds: number;
}

/** Cloud Run's longest startup; an instance with a GPU has more. */
const CLOUD_RUN_STARTUP_SECONDS = 240;
const CLOUD_RUN_GPU_STARTUP_SECONDS = 1800;

const BASETEN_STARTUP_SECONDS = 3000;

/** Every cold start waits for it, so it is asked as often as Cloud Run allows. */
const CLOUD_RUN_PERIOD_SECONDS = 1;

/** Everything that platforms want otherwise. */
export function platformFacts(source: Source): Platforms {
  const { facts, gpu, startupSeconds, timeoutSeconds, graceSeconds } = source;
  const { name, environment, secrets } = facts;
  const plain = Object.entries(environment).map(([variable, value]) => ({ name: variable, value }));
  const required = secrets.filter((secret) => !secret.has_default);
  const cloudRunSeconds = gpu ? CLOUD_RUN_GPU_STARTUP_SECONDS : CLOUD_RUN_STARTUP_SECONDS;
  return {
    kubernetes: {
      labels: { "app.kubernetes.io/name": name, "app.kubernetes.io/component": "model" },
      env: [
        ...plain,
        ...secrets.map(({ name: key, variable, has_default }) => ({
          name: variable,
          valueFrom: {
            secretKeyRef: { name: `${name}-secrets`, key, ...(has_default && { optional: true as const }) },
          },
        })),
      ],
    },
    cloud_run: {
      env: [
        ...plain,
        ...required.map((secret) => ({
          name: secret.variable,
          // Secret Manager has no dots in names.
          valueFrom: {
            secretKeyRef: { name: `${name}-${secret.name.replaceAll(".", "-")}`, key: "latest" },
          },
        })),
      ],
      startup_probe: {
        periodSeconds: CLOUD_RUN_PERIOD_SECONDS,
        failureThreshold: Math.min(startupSeconds, cloudRunSeconds) / CLOUD_RUN_PERIOD_SECONDS,
      },
    },
    knative: {
      progress_deadline: `${startupSeconds}s`,
      grace_ms: Math.min(graceSeconds, timeoutSeconds) * 1000,
    },
    runpod: {
      env: {
        ...environment,
        ...Object.fromEntries(
          required.map((secret) => [secret.variable, `{{ RUNPOD_SECRET_${secret.name} }}`]),
        ),
      },
      timeout_ms: timeoutSeconds * 1000,
    },
    baseten: {
      secrets: Object.fromEntries(required.map((secret) => [secret.name, null])),
      accelerator: gpu?.accelerator ? `${gpu.accelerator}:${gpu.count}` : null,
      startup_seconds: Math.min(startupSeconds, BASETEN_STARTUP_SECONDS),
    },
  };
}
