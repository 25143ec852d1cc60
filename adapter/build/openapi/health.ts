// The paths that only tell: health, as each platform asks for it, and the documents of the model.

import { failures, HEADERS, success } from "./answers.ts";
import { type Json, mapValues } from "./components.ts";
import { NAME_PARAMETER } from "./inference.ts";

const status = (name: string): Json => ({
  type: "object",
  required: ["status"],
  properties: { status: { type: "string", const: name } },
});

/** How readiness may fail. */
export const READY_CODES = ["MODEL_NOT_READY", "MODEL_LOAD_FAILED", "MODEL_UNHEALTHY"] as const;

const ALIVE = { 200: success("The process lives.", status("alive")), ...failures([]) };
const READY = {
  200: success("Loaded and healthy.", status("ready")),
  ...failures(READY_CODES),
};
const LOADED = {
  200: success("Loaded.", status("loaded")),
  ...failures(["MODEL_NOT_READY", "MODEL_LOAD_FAILED"]),
};
const PING = {
  ...READY,
  204: { description: "Alive, and still loading.", headers: HEADERS },
};

const SCHEMA_DOCUMENT: Json = {
  type: "object",
  required: ["input_schema", "output_schema", "supports_streaming"],
  properties: {
    input_schema: { description: "JSON Schema, or null where the model has none." },
    output_schema: { description: "JSON Schema, or null where the model has none." },
    supports_streaming: { type: "boolean" },
  },
};
const SCHEMA = {
  200: success("What the model takes and gives.", SCHEMA_DOCUMENT),
  ...failures(["ROUTE_NOT_FOUND"]),
};
const OPENAPI = { 200: success("This document.", { type: "object" }), ...failures(["ROUTE_NOT_FOUND"]) };

const METRICS = {
  200: success("Prometheus metrics.", { type: "string" }, "text/plain"),
  ...failures([]),
};

/** The path items that GET and HEAD answer. @param server whether the target is one: it has metrics */
export function tellingPaths(server: boolean): Json {
  return {
    ...mapValues(HEALTH, ([operationId, summary, responses]) =>
      telling({ operationId, summary, tags: ["Health"], responses }),
    ),
    "/v1/models/{name}/loaded": named("loadedByName", "Whether the model is loaded", "Health", LOADED),
    "/v1/models/{name}/schema": named("schemaByName", "JSON Schemas of the model", "Documents", SCHEMA),
    ...mapValues(DOCUMENTS, ([operationId, summary, responses]) =>
      telling({ operationId, summary, tags: ["Documents"], responses }),
    ),
    ...(server && {
      "/metrics": telling({
        operationId: "metrics",
        summary: "Metrics",
        tags: ["Health"],
        responses: METRICS,
      }),
    }),
  };
}

type Operation = readonly [operationId: string, summary: string, responses: Json];

const HEALTH: Readonly<Record<string, Operation>> = {
  "/": ["root", "Liveness", ALIVE],
  "/health/live": ["live", "Liveness", ALIVE],
  "/health/ready": ["ready", "Readiness", READY],
  "/ping": ["ping", "Readiness, as SageMaker and RunPod ask for it", PING],
};

const DOCUMENTS: Readonly<Record<string, Operation>> = {
  "/schema": ["schema", "JSON Schemas of the model", SCHEMA],
  "/openapi.json": ["openapi", "This document", OPENAPI],
};

/** GET, and HEAD with the same answers without their bodies. */
export function telling(get: { readonly operationId: string; readonly responses: Json } & Json): Json {
  const responses = mapValues(get.responses, (answer) => {
    const { content: _none, ...head } = answer as Record<string, unknown>;
    return head;
  });
  return { get, head: { ...get, operationId: `${get.operationId}Head`, responses } };
}

const named = (operationId: string, summary: string, tag: string, responses: Json): Json => ({
  parameters: [NAME_PARAMETER],
  ...telling({ operationId, summary, tags: [tag], responses }),
});
