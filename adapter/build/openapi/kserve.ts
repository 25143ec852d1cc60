// The paths of KServe's Open Inference Protocol, version 2, which only a server answers: health, metadata, inference with
// typed tensors, and texts. Source: github.com/kserve/open-inference-protocol, specification/protocol/
// open_inference_rest.yaml and generate_rest.yaml.

import { failures, inferenceCodes, success } from "./answers.ts";
import { type Json, reference } from "./components.ts";
import { READY_CODES, telling } from "./health.ts";
import { NAME_PARAMETER } from "./inference.ts";

const VERSION_PARAMETER: Json = {
  name: "version",
  in: "path",
  required: true,
  description: "Any version: one deployment is one model.",
  schema: { type: "string" },
};

/** The path items. @param predicts whether there is anything to call; without `predict`, its paths answer with 404 */
export function kservePaths(predicts: boolean): Json {
  return {
    "/v2": ask("v2Server", "Metadata of the server", "ServerMetadata"),
    "/v2/health/live": flag("v2Live", "Liveness", "live"),
    "/v2/health/ready": flag("v2Ready", "Readiness", "ready", "live"),
    ...modelPaths("/v2/models/{name}", "", [NAME_PARAMETER], predicts),
    ...modelPaths(
      "/v2/models/{name}/versions/{version}",
      "Version",
      [NAME_PARAMETER, VERSION_PARAMETER],
      predicts,
    ),
  };
}

/** @param suffix what the operations of a version have in their names */
function modelPaths(path: string, suffix: string, parameters: readonly Json[], predicts: boolean): Json {
  return {
    [path]: {
      parameters,
      ...ask(`v2Model${suffix}`, "Metadata of the model", "ModelMetadata", LOADED_CODES),
    },
    [`${path}/ready`]: { parameters, ...flag(`v2Model${suffix}Ready`, "Readiness of the model", "ready") },
    ...(predicts && {
      [`${path}/infer`]: { parameters, post: infer(`v2Infer${suffix}`) },
      [`${path}/generate`]: { parameters, post: generate(`v2Generate${suffix}`) },
      [`${path}/generate_stream`]: { parameters, post: generateStream(`v2GenerateStream${suffix}`) },
    }),
  };
}

const TAGS = ["KServe v2"];

/** Only a loaded model can say what it takes. */
const LOADED_CODES = READY_CODES.filter((code) => code !== "MODEL_UNHEALTHY");

const TEXT = { type: "string" };

function ask(
  operationId: string,
  summary: string,
  schema: string,
  codes: Parameters<typeof failures>[0] = [],
): Json {
  const responses = { 200: success(`${summary}.`, reference(schema)), ...failures(codes, v2Error) };
  return telling({ operationId, summary, tags: TAGS, responses });
}

function flag(operationId: string, summary: string, ...names: readonly string[]): Json {
  const flags = Object.fromEntries(names.map((name) => [name, { type: "boolean" }]));
  const said = { type: "object", properties: { ...flags, name: TEXT } };
  const codes = names.includes("ready") ? READY_CODES : [];
  const responses = { 200: success(`${summary}.`, said), ...failures(codes, v2Error) };
  return telling({ operationId, summary, tags: TAGS, responses });
}

const infer = (operationId: string): Json => ({
  operationId,
  summary: "Call the model with tensors",
  tags: TAGS,
  description:
    "A model whose input has a schema is given plain values, any other one typed arrays. Tensors may travel as bytes " +
    "after the JSON: `binary_data_size` of a tensor, and the header `inference-header-content-length`.",
  requestBody: {
    required: true,
    content: {
      "application/json": { schema: reference("InferenceRequest") },
      "application/octet-stream": {},
    },
  },
  responses: {
    200: {
      ...success("The output tensors.", reference("InferenceResponse")),
      content: {
        "application/json": { schema: reference("InferenceResponse") },
        "application/octet-stream": {},
      },
    },
    ...failures(inferenceCodes(true), v2Error),
  },
});

const GENERATE_BODY: Json = {
  required: true,
  content: { "application/json": { schema: reference("GenerateRequest") } },
};

