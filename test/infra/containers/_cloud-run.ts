// A service of Cloud Run: Knative's, with fewer fields and other annotations.
// Source: docs.cloud.google.com/run/docs/reference/yaml/v1, and .../configuring/healthchecks.

import { z } from "zod";
import { problemsOf } from "./_kubernetes.ts";
import { against, image, label, path, port } from "./_schemas.ts";
import type { Json } from "./_templates.ts";

const CLOUD_RUN_STARTUP_SECONDS = { cpu: 240, gpu: 1800 };

const probe = z.strictObject({
  periodSeconds: z.int().min(1).max(240),
  failureThreshold: z.int().min(1),
  timeoutSeconds: z.int().min(1),
  httpGet: z.strictObject({ path, port }),
});

const cloudRunService = z.strictObject({
  apiVersion: z.literal("serving.knative.dev/v1"),
  kind: z.literal("Service"),
  metadata: z.strictObject({
    name: label,
    annotations: z.strictObject({
      "run.googleapis.com/ingress": z.enum(["all", "internal", "internal-and-cloud-load-balancing"]),
    }),
  }),
  spec: z.strictObject({
    template: z.strictObject({
      metadata: z.strictObject({
        annotations: z.strictObject({
          "autoscaling.knative.dev/minScale": z.string().regex(/^\d+$/),
          "autoscaling.knative.dev/maxScale": z.string().regex(/^\d+$/),
          "run.googleapis.com/startup-cpu-boost": z.enum(["true", "false"]),
          "run.googleapis.com/execution-environment": z.enum(["gen1", "gen2"]),
          "run.googleapis.com/cpu-throttling": z.enum(["true", "false"]).optional(),
          "run.googleapis.com/gpu-zonal-redundancy-disabled": z.enum(["true", "false"]).optional(),
        }),
      }),
      spec: z.strictObject({
        containerConcurrency: z.int().min(1).max(1000),
        timeoutSeconds: z.int().min(1).max(3600),
        nodeSelector: z
          .strictObject({ "run.googleapis.com/accelerator": z.string().startsWith("nvidia-") })
          .optional(),
        containers: z.tuple([
          z.strictObject({
            name: label,
            image,
            ports: z.tuple([z.strictObject({ name: z.enum(["http1", "h2c"]), containerPort: port })]),
            env: z.array(
              z.strictObject({
                // Cloud Run sets it, and K_* too, and refuses a service that does.
                name: z.string().regex(/^(?!PORT$|K_)[A-Za-z_]\w*$/),
                value: z.string().optional(),
                valueFrom: z
                  .strictObject({
                    secretKeyRef: z.strictObject({
                      name: z.string().regex(/^[\w-]{1,255}$/),
                      key: z.string().regex(/^(latest|\d+)$/),
                    }),
                  })
                  .optional(),
              }),
            ),
            resources: z.strictObject({
              limits: z.strictObject({
                cpu: z.string(),
                memory: z.string(),
                "nvidia.com/gpu": z.string().regex(/^\d+$/).optional(),
              }),
            }),
            startupProbe: probe,
            livenessProbe: probe,
          }),
        ]),
      }),
    }),
  }),
});

/** Of a service of Cloud Run. */
export function cloudRunProblems(document: Json): string[] {
  const problems = [...against(cloudRunService)(document), ...problemsOf(document)];
  const spec = document?.spec?.template?.spec;
  const container = spec?.containers?.[0];
  const { periodSeconds = 0, failureThreshold = 0, timeoutSeconds = 0 } = container?.startupProbe ?? {};
  const hasGpu = container?.resources?.limits?.["nvidia.com/gpu"] !== undefined;
  const limit = CLOUD_RUN_STARTUP_SECONDS[hasGpu ? "gpu" : "cpu"];
  if (periodSeconds * failureThreshold > limit) problems.push(`a startup of more than ${limit} s`);
  if (timeoutSeconds > periodSeconds) problems.push("a probe that times out after the next one");
  const throttling = document?.spec?.template?.metadata?.annotations?.["run.googleapis.com/cpu-throttling"];
  if (hasGpu !== (spec?.nodeSelector !== undefined)) problems.push("a GPU without its kind, or the reverse");
  if (hasGpu && throttling !== "false") problems.push("a GPU with a throttled CPU");
  return problems;
}
