// What the model's schemas say, for people and for client generators: /schema and /openapi.json. JSON Schemas come from
// the schema's own library through Standard JSON Schema; a library without it leaves "any value".

import type { Deployment } from "./contracts.ts";
import { errorCodes } from "./errors.ts";
import type { LoadedModel } from "./predict.ts";
import { toJsonSchema } from "./schema.ts";

/** The answer of /schema, in Truss's three keys. */
export function schemaDocument(model: LoadedModel): Record<string, unknown> {
  return {
    input_schema: toJsonSchema(model.input, "input") ?? null,
    output_schema: toJsonSchema(model.output, "output") ?? null,
    supports_streaming: streams(model),
  };
}

/** An OpenAPI 3.1 document of POST /predict. */
export function openApiDocument(deployment: Deployment, model: LoadedModel): Record<string, unknown> {
  const { config, settings } = deployment;
  const output = toJsonSchema(model.output, "output") ?? {};
  const content = streams(model)
    ? Object.fromEntries(
        ["text/plain", "text/event-stream", "application/x-ndjson", "application/json"].map((type) => [
          type,
          {},
        ]),
      )
    : { "application/json": { schema: output } };
  const failure = {
    description: "The call failed.",
    content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
  };
  return {
    openapi: "3.1.0",
    info: { title: settings.modelName, version: "1", description: config["description"] ?? "" },
    paths: {
      "/predict": {
        post: {
          operationId: "predict",
          requestBody: {
            content: { "application/json": { schema: toJsonSchema(model.input, "input") ?? {} } },
          },
          responses: {
            200: { description: "What the model gave.", content },
            "4XX": failure,
            "5XX": failure,
          },
        },
      },
    },
    components: { schemas: { Error: ERROR_SCHEMA } },
  };
}

const ERROR_SCHEMA = {
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["code", "message", "request_id"],
      properties: {
        code: { type: "string", enum: errorCodes() },
        message: { type: "string" },
        request_id: { type: "string" },
        issues: {
          type: "array",
          items: {
            type: "object",
            required: ["path", "message"],
            properties: { path: { type: "string" }, message: { type: "string" } },
          },
        },
      },
    },
  },
};

function streams(model: LoadedModel): boolean {
  return model.instance.predict?.constructor.name.endsWith("GeneratorFunction") ?? false;
}
