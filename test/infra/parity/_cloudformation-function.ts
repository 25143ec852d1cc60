// Of a CloudFormation document, the function itself.

import type { Json } from "../cfn/_parse.ts";
import type { Properties } from "./_cloudformation-parts.ts";
import { type FunctionFacts, nothingElse } from "./_normal-form.ts";

/** SAM puts it on every function. */
const isOfSam = (tag: Json) => (tag as Properties)["Key"] === "lambda:createdBy";

/** @throws for what it would not compare */
export function functionOf(properties: Properties): FunctionFacts {
  const {
    Architectures = null,
    Code,
    Description = null,
    Environment,
    EphemeralStorage,
    ...more
  } = properties;
  const {
    Handler,
    ImageConfig,
    LoggingConfig,
    MemorySize = null,
    PackageType,
    Role = null,
    ...others
  } = more;
  const {
    RecursiveLoop = null,
    ReservedConcurrentExecutions: reserved = null,
    Runtime = null,
    ...last
  } = others;
  const { Tags = [], Timeout = null, TracingConfig, ...instances } = last;
  // Of managed instances: read by `instancesOf`. What a function scales by is of its unpublished version, which nothing
  // calls: SAM cannot set the published one's without it, CDK can.
  const {
    CapacityProviderConfig,
    AcceleratorConfig,
    FunctionScalingConfig,
    PublishToLatestPublished,
    ...rest
  } = instances;
  nothingElse(rest, "the function");
  const {
    LogFormat = null,
    ApplicationLogLevel = null,
    SystemLogLevel = null,
    LogGroup = null,
    ...logging
  } = LoggingConfig as Properties;
  nothingElse(logging, "the function's logging");
  const isImage = (Code as Properties)["ImageUri"] !== undefined;
  if ((PackageType === "Image") !== isImage) throw new Error(`found PackageType ${PackageType}`);
  const { Command: command, ...image } = (ImageConfig ?? {}) as { Command?: Json[] };
  nothingElse(image, "the image");
  return {
    package: isImage ? "image" : "zip",
    runtime: Runtime,
    handler: Handler ?? command?.join(" ") ?? null,
    architectures: Architectures,
    description: Description,
    memoryMb: MemorySize,
    timeoutSeconds: Timeout,
    ephemeralStorageMb: (EphemeralStorage as Properties | undefined)?.["Size"] ?? null,
    tracing: (TracingConfig as Properties | undefined)?.["Mode"] ?? null,
    logging: {
      format: LogFormat,
      application: ApplicationLogLevel,
      system: SystemLogLevel,
      group: LogGroup,
    },
    // SAM writes an empty mapping where there is none, and CDK nothing.
    environment: ((Environment as Properties | undefined)?.["Variables"] ?? {}) as Properties,
    reserved,
    recursiveLoop: RecursiveLoop,
    role: Role,
    tags: (Tags as Json[]).filter((tag) => !isOfSam(tag)),
  };
}
