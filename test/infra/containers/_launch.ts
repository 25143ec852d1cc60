// A template as what its platform does with it: what is started with which variables, where calls go, what is asked to know
// whether it lives, and when it is killed. Everything is read from the template and the Dockerfile; what a platform does by
// itself is said here, with its source.

import type { ServerDeployment } from "../../../adapter/build/deployment.ts";
import { containerApp } from "./_azure.ts";
import { type Json, render } from "./_templates.ts";

export interface Probe {
  readonly path: string;
  readonly port: number;
}

export interface Launch {
  /** infra/docker/Dockerfile.<image>. */
  readonly image: "server" | "gpu";
  /** Of the template, with the values of secrets in it. */
  readonly env: Readonly<Record<string, string>>;
  /** What the platform sets besides. */
  readonly platform: Readonly<Record<string, string>>;
  /** Where calls are sent. */
  readonly port: number;
  readonly startup: Probe | undefined;
  readonly readiness: Probe | undefined;
  readonly liveness: Probe | undefined;
  /** What of an answer means that it may be sent calls. */
  readonly isReady: (status: number) => boolean;
  /** Path and body of a prediction, and its output in the answer. */
  readonly predict: {
    readonly path: string;
    readonly body: object;
    readonly outputOf: (answer: Json) => Json;
  };
  /** From SIGTERM to SIGKILL. */
  readonly killMs: number;
}

/** Values of secrets, wherever a platform keeps them. */
export const SECRET = "the-secret";

/** kubernetes.io, "Configure Liveness, Readiness and Startup Probes"; Cloud Run and Azure count alike. */
const isGood = (status: number): boolean => status >= 200 && status < 400;

const PREDICT = { path: "/predict", body: { text: "hi" }, outputOf: (answer: Json) => answer };

/** Cloud Run's container contract: PORT, K_SERVICE; 10 s after SIGTERM. */
export function cloudRun(document: Json): Launch {
  const { containers, nodeSelector } = document.spec.template.spec;
  const [container] = containers;
  return {
    ...ofContainer(container),
    image: nodeSelector ? "gpu" : "server",
    platform: { PORT: String(portOf(container)), K_SERVICE: document.metadata.name },
    killMs: 10_000,
  };
}

/** Kubernetes: what it puts into every container; 30 s unless the Pod says otherwise. */
export function kubernetes({ spec }: Json): Launch {
  return ofPod(spec.template.spec);
}

/** Knative's runtime contract: PORT, K_SERVICE; a Pod's grace is the time of a call. */
export function knative(document: Json): Launch {
  const { spec } = document.spec.template;
  const [container] = spec.containers;
  return {
    ...ofPod(spec),
    platform: { ...IN_CLUSTER, PORT: String(portOf(container)), K_SERVICE: document.metadata.name },
    killMs: spec.timeoutSeconds * 1000,
  };
}

/** KServe: a Deployment, called as the Open Inference Protocol says. */
export function kserve({ metadata, spec }: Json): Launch {
  const launch = ofPod(spec.predictor);
  const isV2 = launch.env["PROTOCOL"] === "v2";
  return {
    ...launch,
    predict: isV2
      ? {
          path: `/v2/models/${metadata.name}/infer`,
          body: { inputs: [{ name: "text", shape: [1], datatype: "BYTES", data: ["hi"] }] },
          outputOf: ({ outputs }) =>
            Object.fromEntries(outputs.map(({ name, data }: Json) => [name, data[0]])),
        }
      : PREDICT,
  };
}

/** RunPod: docs.runpod.io, "Load balancing endpoints"; its own variables tell the server where it is. */
export function runpod({ env, ports }: Json): Launch {
  const { PORT = "80", PORT_HEALTH = PORT, HEALTH_CHECK_PATH = "/ping" } = env;
  const exposed = ports.map((text: string) => Number.parseInt(text, 10));
  return {
    image: "gpu",
    env: withSecrets(env),
    platform: { RUNPOD_POD_ID: "pod", RUNPOD_ENDPOINT_ID: "endpoint" },
    // What is not exposed cannot be reached.
    port: exposed.includes(Number(PORT)) ? Number(PORT) : Number.NaN,
    startup: undefined,
    readiness: { path: HEALTH_CHECK_PATH, port: Number(PORT_HEALTH) },
    liveness: undefined,
    isReady: (status) => status === 200,
    predict: PREDICT,
    killMs: 30_000,
  };
}

/** Variables of RunPod with its references to secrets resolved. */
export const withSecrets = (env: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env).map(([name, value]) => [
      name,
      value.replace(/^\{\{ RUNPOD_SECRET_\w+ \}\}$/, SECRET),
    ]),
  );

