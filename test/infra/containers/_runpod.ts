// What RunPod takes: an endpoint of its REST API, and the listing of its Hub.
// Source: docs.runpod.io, "REST API v2" (CreateEndpointRequest), "Hub publishing guide", "GPU types".

import { z } from "zod";
import { against, image, variables } from "./_schemas.ts";

const queueDelay = z.strictObject({ type: z.literal("QUEUE_DELAY"), queueDelay: z.number().min(0.5) });
const requestCount = z.strictObject({ type: z.literal("REQUEST_COUNT"), requestCount: z.int().min(1) });

/** GPUs by their memory; docs.runpod.io/references/gpu-types, "GPU pools". */
const pool = z.enum([
  "AMPERE_16",
  "AMPERE_24",
  "ADA_24",
  "AMPERE_48",
  "ADA_48_PRO",
  "AMPERE_80",
  "ADA_80_PRO",
  "HOPPER_141",
]);

const endpoint = {
  name: z.string().min(1),
  image,
  disk: z.int().min(1),
  env: variables,
  gpu: z.strictObject({
    pools: z.array(pool).min(1),
    count: z.int().min(1),
    minCudaVersion: z.string().regex(/^\d+\.\d+$/),
  }),
  workers: z.strictObject({
    min: z.int().min(0),
    max: z.int().min(1),
    idleTimeout: z.int().min(1).max(3600),
  }),
  timeout: z.int().min(1),
  flashboot: z.enum(["OFF", "FLASHBOOT", "PRIORITY_FLASHBOOT"]),
};

/** The body of POST /v2/serverless. */
export const runpodProblems = against(
  z.discriminatedUnion("type", [
    z.strictObject({
      ...endpoint,
      type: z.literal("QUEUE"),
      scaling: z.discriminatedUnion("type", [queueDelay, requestCount]),
    }),
    z.strictObject({
      ...endpoint,
      type: z.literal("LOAD_BALANCER"),
      ports: z.array(z.string().regex(/^\d+\/(http|tcp)$/)).min(1),
      scaling: requestCount,
    }),
  ]),
);

/** Of .runpod/hub.json. */
export const hubProblems = against(
  z.strictObject({
    title: z.string().min(1),
    description: z.string().min(1),
    type: z.literal("serverless"),
    category: z.enum(["audio", "embedding", "image", "language", "video"]),
    config: z.strictObject({
      runsOn: z.literal("GPU"),
      containerDiskInGb: z.int().min(1),
      gpuCount: z.int().min(1),
      gpuIds: pool,
      allowedCudaVersions: z.array(z.string().regex(/^\d+\.\d+$/)),
    }),
  }),
);
