// What OpenAI's clients expect of every route: events, errors and their statuses.
// Source: core/streaming.ts, core/error.ts and client.ts of the `openai` package 7; the guide "Error codes" of
// platform.openai.com/docs.

import type { ColdframeError } from "../errors.ts";
import { encodeJson } from "../json.ts";
import type { Json, Vendor } from "./_draft.ts";

const STATUS_TYPES: Readonly<Record<number, string>> = {
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  429: "rate_limit_error",
};

const typeOf = (status: number): string =>
  STATUS_TYPES[status] ?? (status < 500 ? "invalid_request_error" : "server_error");

/** Our error with the keys that the SDK copies onto its own: `type`, `param` and `code`. */
export function errorFields({ code, sentence, status, issues }: ColdframeError): Json {
  return { message: sentence, type: typeOf(status), param: issues?.[0]?.path || null, code };
}

export const openai: Vendor = {
  frame: (event) => `data: ${encodeJson(event)}\n\n`,
  lastFrame: "data: [DONE]\n\n",
  errorBody: (error, requestId) => ({
    error: { ...errorFields(error), request_id: requestId, issues: error.issues },
  }),
  // vLLM and its like give the status as the code; OpenAI itself says it only in the type.
  errorStatus(body) {
    const { code, type } = (body["error"] ?? body) as Json;
    if (typeof code === "number" && code >= 400 && code < 600) return code;
    const named = Object.entries(STATUS_TYPES).find(([, name]) => name === type)?.[0];
    return Number(named ?? (type === "invalid_request_error" ? 400 : 500));
  },
};
