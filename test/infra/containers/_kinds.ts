// Every template that is one document, with the schema of its platform.

import type { ServerDeployment } from "../../../adapter/build/deployment.ts";
import { deploymentOf } from "../_facts.ts";
import { azureProblems, BICEP, containerApp } from "./_azure.ts";
import { basetenProblems } from "./_baseten.ts";
import { cloudRunProblems } from "./_cloud-run.ts";
import { kserveProblems } from "./_kserve.ts";
import { problemsOf } from "./_kubernetes.ts";
import { hubProblems, runpodProblems } from "./_runpod.ts";
import { GPU, type Json, PLAIN, render } from "./_templates.ts";

const SMALLEST = deploymentOf("server: { image: registry.example.com/small:1 }\n", "server");

/** Where on Azure there are GPUs that other platforms have too. */
const AZURE_GPU = deploymentOf(
  "server: { image: registry.example.com/small:1 }\nresources: { accelerator: A100 }\n",
  "server",
);

/** How a document comes about, and what it is held against. */
export interface Kind {
  readonly of: (deployment: ServerDeployment) => Json;
  readonly problems: (document: Json) => string[];
  /** What is rendered: without a GPU, with one, or either way. */
  readonly deployments: readonly ServerDeployment[];
}

const kind = (
  path: string,
  problems: Kind["problems"],
  ...deployments: ServerDeployment[]
): [string, Kind] => [path, { of: (deployment) => render(path, deployment), problems, deployments }];

const EITHER = [SMALLEST, PLAIN, GPU] as const;

/** By the template's path. */
export const KINDS: Readonly<Record<string, Kind>> = Object.fromEntries([
  kind("gcp/cloudrun.yaml", cloudRunProblems, SMALLEST, PLAIN),
  kind("gcp/cloudrun-gpu.yaml", cloudRunProblems, GPU),
  kind("k8s/base/deployment.yaml", problemsOf, ...EITHER),
  kind("k8s/base/service.yaml", problemsOf, ...EITHER),
  kind("k8s/base/autoscaler.yaml", problemsOf, ...EITHER),
  kind("k8s/base/disruption-budget.yaml", problemsOf, ...EITHER),
  kind("k8s/knative.yaml", problemsOf, ...EITHER),
  kind("k8s/kserve.yaml", kserveProblems, ...EITHER),
  kind("runpod/queue.yaml", runpodProblems, GPU),
  kind("runpod/load-balancer.yaml", runpodProblems, GPU),
  kind("runpod/hub.yaml", hubProblems, GPU),
  kind("baseten/config.yaml", basetenProblems, ...EITHER),
  [BICEP, { of: containerApp, problems: azureProblems, deployments: [SMALLEST, PLAIN, AZURE_GPU] }],
]);
