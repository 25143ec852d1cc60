// schema.json and openapi.json of an artifact: what the model takes and gives, for people and for client generators. They
// are made here, once, from the JSON Schemas that the inspected model gave; the function only reads the files. The parts
// of the document are in openapi/. Source: OpenAPI 3.1.1.

import type { Config } from "./config-schema.ts";
import type { Example } from "./example-inputs.ts";
import type { ModelShape } from "./model-shape.ts";
import { ERROR_SCHEMA, HEADER_COMPONENTS } from "./openapi/answers.ts";
import { type Json, toComponents } from "./openapi/components.ts";
import { tellingPaths } from "./openapi/health.ts";
import { inferencePaths, inputBody, outputAnswer } from "./openapi/inference.ts";
import { kserveSchemas, kservePaths } from "./openapi/kserve.ts";
import { vendorPaths, vendorSchemas } from "./openapi/vendor.ts";
import type { Target } from "./runtime-files.ts";

/** What the inspection learned of a model's class. */
export interface ModelFacts extends SchemaFacts {
  readonly shape: ModelShape;
  /** Whether predict is a generator. */
  readonly streams: boolean;
}

/** What the schemas of a class said of themselves. */
export interface SchemaFacts {
  /** JSON Schema, or null where the class has no schema or its library cannot say it. */
  readonly input: unknown;
  readonly output: unknown;
  /** Sentences about what could not be said. */
  readonly notes: readonly string[];
  /** Whether a call without a body fits the input schema; undefined when there is none. */
  readonly takesNothing?: boolean | undefined;
  /** What is wrong with each of the project's examples, in their order. */
  readonly examples: readonly (readonly ExampleIssue[])[];
}

/** One problem of one example. */
export interface ExampleIssue {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** The facts, and the examples that fit them. */
export type DocumentedModel = Omit<ModelFacts, "examples"> & { readonly examples: readonly Example[] };

/** The answer of GET /schema, in Truss's three keys. */
export function schemaDocument({ input, output, streams }: ModelFacts): Json {
  return { input_schema: input, output_schema: output, supports_streaming: streams };
}

/** The answer of GET /openapi.json: an OpenAPI 3.1 document of every path that the target answers. */
export function openApiDocument(config: Config, model: DocumentedModel, target: Target): Json {
  const members = [...Object.keys(model.shape.methods), ...model.shape.fields];
  const predicts = members.includes("predict");
  const isServer = target === "server";
  const signed = !isServer && config.serverless.url.auth === "iam";
  const own: Json = {
    Error: ERROR_SCHEMA,
    ...vendorSchemas(members),
    ...(isServer && kserveSchemas(predicts)),
  };
  const taken = new Set([...Object.keys(own), "Input", "Output"]);
  return {
    openapi: "3.1.1",
    info: {
      title: config.model_name,
      version: "1",
      description: config.description ?? `The model ${config.model_name}.`,
      "x-model-metadata": config.model_metadata,
    },
    servers: [SERVER],
    security: signed ? [{ sigv4: [] }] : [],
    tags: TAGS.filter(({ name }) => name !== KSERVE || isServer),
    paths: {
      ...(predicts && inferencePaths(isServer)),
      ...vendorPaths(members, isServer),
      ...tellingPaths(isServer),
      ...(isServer && kservePaths(predicts)),
    },
    components: {
      schemas: {
        ...own,
        ...(predicts && model.input !== null && toComponents("Input", model.input, taken)),
        ...(predicts && model.output !== null && toComponents("Output", model.output, taken)),
      },
      ...(predicts && {
        requestBodies: { Input: inputBody(model) },
        responses: { Output: outputAnswer(model) },
      }),
      headers: HEADER_COMPONENTS,
      parameters: { ModelName: { ...MODEL_NAME, example: config.model_name } },
      ...(signed && { securitySchemes: { sigv4: SIGV4 } }),
    },
  };
}

const SERVER = {
  url: "{url}",
  description: "Wherever the model is deployed.",
  variables: {
    url: { default: "http://127.0.0.1:8080", description: "By default that of `coldframe dev`." },
  },
};

const SIGV4 = {
  type: "apiKey",
  in: "header",
  name: "authorization",
  description: "AWS Signature Version 4, for the service `lambda`.",
  "x-amazon-apigateway-authtype": "awsSigv4",
};

const MODEL_NAME = {
  name: "name",
  in: "path",
  required: true,
  description: "Any name: one deployment is one model.",
  schema: { type: "string" },
};

const KSERVE = "KServe v2";

const TAGS = [
  { name: "Inference", description: "Calls of the model." },
  { name: "Vendor", description: "What the clients of OpenAI and Anthropic call." },
  { name: KSERVE, description: "The Open Inference Protocol." },
  { name: "Health", description: "What platforms ask." },
  { name: "Documents", description: "What the model takes and gives." },
];
