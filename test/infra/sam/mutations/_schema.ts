// What may be broken that AWS's own validator guards for us: keys, values and references that CloudFormation does not have.

import { mutation, type Mutation, set } from "./_mutation.ts";

/** Of documents as AWS expands them. */
export const SCHEMA_MUTATIONS: readonly Mutation[] = [
  mutation("F3002", "an unknown key", set("FunctionLogGroup", "RetentionDays", 30)),
  mutation("W3030", "STREAM for RESPONSE_STREAM", set("ModelFunctionUrl", "InvokeMode", "STREAM")),
  mutation("F3032", "CORS without an origin", set("ModelFunctionUrl", "Cors.AllowOrigins", [])),
  mutation("F3012", "a number that is none", set("ModelFunction", "MemorySize", "plenty")),
  mutation("F3034", "more memory than Lambda has", set("ModelFunction", "MemorySize", 65_536)),
  mutation(
    "F1020",
    "a reference to nothing",
    set("QueueMapping", "EventSourceArn", { "Fn::GetAtt": ["NoQueue", "Arn"] }),
  ),
  mutation(
    "W3030",
    "a part of a GPU that is not dealt out",
    set("ModelFunction", "AcceleratorConfig.AcceleratorMemorySize", 5),
    "gpu",
  ),
  mutation("F3002", "an unknown key beside it", set("ModelFunction", "AcceleratorConfig.Kind", "L4"), "gpu"),
  mutation(
    "F3003",
    "a capacity provider without a network",
    set("CapacityProvider", "VpcConfig", undefined),
    "gpu",
  ),
];
