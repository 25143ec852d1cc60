// What Anthropic's clients expect of every route: named events, errors and their statuses.
// Source: core/streaming.ts and core/error.ts of `@anthropic-ai/sdk` 1; docs.anthropic.com/en/api/errors.

import { encodeJson } from "../json.ts";
import type { Json, Vendor } from "./_draft.ts";

const STATUS_TYPES: Readonly<Record<number, string>> = {
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  500: "api_error",
  // Anthropic's own is 529, which no proxy on the way knows; the SDK retries both.
  503: "overloaded_error",
  504: "timeout_error",
};

const ERROR_STATUS: Readonly<Record<string, number>> = {
  ...Object.fromEntries(Object.entries(STATUS_TYPES).map(([status, type]) => [type, Number(status)])),
  invalid_request_error: 400,
  overloaded_error: 529,
};

const frame = (event: Json) => `event: ${event["type"]}\ndata: ${encodeJson(event)}\n\n`;

export const anthropic: Vendor = {
  frame,
  lastFrame: "",
  heartbeat: frame({ type: "ping" }),
  errorBody({ code, sentence, status, issues }, requestId) {
    const type = STATUS_TYPES[status] ?? (status < 500 ? "invalid_request_error" : "api_error");
    return { type: "error", error: { type, message: sentence, code, issues }, request_id: requestId };
  },
  errorStatus: (body) => ERROR_STATUS[String((body["error"] as Json | undefined)?.["type"])] ?? 500,
};
