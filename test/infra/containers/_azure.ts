// The container app that infra/azure makes of a deployment, and what Azure takes.
// Source: learn.microsoft.com/azure/templates/microsoft.app/containerapps.

import { z } from "zod";
import type { ServerDeployment } from "../../../adapter/build/deployment.ts";
import { evaluateBicep } from "./_bicep.ts";
import { against, image, label, path, port } from "./_schemas.ts";
import { type Json, PLAIN, read } from "./_templates.ts";

export const BICEP = "azure/containerapp.bicep";

export function containerApp(deployment: ServerDeployment = PLAIN, source = read(BICEP)): Json {
  const given = {
    environmentName: "env",
    keyVaultName: "vault",
    identityId: "/subscriptions/1/identity",
    host: { id: "/subscriptions/1/managedEnvironments/env" },
  };
  const load = (path: string) => {
    if (path !== "../../dist/server/deployment.json") throw new Error(`no ${path}`);
    return deployment;
  };
  const { resources } = evaluateBicep(source, given, load);
  return resources["app"]?.body;
}

const azureProbe = z.strictObject({
  type: z.enum(["Startup", "Readiness", "Liveness"]),
  periodSeconds: z.int().min(1).max(240),
  failureThreshold: z.int().min(1).max(10),
  timeoutSeconds: z.int().min(1).max(240),
  httpGet: z.strictObject({ path, port }),
});

const secretName = z.string().regex(/^[a-z0-9][a-z0-9-]*$/);

/** Of a container app. */
export const azureProblems = against(
  z.strictObject({
    name: z.string().regex(/^[a-z][a-z0-9-]{0,30}[a-z0-9]$/),
    location: z.string(),
    identity: z.union([
      z.strictObject({ type: z.literal("None") }),
      z.strictObject({
        type: z.literal("UserAssigned"),
        userAssignedIdentities: z.record(z.string(), z.strictObject({})),
      }),
    ]),
    properties: z.strictObject({
      environmentId: z.string().min(1),
      workloadProfileName: z.enum(["Consumption", "Consumption-GPU-NC8as-T4", "Consumption-GPU-NC24-A100"]),
      configuration: z.strictObject({
        activeRevisionsMode: z.enum(["Single", "Multiple"]),
        ingress: z.strictObject({
          external: z.boolean(),
          targetPort: port,
          transport: z.enum(["auto", "http", "http2", "tcp"]),
          allowInsecure: z.literal(false),
        }),
        registries: z.array(z.strictObject({ server: z.string(), identity: z.string() })),
        secrets: z.array(
          z.strictObject({ name: secretName, keyVaultUrl: z.url(), identity: z.string().min(1) }),
        ),
      }),
      template: z.strictObject({
        terminationGracePeriodSeconds: z.int().min(0).max(600),
        containers: z.tuple([
          z.strictObject({
            name: label,
            image,
            resources: z.strictObject({ cpu: z.number(), memory: z.string().regex(/^[\d.]+Gi$/) }),
            env: z.array(
              z.union([
                z.strictObject({ name: z.string(), value: z.string() }),
                z.strictObject({ name: z.string(), secretRef: secretName }),
              ]),
            ),
            probes: z.array(azureProbe).length(3),
          }),
        ]),
        scale: z.strictObject({
          minReplicas: z.int().min(0),
          maxReplicas: z.int().min(1),
          rules: z.array(
            z.strictObject({
              name: z.string(),
              http: z.strictObject({
                metadata: z.strictObject({ concurrentRequests: z.string().regex(/^\d+$/) }),
              }),
            }),
          ),
        }),
      }),
    }),
  }),
);
