// What to type after `coldframe init`, up to the deployment.

import type { Template } from "./project-files.ts";

export interface Situation {
  /** Of the project, relative to where the command ran; "" for that folder itself. */
  readonly folder: string;
  readonly isInstalled: boolean;
  readonly infra: readonly string[];
  readonly template: Template | undefined;
}

/** The command of each tool that needs nothing but the build. */
const DEPLOY: Readonly<Record<string, (template: Template | undefined) => string>> = {
  sam: (template) => (template === "gpu" ? "sam deploy --config-env gpu --guided" : "sam deploy"),
  cdk: () => "npx cdk deploy",
  terraform: () => "terraform -chdir=infra/terraform init && terraform -chdir=infra/terraform apply",
};

/** What is for containers, and is built for the other target. */
const OF_SERVERS = new Set(["azure", "baseten", "docker", "gcp", "k8s", "modal", "runpod", "sagemaker"]);

/** One command a line. */
export function nextCommands({ folder, isInstalled, infra, template }: Situation): string[] {
  const deploy = infra.flatMap((name) => DEPLOY[name]?.(template) ?? []);
  return [
    ...(folder === "" ? [] : [`cd ${folder}`]),
    ...(isInstalled || template === undefined ? [] : ["npm install"]),
    ...(template === undefined ? [] : ["npx coldframe dev"]),
    ...(deploy.length > 0 || infra.includes("edge") ? ["npx coldframe build"] : []),
    ...deploy,
    ...(infra.some((name) => OF_SERVERS.has(name))
      ? ["npx coldframe build --target server --image REGISTRY/NAME:TAG"]
      : []),
    ...infra
      .filter((name) => !(name in DEPLOY))
      .map((name) => `# how to deploy it is at the head of each file of infra/${name}/`),
  ];
}
