// The paths of OpenAI's and Anthropic's clients, of a model that has the members behind them. The vendors' documents say
// what their bodies hold; here is what Coldframe itself reads of them, and everything else passes through. Sources:
// platform.openai.com/docs/api-reference, docs.claude.com/en/api.

import type { VendorMember } from "../../runtime/model.ts";
import { failures, inferenceCodes, success } from "./answers.ts";
import { type Json, mapValues, reference } from "./components.ts";
import { READY_CODES, telling } from "./health.ts";
import { NAME_PARAMETER } from "./inference.ts";

interface VendorPath {
  readonly member: VendorMember;
  readonly summary: string;
  /** What a request has to have. */
  readonly required: string;
  readonly answer: string;
  /** Absent where the vendor has no stream. */
  readonly stream?: string;
  readonly docs: string;
}

const OPENAI_DOCS = "https://platform.openai.com/docs/api-reference";
const CHUNKS = "as `data:` events, ended by `data: [DONE]`";

const PATHS: Readonly<Record<string, VendorPath>> = {
  "/v1/chat/completions": {
    member: "chatCompletions",
    summary: "Chat completions of OpenAI's API",
    required: "messages",
    answer: "A `chat.completion` object.",
    stream: `\`chat.completion.chunk\` objects ${CHUNKS}.`,
    docs: `${OPENAI_DOCS}/chat`,
  },
  "/v1/completions": {
    member: "completions",
    summary: "Completions of OpenAI's API",
    required: "prompt",
    answer: "A `text_completion` object.",
    stream: `\`text_completion\` objects ${CHUNKS}.`,
    docs: `${OPENAI_DOCS}/completions`,
  },
  "/v1/embeddings": {
    member: "embeddings",
    summary: "Embeddings of OpenAI's API",
    required: "input",
    answer: "A list of `embedding` objects.",
    docs: `${OPENAI_DOCS}/embeddings`,
  },
  "/v1/responses": {
    member: "responses",
    summary: "Responses of OpenAI's API",
    required: "input",
    answer: "A `response` object.",
    stream: "Events named by the `type` of their data.",
    docs: `${OPENAI_DOCS}/responses`,
  },
  "/v1/messages": {
    member: "messages",
    summary: "Messages of Anthropic's API",
    required: "messages",
    answer: "A `message` object.",
    stream: "Events named by the `type` of their data, ended by `message_stop`.",
    docs: "https://docs.claude.com/en/api/messages",
  },
};

const MODEL: Json = {
  type: "object",
  required: ["id", "object", "created", "owned_by"],
  properties: {
    id: { type: "string" },
    object: { type: "string", const: "model" },
    created: { type: "integer" },
    owned_by: { type: "string" },
  },
};

const MODEL_LIST: Json = {
  type: "object",
  required: ["object", "data"],
  properties: {
    object: { type: "string", const: "list" },
    data: { type: "array", items: reference("Model") },
  },
};

const openAiError = () => reference("OpenAIError");

/** The path items of the members that a model has, and of the list of models, which every deployment has. */
export function vendorPaths(members: readonly string[], isServer: boolean): Json {
  const own = Object.entries(PATHS).filter(([, { member }]) => members.includes(member));
  const list = {
    200: success("This model, and no other.", reference("ModelList")),
    ...failures([], openAiError),
  };
  const one = {
    200: success("Loaded and healthy.", reference("Model")),
    ...failures(READY_CODES, openAiError),
  };
  return {
    ...mapValues(Object.fromEntries(own), (path) => ({ post: operation(path, isServer) })),
    "/v1/models": telling({
      operationId: "listModels",
      summary: "Models",
      tags: ["Vendor"],
      responses: list,
    }),
    "/v1/models/{name}": {
      parameters: [NAME_PARAMETER],
      ...telling({
        operationId: "readyByName",
        summary: "The model, and readiness as Truss and KServe ask for it",
        tags: ["Vendor"],
        responses: one,
      }),
    },
  };
}

/** The schemas that these paths refer to. */
export function vendorSchemas(members: readonly string[]): Json {
  return {
    Model: MODEL,
    ModelList: MODEL_LIST,
    OpenAIError: OPENAI_ERROR,
    ...(members.includes("messages" satisfies VendorMember) && { AnthropicError: ANTHROPIC_ERROR }),
  };
}

function operation({ member, summary, required, answer, stream, docs }: VendorPath, isServer: boolean): Json {
  const error = reference(member === "messages" ? "AnthropicError" : "OpenAIError");
  const reply = success(answer, { type: "object" });
  const events = { "text/event-stream": { schema: { type: "string", description: stream } } };
  return {
    operationId: member,
    summary,
    tags: ["Vendor"],
    externalDocs: { url: docs },
    requestBody: {
      required: true,
      content: {
        "application/json": {
          schema: {
            type: "object",
            required: [required],
            properties: {
              [required]: {},
              model: { type: "string", description: "Any name: one deployment is one model." },
              ...(stream && { stream: { type: "boolean", default: false } }),
            },
          },
        },
      },
    },
    responses: {
      200: stream ? { ...reply, content: { ...(reply["content"] as Json), ...events } } : reply,
      ...failures(inferenceCodes(isServer), () => error),
    },
  };
}

const TEXT = { type: "string" };
const TEXT_OR_NULL = { type: ["string", "null"] };

const OPENAI_ERROR: Json = {
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["message", "type", "param", "code"],
      properties: { message: TEXT, type: TEXT, param: TEXT_OR_NULL, code: TEXT_OR_NULL, request_id: TEXT },
    },
  },
};

const ANTHROPIC_ERROR: Json = {
  type: "object",
  required: ["type", "error"],
  properties: {
    type: { type: "string", const: "error" },
    error: { type: "object", required: ["type", "message"], properties: { type: TEXT, message: TEXT } },
    request_id: TEXT,
  },
};