const generate = (operationId: string): Json => ({
  operationId,
  summary: "Call the model with a text",
  tags: TAGS,
  requestBody: GENERATE_BODY,
  responses: {
    200: success("All of the text.", reference("GenerateResponse")),
    ...failures(inferenceCodes(true), v2Error),
  },
});

const generateStream = (operationId: string): Json => ({
  operationId,
  summary: "Call the model with a text, and read its answer as it comes",
  tags: TAGS,
  requestBody: GENERATE_BODY,
  responses: {
    200: success(
      "One event for each part of the text, with a GenerateResponse; one with `error` when it fails.",
      TEXT,
      "text/event-stream",
    ),
    ...failures(inferenceCodes(true), v2Error),
  },
});

/** The protocol's shape of an error: a sentence, and beside it what ours have. */
function v2Error(codes?: readonly string[]): Json {
  if (codes === undefined) return reference("InferenceError");
  const code = { type: "string", enum: codes };
  return { allOf: [reference("InferenceError"), { type: "object", properties: { code } }] };
}

const PARAMETERS = { type: "object", additionalProperties: { type: ["string", "number", "boolean"] } };
const SHAPE = { type: "array", items: { type: "integer" } };

const TENSOR: Json = {
  type: "object",
  // Its data follows the JSON where it travels as bytes.
  required: ["name", "shape", "datatype"],
  properties: {
    name: TEXT,
    shape: SHAPE,
    datatype: {
      type: "string",
      enum: "BOOL UINT8 UINT16 UINT32 UINT64 INT8 INT16 INT32 INT64 FP16 FP32 FP64 BYTES".split(" "),
    },
    parameters: PARAMETERS,
    data: { type: "array", items: {}, description: "Flat in row-major order, or nested by dimension." },
  },
};

const TENSOR_METADATA: Json = {
  type: "object",
  required: ["name", "datatype", "shape"],
  properties: { name: TEXT, datatype: TEXT, shape: SHAPE },
};

const TELLING_SCHEMAS: Json = {
  ServerMetadata: {
    type: "object",
    required: ["name", "version", "extensions"],
    properties: { name: TEXT, version: TEXT, extensions: { type: "array", items: TEXT } },
  },
  ModelMetadata: {
    type: "object",
    required: ["name", "platform", "inputs", "outputs"],
    properties: {
      name: TEXT,
      versions: { type: "array", items: TEXT },
      platform: TEXT,
      inputs: { type: "array", items: TENSOR_METADATA },
      outputs: { type: "array", items: TENSOR_METADATA },
    },
  },
  InferenceError: {
    type: "object",
    required: ["error", "code", "request_id"],
    properties: {
      error: { type: "string", description: "What went wrong, as a sentence." },
      code: TEXT,
      request_id: TEXT,
      issues: { type: "array", items: { type: "object" } },
    },
  },
};

const CALLING_SCHEMAS: Json = {
  GenerateRequest: {
    type: "object",
    required: ["text_input"],
    properties: { id: TEXT, text_input: TEXT, parameters: PARAMETERS },
  },
  GenerateResponse: {
    type: "object",
    required: ["text_output", "model_name"],
    properties: { text_output: TEXT, model_name: TEXT, id: TEXT },
  },
  Tensor: TENSOR,
  InferenceRequest: {
    type: "object",
    required: ["inputs"],
    properties: {
      id: TEXT,
      parameters: PARAMETERS,
      inputs: { type: "array", items: reference("Tensor") },
      outputs: {
        type: "array",
        items: { type: "object", required: ["name"], properties: { name: TEXT, parameters: PARAMETERS } },
      },
    },
  },
  InferenceResponse: {
    type: "object",
    required: ["model_name", "outputs"],
    properties: {
      model_name: TEXT,
      model_version: TEXT,
      id: TEXT,
      parameters: PARAMETERS,
      outputs: { type: "array", items: reference("Tensor") },
    },
  },
};

/** The schemas that these paths refer to. */
export const kserveSchemas = (predicts: boolean): Json => ({
  ...TELLING_SCHEMAS,
  ...(predicts && CALLING_SCHEMAS),
});
