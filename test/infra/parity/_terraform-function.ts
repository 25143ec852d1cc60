// Of the Terraform module, the function itself.

import type { Json } from "../cfn/_parse.ts";
import { type FunctionFacts, nothingElse } from "./_normal-form.ts";
import { type Attributes, blockOf } from "./_terraform-resources.ts";

/** What the module calls what CloudFormation names by itself. */
export interface Names {
  readonly function: Json | undefined;
  readonly logs: Json | undefined;
}

/** @throws for what it would not compare */
export function functionOf(fn: Attributes, recursion: Attributes, names: Names): FunctionFacts {
  const { architectures = null, description = null, handler = null, memory_size = null, ...more } = fn;
  const {
    reserved_concurrent_executions: reserved,
    role = null,
    runtime = null,
    timeout = null,
    ...others
  } = more;
  const { environment, ephemeral_storage, logging_config, tracing_config, tags, ...last } = others;
  // Its code, which the archive is, and that a version is published for the alias.
  const { function_name: _, filename, source_code_hash: __, publish, ...rest } = last;
  nothingElse(rest, "aws_lambda_function");
  if (publish !== true) throw new Error("no version is published");
  const { recursive_loop = null, function_name: ofFunction, ...loop } = recursion;
  nothingElse(loop, "aws_lambda_function_recursion_config");
  const {
    log_format = null,
    application_log_level = null,
    system_log_level = null,
    ...logging
  } = blockOf(logging_config);
  const { log_group, ...log } = logging;
  nothingElse(log, "logging_config");
  return {
    package: filename === undefined ? "image" : "zip",
    runtime,
    handler,
    architectures,
    description,
    memoryMb: memory_size,
    timeoutSeconds: timeout,
    ephemeralStorageMb: blockOf(ephemeral_storage)["size"] ?? null,
    tracing: blockOf(tracing_config)["mode"] ?? null,
    logging: {
      format: log_format,
      application: application_log_level,
      system: system_log_level,
      group: log_group === names.logs ? "<logs.name>" : (log_group ?? null),
    },
    environment: (blockOf(environment)["variables"] ?? {}) as Attributes,
    // The provider's word for none.
    reserved: reserved === -1 ? null : (reserved ?? null),
    recursiveLoop: ofFunction === names.function ? recursive_loop : null,
    role,
    tags: Object.entries(tags ?? {}).map(([Key, Value]) => ({ Key, Value })),
  };
}
