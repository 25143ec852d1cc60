// schema.json and openapi.json of an artifact: what the model's schemas say, for people and for client generators. They
// are made here, once, from JSON Schemas the inspected model gave; the function only reads the files.

import { CODES } from "../runtime/errors.ts";
import type { Config } from "./config-schema.ts";
import type { ModelShape } from "./model-shape.ts";

/** What the inspection learned of a model's class. */
export interface ModelFacts {
  readonly shape: ModelShape;
  /** JSON Schema, or null where the class has no schema or its library cannot say it. */
  readonly input: unknown;
  readonly output: unknown;
  /** Whether predict is a generator. */
  readonly streams: boolean;
}

/** The answer of GET /schema, in Truss's three keys. */
export function schemaDocument({ input, output, streams }: ModelFacts): Record<string, unknown> {
  return { input_schema: input, output_schema: output, supports_streaming: streams };
}

/** The answer of GET /openapi.json: an OpenAPI 3.1 document of POST /predict. */
export function openApiDocument(
  config: Config,
  { input, output, streams }: ModelFacts,
): Record<string, unknown> {
  const types = streams ? STREAM_TYPES : ["application/json"];
  const content = Object.fromEntries(
    types.map((type) => [type, type === "application/json" && !streams ? { schema: output ?? {} } : {}]),
  );
  return {
    openapi: "3.1.0",
    info: { title: config.model_name, version: "1", description: config.description ?? "" },
    paths: {
      "/predict": {
        post: {
          operationId: "predict",
          requestBody: { content: { "application/json": { schema: input ?? {} } } },
          responses: {
            200: { description: "What the model gave.", content },
            "4XX": FAILURE,
            "5XX": FAILURE,
          },
        },
      },
    },
    components: { schemas: { Error: ERROR_SCHEMA } },
  };
}

const STREAM_TYPES = ["text/plain", "text/event-stream", "application/x-ndjson", "application/json"];

const FAILURE = {
  description: "The call failed.",
  content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
};

const ISSUE_SCHEMA = {
  type: "object",
  required: ["path", "message"],
  properties: { path: { type: "string" }, message: { type: "string" } },
};

const ERROR_SCHEMA = {
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["code", "message", "request_id"],
      properties: {
        code: { type: "string", enum: Object.keys({ ...CODES.init, ...CODES.invocation }) },
        message: { type: "string" },
        request_id: { type: "string" },
        issues: { type: "array", items: ISSUE_SCHEMA },
      },
    },
  },
};
