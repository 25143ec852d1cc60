// A strict schema of SAM's own types in our templates: the validator of CloudFormation does not see them, and AWS finds a
// misspelled property at the deployment. What is not named here may not be written.
// Source: docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-function.html.

import { Ajv } from "ajv";
import type { Template } from "../cfn/_parse.ts";

const TEXT = { type: "string", minLength: 1 };
const COUNT = { type: "integer", minimum: 0 };
const INTRINSIC = {
  type: "object",
  minProperties: 1,
  maxProperties: 1,
  patternProperties: { "^(Ref|Fn::(If|Sub|GetAtt))$": true },
  additionalProperties: false,
};
const INTRINSIC_OR = (schema: object) => ({ anyOf: [INTRINSIC, schema] });
const ofOnly = (properties: object, required: readonly string[] = Object.keys(properties)) => ({
  type: "object",
  properties,
  required,
  additionalProperties: false,
});

const FUNCTION = {
  CodeUri: { const: "../../lambda.zip" },
  Runtime: { type: "string", pattern: "^nodejs\\d+\\.x$" },
  Handler: { enum: ["index.stream", "index.buffered"] },
  PackageType: { const: "Image" },
  ImageUri: { const: { Ref: "ImageUri" } },
  ImageConfig: ofOnly({
    Command: { type: "array", items: { enum: ["index.stream", "index.buffered"] }, minItems: 1, maxItems: 1 },
  }),
  Architectures: { type: "array", items: { enum: ["arm64", "x86_64"] }, minItems: 1, maxItems: 1 },
  Description: TEXT,
  MemorySize: { type: "integer", minimum: 128, maximum: 32_768 },
  Timeout: { type: "integer", minimum: 1, maximum: 5400 },
  EphemeralStorage: ofOnly({ Size: { type: "integer", minimum: 512, maximum: 10_240 } }),
  AutoPublishAlias: { const: "live" },
  AutoPublishAliasAllProperties: { const: true },
  VersionDeletionPolicy: { enum: ["Delete", "Retain"] },
  ReservedConcurrentExecutions: INTRINSIC,
  ProvisionedConcurrencyConfig: INTRINSIC,
  Role: { const: { "Fn::GetAtt": ["FunctionRole", "Arn"] } },
  Tracing: { enum: ["Active", "PassThrough"] },
  RecursiveLoop: { const: "Terminate" },
  LoggingConfig: ofOnly({
    LogFormat: { const: "JSON" },
    ApplicationLogLevel: { enum: ["INFO", "DEBUG"] },
    SystemLogLevel: { const: "INFO" },
    LogGroup: { const: { Ref: "FunctionLogGroup" } },
  }),
  Environment: ofOnly({
    Variables: { type: "object", additionalProperties: INTRINSIC_OR({ type: "string" }) },
  }),
  CapacityProviderConfig: ofOnly({ Arn: INTRINSIC, PerExecutionEnvironmentMaxConcurrency: COUNT }),
  AcceleratorConfig: ofOnly({ AcceleratorMemorySize: { enum: [3, 6, 12, 16, 24, 48] } }),
  FunctionScalingConfig: ofOnly({ MinExecutionEnvironments: COUNT, MaxExecutionEnvironments: COUNT }),
};

const ALWAYS = [
  ...["Architectures", "MemorySize", "Timeout", "EphemeralStorage", "AutoPublishAlias", "Role", "Tracing"],
  ...["AutoPublishAliasAllProperties", "RecursiveLoop", "LoggingConfig", "Environment"],
];

/** What a function needs beside that, by where it runs. */
const KINDS = [
  ["CodeUri", "Runtime", "Handler", "ReservedConcurrentExecutions", "ProvisionedConcurrencyConfig"],
  ["PackageType", "ImageUri", "ImageConfig", "ReservedConcurrentExecutions", "ProvisionedConcurrencyConfig"],
  [
    ...["PackageType", "ImageUri", "ImageConfig", "VersionDeletionPolicy"],
    ...["CapacityProviderConfig", "AcceleratorConfig", "FunctionScalingConfig"],
  ],
];

const PARAMETER = ofOnly(
  {
    Type: TEXT,
    Description: TEXT,
    Default: { type: ["string", "number"] },
    AllowedValues: { type: "array" },
    AllowedPattern: TEXT,
    ConstraintDescription: TEXT,
    MinValue: { type: "number" },
  },
  ["Type", "Description"],
);

const RESOURCE = {
  ...ofOnly(
    {
      Type: TEXT,
      Condition: TEXT,
      DeletionPolicy: { enum: ["Delete", "Retain", "RetainExceptOnCreate"] },
      UpdateReplacePolicy: { enum: ["Delete", "Retain"] },
      Properties: { type: "object" },
    },
    ["Type", "Properties"],
  ),
  // Of SAM's types we use one; any other would go unseen.
  if: { properties: { Type: { pattern: "^AWS::Serverless::" } } },
  then: {
    properties: {
      Type: { const: "AWS::Serverless::Function" },
      Properties: {
        type: "object",
        properties: FUNCTION,
        required: ALWAYS,
        additionalProperties: false,
        oneOf: KINDS.map((required) => ({
          required,
          properties: Object.fromEntries(
            Object.keys(FUNCTION)
              .filter((name) => ![...required, ...ALWAYS, "Description"].includes(name))
              .map((name) => [name, false]),
          ),
        })),
      },
    },
  },
};

const DOCUMENT = ofOnly(
  {
    AWSTemplateFormatVersion: { const: "2010-09-09" },
    Transform: { const: "AWS::Serverless-2016-10-31" },
    Description: TEXT,
    Parameters: { type: "object", additionalProperties: PARAMETER },
    Rules: { type: "object" },
    Conditions: { type: "object" },
    Resources: { type: "object", additionalProperties: RESOURCE },
    Outputs: {
      type: "object",
      additionalProperties: ofOnly({ Description: TEXT, Value: true, Condition: TEXT }, [
        "Description",
        "Value",
      ]),
    },
  },
  [
    "AWSTemplateFormatVersion",
    "Transform",
    "Description",
    "Parameters",
    "Conditions",
    "Resources",
    "Outputs",
  ],
);

const isTemplate = new Ajv({ allErrors: true, strictRequired: false, strictTypes: false }).compile(DOCUMENT);

/** What is wrong with a rendered SAM template, as sentences: `/Resources/ModelFunction/Properties: ...`. */
export function problemsOfSource(template: Template): string[] {
  isTemplate(template);
  return (isTemplate.errors ?? []).map(({ instancePath, message, params }) =>
    `${instancePath}: ${message} ${"additionalProperty" in params ? params.additionalProperty : ""}`.trim(),
  );
}
