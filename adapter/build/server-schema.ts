// The `server` section of config.yaml: what is the server target's own. How each is used is in runtime/targets/server/.

import { z } from "zod";
import { BYTES_PER_MB, MAX_BODY_BYTES } from "../runtime/bodies/limit.ts";
import type { ServerSettings } from "../runtime/targets/server.ts";
import { flag, whole } from "./config-values.ts";

/** What TorchServe calls job_queue_size, and its default. */
const MAX_QUEUE = 100;

/** A reference of a container image; never with blanks. Source: github.com/distribution/reference. */
const IMAGE = /^[a-z0-9][\w.:@/-]*$/i;

export const server = z
  .strictObject({
    max_queue: whole(0, 100_000).default(MAX_QUEUE),
    max_body_mb: whole(1, 2048, "MB").default(MAX_BODY_BYTES / BYTES_PER_MB),
    request_timeout_seconds: whole(1, 86_400, "seconds").optional(),
    shutdown_grace_seconds: whole(0, 3600, "seconds").optional(),
    exit_on_failed_load: flag.default(true),
    image: z
      .string()
      .regex(IMAGE)
      .optional()
      .describe('where the image is pushed to, as in "registry.example.com/team/model:1"'),
  })
  .describe("a mapping");

export type ServerConfig = z.output<typeof server>;

/** In the runtime's own names and units; `max_queue` is one of its general settings. */
export function toServerSettings(config: ServerConfig): ServerSettings {
  const { max_body_mb, request_timeout_seconds = 0, shutdown_grace_seconds, exit_on_failed_load } = config;
  return {
    maxBodyBytes: max_body_mb * BYTES_PER_MB,
    requestTimeoutMs: request_timeout_seconds * 1000,
    ...(shutdown_grace_seconds !== undefined && { shutdownGraceMs: shutdown_grace_seconds * 1000 }),
    exitOnFailedLoad: exit_on_failed_load,
  };
}
