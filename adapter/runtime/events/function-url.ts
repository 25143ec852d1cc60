// Lambda function URLs and API Gateway HTTP APIs: payload format 2.0. Not: payload 1.0 (REST APIs), load balancers.
// Source: docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html; the shapes of @types/aws-lambda.

import type { Reply } from "../call.ts";
import type { HttpSource, Prelude } from "../contracts.ts";
import { toBuffer } from "../json.ts";

/** What is read of a payload 2.0 event. */
interface FunctionUrlEvent {
  readonly rawPath: string;
  readonly rawQueryString?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly cookies?: readonly string[];
  /** Absent on AWS, and `null` from some who imitate it. */
  readonly body?: string | null;
  readonly isBase64Encoded?: boolean;
  readonly requestContext: { readonly stage?: string; readonly http: { readonly method: string } };
}

const head = ({ status, headers, cookies }: Reply): Prelude => ({
  statusCode: status,
  headers,
  cookies: cookies?.length ? cookies : undefined,
});

const functionUrl: HttpSource<FunctionUrlEvent> = {
  kind: "http",
  name: "function-url",

  // VPC Lattice and custom-domain REST events have a rawPath too; only payload 2.0 has requestContext.http.
  matches(event) {
    const { rawPath, requestContext } = (event ?? {}) as Partial<FunctionUrlEvent>;
    return typeof rawPath === "string" && typeof requestContext?.http?.method === "string";
  },

  toCall({ rawPath, rawQueryString = "", headers, cookies, body, isBase64Encoded, requestContext }, origin) {
    const { stage, http } = requestContext;
    return {
      method: http.method,
      path: withoutStage(rawPath, stage),
      query: rawQueryString,
      headers: cookies ? { ...headers, cookie: cookies.join("; ") } : headers,
      body: () => (body && isBase64Encoded ? Buffer.from(body, "base64") : (body ?? "")),
      origin,
    };
  },

  // Always an envelope: without one, a model's own `statusCode` would be read as it.
  toResult(reply) {
    const { body } = reply;
    const isBase64Encoded = body instanceof Uint8Array;
    return {
      ...head(reply),
      body: isBase64Encoded ? toBuffer(body).toString("base64") : body,
      isBase64Encoded,
    };
  },

  toPrelude: head,
};

export default functionUrl;

// An HTTP API with a named stage has it in the path, once.
function withoutStage(path: string, stage = "$default"): string {
  const prefix = `/${stage}`;
  if (stage === "$default" || !`${path}/`.startsWith(`${prefix}/`)) return path;
  return path.slice(prefix.length) || "/";
}
