// Lambda function URLs and API Gateway HTTP APIs: payload format 2.0. Not: payload 1.0 (REST APIs), load balancers.
// Source: docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html; the shapes of @types/aws-lambda.

import type { Reply } from "../call.ts";
import type { HttpSource, Prelude } from "../contracts.ts";
import { type CarriedBody, readBody, toResultBody } from "./_http-event.ts";

/** What is read of a payload 2.0 event. */
interface FunctionUrlEvent extends CarriedBody {
  readonly rawPath: string;
  readonly rawQueryString?: string;
  /** Always there on AWS; absent where somebody writes an event by hand. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly cookies?: readonly string[];
  readonly requestContext: { readonly stage?: string; readonly http: { readonly method: string } };
  /** Of an authorizer's event. */
  readonly routeArn?: string;
}

const head = ({ status, headers, cookies }: Reply): Prelude => ({
  statusCode: status,
  headers,
  cookies: cookies?.length ? cookies : undefined,
});

const functionUrl = {
  kind: "http",
  name: "function-url",

  // Only payload 2.0 has requestContext.http; an authorizer is sent it as well, and answers with a policy.
  matches(event) {
    const { rawPath, requestContext, routeArn } = (event ?? {}) as Partial<FunctionUrlEvent>;
    return typeof rawPath === "string" && typeof requestContext?.http?.method === "string" && !routeArn;
  },

  toCall(event, origin) {
    const { rawPath, rawQueryString = "", headers, cookies, requestContext } = event;
    const { stage, http } = requestContext;
    return {
      method: http.method,
      path: withoutStage(rawPath, stage),
      query: rawQueryString,
      headers: cookies ? { ...headers, cookie: cookies.join("; ") } : (headers ?? {}),
      body: () => readBody(event),
      origin,
    };
  },

  // Always an envelope: without one, a model's own `statusCode` would be read as it.
  toResult: (reply) => ({ ...head(reply), ...toResultBody(reply.body) }),

  toPrelude: head,
} satisfies HttpSource<FunctionUrlEvent>;

export default functionUrl;

// An HTTP API with a named stage has it in the path, once.
function withoutStage(path: string, stage = "$default"): string {
  const prefix = `/${stage}`;
  if (stage === "$default" || !`${path}/`.startsWith(`${prefix}/`)) return path;
  return path.slice(prefix.length) || "/";
}