/** Baseten: docs.baseten.co, "Custom servers" and "Health checks": the startup probe asks what the readiness probe asks. */
export function baseten({ docker_server: server, environment_variables: env, secrets }: Json): Launch {
  const port = server.server_port;
  const readiness = { path: server.readiness_endpoint, port };
  // It mounts them as files in /secrets, which are not a test's to write.
  const mounted = Object.keys(secrets).map((name) => [`COLDFRAME_SECRET_${name.toUpperCase()}`, SECRET]);
  return {
    image: "server",
    env,
    platform: Object.fromEntries(mounted),
    port,
    startup: readiness,
    readiness,
    liveness: { path: server.liveness_endpoint, port },
    isReady: isGood,
    predict: { ...PREDICT, path: server.predict_endpoint },
    killMs: 30_000,
  };
}

/** Azure Container Apps: secrets come from the vault by the name that the app gives them. */
export function azure({ properties }: Json): Launch {
  const { configuration, template } = properties;
  const [container] = template.containers;
  const stored = new Set(configuration.secrets.map(({ name }: Json) => name));
  const env = container.env.flatMap(({ name, value, secretRef }: Json) =>
    value !== undefined ? [[name, value]] : stored.has(secretRef) ? [[name, SECRET]] : [],
  );
  const probeOf = (type: string): Probe | undefined =>
    container.probes.find((probe: Json) => probe.type === type)?.httpGet;
  return {
    image: "server",
    env: Object.fromEntries(env),
    platform: {},
    port: configuration.ingress.targetPort,
    startup: probeOf("Startup"),
    readiness: probeOf("Readiness"),
    liveness: probeOf("Liveness"),
    isReady: isGood,
    predict: PREDICT,
    killMs: template.terminationGracePeriodSeconds * 1000,
  };
}

const IN_CLUSTER = { KUBERNETES_SERVICE_HOST: "10.0.0.1", KUBERNETES_SERVICE_PORT: "443" };

const GRACE_SECONDS = 30;

function ofPod({ containers, terminationGracePeriodSeconds = GRACE_SECONDS }: Json): Launch {
  const [container] = containers;
  return {
    ...ofContainer(container),
    platform: IN_CLUSTER,
    killMs: terminationGracePeriodSeconds * 1000,
  };
}

function ofContainer(container: Json): Omit<Launch, "platform" | "killMs"> {
  const { env, ports, resources } = container;
  const probeOf = (probe: Json): Probe | undefined => {
    if (!probe) return undefined;
    const { path, port } = probe.httpGet;
    const named = ports.find(({ name }: Json) => name === port)?.containerPort;
    return { path, port: typeof port === "number" ? port : (named ?? Number.NaN) };
  };
  const values = env.flatMap(({ name, value, valueFrom }: Json) => {
    const { optional, key } = valueFrom?.secretKeyRef ?? {};
    // Nobody has made those that need not be there.
    return optional ? [] : [[name, value ?? (key && SECRET)]];
  });
  return {
    image: resources.limits["nvidia.com/gpu"] === undefined ? "server" : "gpu",
    env: Object.fromEntries(values),
    port: portOf(container),
    startup: probeOf(container.startupProbe),
    readiness: probeOf(container.readinessProbe),
    liveness: probeOf(container.livenessProbe),
    isReady: isGood,
    predict: PREDICT,
  };
}

const portOf = ({ ports }: Json): number => ports[0].containerPort;

/** All templates that start the server, by their path: what each is in its rendered form, and how that is read. */
export const LAUNCHES: Readonly<
  Record<
    string,
    { readonly of: (deployment: ServerDeployment) => Json; readonly launch: (document: Json) => Launch }
  >
> = Object.fromEntries([
  entry("gcp/cloudrun.yaml", cloudRun),
  entry("gcp/cloudrun-gpu.yaml", cloudRun),
  entry("k8s/base/deployment.yaml", kubernetes),
  entry("k8s/knative.yaml", knative),
  entry("k8s/kserve.yaml", kserve),
  entry("runpod/load-balancer.yaml", runpod),
  entry("baseten/config.yaml", baseten),
  // Azure has other GPUs than the others.
  [
    "azure/containerapp.bicep",
    { of: (deployment: ServerDeployment) => containerApp({ ...deployment, gpu: null }), launch: azure },
  ],
]);

function entry(path: string, launch: (document: Json) => Launch) {
  return [path, { of: (deployment: ServerDeployment) => render(path, deployment), launch }] as const;
}
