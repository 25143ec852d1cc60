// Truss's configuration, as much as a custom server has of it. Source: github.com/basetenlabs/truss, base/truss_config.py.

import { z } from "zod";
import { against, image, path, port, variables } from "./_schemas.ts";

const BASETEN_PROXY_PORT = 8080;

/** Of a config.yaml for `truss push`. */
export const basetenProblems = against(
  z.strictObject({
    model_name: z.string().min(1),
    description: z.string().optional(),
    base_image: z.strictObject({ image }),
    docker_server: z.strictObject({
      no_build: z.literal(true),
      server_port: port.refine((value) => value !== BASETEN_PROXY_PORT, "is the port of Baseten's own proxy"),
      predict_endpoint: path,
      readiness_endpoint: path,
      liveness_endpoint: path,
    }),
    environment_variables: variables,
    secrets: z.record(z.string(), z.null()),
    resources: z.strictObject({
      cpu: z.string(),
      memory: z.string(),
      accelerator: z
        .string()
        .regex(/^(T4|L4|A10G|V100|A100|A100_40GB|H100|H200|H100_40GB|B200)(:[1-8])?$/)
        .optional(),
    }),
    runtime: z.strictObject({
      predict_concurrency: z.int().min(1),
      health_checks: z.strictObject({ startup_threshold_seconds: z.int().min(10).max(3000) }),
    }),
  }),
);
