// The `server` section of config.yaml: what is the server target's own. How each is used is in runtime/targets/server/.

import { z } from "zod";
import type { ServerSettings } from "../runtime/targets/server.ts";
import { flag, whole } from "./config-values.ts";

/** What TorchServe calls job_queue_size, and its default. */
const MAX_QUEUE = 100;

/** What Cloud Run takes, and more than RunPod and SageMaker do. */
const MAX_BODY_MB = 32;

export const server = z
  .strictObject({
    max_queue: whole(0, 100_000).default(MAX_QUEUE),
    max_body_mb: whole(1, 2048, "MB").default(MAX_BODY_MB),
    request_timeout_seconds: whole(1, 86_400, "seconds").optional(),
    shutdown_grace_seconds: whole(0, 3600, "seconds").optional(),
    exit_on_failed_load: flag.default(true),
  })
  .describe("a mapping");

export type ServerConfig = z.output<typeof server>;

/** In the runtime's own names and units; `max_queue` is one of its general settings. */
export function toServerSettings(config: ServerConfig): ServerSettings {
  const { max_body_mb, request_timeout_seconds = 0, shutdown_grace_seconds, exit_on_failed_load } = config;
  return {
    maxBodyBytes: max_body_mb * 2 ** 20,
    requestTimeoutMs: request_timeout_seconds * 1000,
    ...(shutdown_grace_seconds !== undefined && { shutdownGraceMs: shutdown_grace_seconds * 1000 }),
    exitOnFailedLoad: exit_on_failed_load,
  };
}
