// A call of predict, under each of its paths: the bodies that the model can be called with and the forms in which its
// answer may leave, as far as its schemas and its shape tell.

import type { Example } from "../example-inputs.ts";
import type { DocumentedModel } from "../openapi.ts";
import { failures, HEADERS, inferenceCodes } from "./answers.ts";
import { type Json, reference } from "./components.ts";

/** Path -> operation. Each is the same call. */
const PATHS = {
  "/predict": ["predict", "Call the model"],
  "/invocations": ["invocations", "Call the model, as SageMaker does"],
  "/v1/models/{name}:predict": ["predictByName", "Call the model, as Truss and KServe do"],
} as const;

/** What a path means on a server beside the call itself. */
const ON_SERVERS: Readonly<Record<string, string>> = {
  "/invocations": "A body of a media type that is not named here is bytes to the model.",
  "/v1/models/{name}:predict":
    'A body `{"instances": [...]}` is one call for each instance, with `parameters` for what an instance does not say ' +
    'itself, and is answered with `{"predictions": [...]}`; unless the model\'s own input has `instances`.',
};

export const NAME_PARAMETER: Json = { $ref: "#/components/parameters/ModelName" };

const TEXT = { schema: { type: "string" } };
/** Of bytes, the media type says everything. */
const BYTES = {};
const BINARY = ["application/octet-stream", "application/pdf", "image/*", "audio/*", "video/*"];

/** The path items; what they share is in components. */
export function inferencePaths(isServer: boolean): Json {
  return Object.fromEntries(
    Object.entries(PATHS).map(([path, [operationId, summary]]) => [
      path,
      {
        ...(path.includes("{name}") && { parameters: [NAME_PARAMETER] }),
        post: {
          operationId,
          summary,
          ...(isServer && path in ON_SERVERS && { description: ON_SERVERS[path] }),
          tags: ["Inference"],
          requestBody: { $ref: "#/components/requestBodies/Input" },
          responses: {
            200: { $ref: "#/components/responses/Output" },
            ...failures(inferenceCodes(isServer)),
          },
        },
      },
    ]),
  );
}

/** What `#/components/requestBodies/Input` holds. */
export function inputBody({ input, takesNothing, examples }: DocumentedModel): Json {
  const schema = input === null ? {} : reference("Input");
  const content = { schema, ...(examples.length > 0 && { examples: named(examples) }) };
  return {
    description: "May be compressed, as `content-encoding` says: gzip, br, deflate or zstd.",
    ...(takesNothing === false && { required: true }),
    content: {
      "application/json": content,
      "application/msgpack": { schema },
      ...(takes(input, "object") && { "multipart/form-data": { schema } }),
      ...(takes(input, "string") && { "text/plain": TEXT }),
      ...(takes(input, "bytes") && Object.fromEntries(BINARY.map((type) => [type, BYTES]))),
    },
  };
}

/** What `#/components/responses/Output` holds. */
export function outputAnswer({ output, streams }: DocumentedModel): Json {
  const item = output === null ? {} : reference("Output");
  return {
    description: streams ? STREAM : "What the model gave.",
    headers: HEADERS,
    content: streams ? streamed(output, item) : whole(output, item),
  };
}

const STREAM =
  "What the model gave, as it came. `accept` chooses: text/event-stream has each item as an event, application/json all " +
  "of them at once. A stream that fails ends with an error in its own format.";

function whole(output: unknown, item: Json): Json {
  return {
    "application/json": { schema: item },
    "application/msgpack": { schema: item },
    ...(takes(output, "string") && { "text/plain": TEXT }),
    // A model without an output schema may stream without being a generator.
    ...(output === null && { ...STREAMS, "application/octet-stream": BYTES }),
  };
}

const STREAMS = {
  "text/event-stream": {
    schema: { type: "string", description: "One event an item; `event: error` when it fails." },
  },
  "application/x-ndjson": { schema: { type: "string", description: "One JSON value a line." } },
};

function streamed(output: unknown, item: Json): Json {
  const texts = takes(output, "string") && TEXT;
  const values = !isOnly(output, "string");
  const gathered = [
    ...(texts ? [{ type: "string", description: "All texts, joined." }] : []),
    ...(values ? [{ type: "array", items: item }] : []),
  ];
  return {
    ...(texts && { "text/plain": texts }),
    "text/event-stream": STREAMS["text/event-stream"],
    ...(values && { "application/x-ndjson": STREAMS["application/x-ndjson"] }),
    "application/json": { schema: gathered.length === 1 ? gathered[0] : { anyOf: gathered } },
    "application/msgpack": { schema: { description: "The items, one after the other." } },
    ...(takes(output, "bytes") && { "application/octet-stream": BYTES }),
  };
}

/** Whether a value of that kind may fit: true wherever the schema does not say otherwise. */
function takes(schema: unknown, kind: "object" | "string" | "bytes"): boolean {
  if (schema === null || typeof schema !== "object") return true;
  const { type, anyOf, oneOf, properties } = schema as Record<string, unknown>;
  if (typeof type === "string" || Array.isArray(type)) return [type].flat().includes(kind);
  const options = anyOf ?? oneOf;
  if (Array.isArray(options)) return options.some((option) => takes(option, kind));
  // A reference, or a schema that says nothing of the type, as that of a Uint8Array.
  if (properties !== undefined) return kind === "object";
  return "$ref" in schema || "enum" in schema || "const" in schema ? kind !== "bytes" : true;
}

const isOnly = (schema: unknown, type: string): boolean =>
  typeof schema === "object" && schema !== null && (schema as { type?: unknown }).type === type;

/** Under keys that are legal as names of components, which is what generators expect. */
function named(examples: readonly Example[]): Json {
  const byKey = new Map<string, Json>();
  for (const { name, input } of examples) {
    const key = name.replace(/[^A-Za-z0-9._-]+/g, "-");
    byKey.set(byKey.has(key) ? `${key}-${byKey.size + 1}` : key, { summary: name, value: input });
  }
  return Object.fromEntries(byKey);
}
