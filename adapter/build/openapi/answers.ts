// The answers that any operation may have: errors by status, with the codes that can happen there, and the headers of
// every answer. Statuses are those of the table in runtime/errors.ts.

import { CODES, type ErrorCode } from "../../runtime/errors.ts";
import { type Json, reference } from "./components.ts";

export type AnsweredCode = keyof typeof CODES.invocation;

/** Codes of routes and health, and of sources that are not HTTP: no call of the model is answered with them. */
const NOT_OF_INFERENCE: readonly string[] = [
  "ROUTE_NOT_FOUND",
  "METHOD_NOT_ALLOWED",
  "MODEL_UNHEALTHY",
  "EVENT_UNKNOWN",
  "INPUT_UNREADABLE",
  "RESULT_NOT_SENT",
] satisfies ErrorCode[];

/** What only a process that listens itself can say: on Lambda, bodies arrive whole and calls one by one. */
const OF_SERVERS: readonly string[] = ["INPUT_TIMEOUT", "QUEUE_FULL"] satisfies ErrorCode[];

/** How a call of the model may fail. */
export function inferenceCodes(isServer: boolean): readonly AnsweredCode[] {
  const not = isServer ? NOT_OF_INFERENCE : [...NOT_OF_INFERENCE, ...OF_SERVERS];
  return (Object.keys(CODES.invocation) as AnsweredCode[]).filter((code) => !not.includes(code));
}

const MEANINGS: Readonly<Record<number, string>> = {
  400: "The body is malformed or does not fit the schema; `issues` says where.",
  404: "There is no such path.",
  405: "The path takes another method; `allow` says which.",
  408: "The body did not arrive in time.",
  413: "The body or the answer is too large.",
  415: "The media type, charset or encoding of the body is not read.",
  429: "Too many calls are waiting; try again after `retry-after` seconds.",
  499: "The caller left, or the model is shutting down.",
  500: "The model failed; the log has the reason under `request_id`.",
  503: "The model is loading, failed to load, or is not healthy; try again after `retry-after` seconds.",
  504: "The model took too long.",
};

const OTHER =
  "Any other error: `METHOD_NOT_ALLOWED` for another method of the path, `ROUTE_NOT_FOUND` for another path; and what " +
  "stands before the model, as AWS does, may answer in a shape of its own.";

/** Headers of every answer. */
export const HEADERS: Json = { "x-request-id": { $ref: "#/components/headers/RequestId" } };

const RETRY = { ...HEADERS, "retry-after": { $ref: "#/components/headers/RetryAfter" } };

/** What `#/components/headers` holds. */
export const HEADER_COMPONENTS: Json = {
  RequestId: { description: "Names the call in the log.", schema: { type: "string" } },
  RetryAfter: { description: "Seconds.", schema: { type: "integer", minimum: 0 } },
};

/** The error answers of an operation: one for each status of these codes, and one for what is not of the operation. */
export function failures(
  codes: readonly AnsweredCode[],
  schemaOf: (codes?: readonly string[]) => Json = ourSchema,
): Json {
  const byStatus = Map.groupBy(codes, (code): number => CODES.invocation[code]);
  // What the init phase may end with, a call may too: a model that waits for lazy weights does.
  const answers = [...byStatus].map(([status, its]) => [
    status,
    {
      description: MEANINGS[status] ?? "The call failed.",
      headers: status === 503 || status === 429 ? RETRY : HEADERS,
      content: { "application/json": { schema: schemaOf(status === 500 ? [...its, ...CODES.init] : its) } },
    },
  ]);
  const other = {
    description: OTHER,
    headers: HEADERS,
    content: { "application/json": { schema: schemaOf() } },
  };
  return { ...Object.fromEntries(answers), default: other };
}

/** A JSON answer that went well. */
export const success = (description: string, schema: Json, type = "application/json"): Json => ({
  description,
  headers: HEADERS,
  content: { [type]: { schema } },
});

function ourSchema(codes?: readonly string[]): Json {
  if (codes === undefined) return reference("Error");
  const code = { type: "string", enum: codes };
  return {
    allOf: [
      reference("Error"),
      { type: "object", properties: { error: { type: "object", properties: { code } } } },
    ],
  };
}

/** The schema of our errors. */
export const ERROR_SCHEMA: Json = {
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["code", "message", "request_id"],
      properties: {
        code: { type: "string", enum: [...Object.keys(CODES.invocation), ...CODES.init] },
        message: { type: "string" },
        request_id: { type: "string" },
        issues: {
          type: "array",
          description: "What is wrong with the input, and where.",
          items: {
            type: "object",
            required: ["path", "message"],
            properties: {
              path: { type: "string", description: "As in `items[1].text`; empty for the whole." },
              message: { type: "string" },
            },
          },
        },
      },
    },
  },
};
