// Lambda function URLs and API Gateway HTTP APIs: payload format 2.0. Not: payload 1.0 (REST APIs), load balancers.
// Source: docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html; the shapes of @types/aws-lambda.

import type { Call, Reply } from "../call.ts";
import type { HttpSource, Prelude } from "../contracts.ts";
import { toBase64 } from "../json.ts";

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

/** The result of a buffered handler. Always an envelope: without one, a model's own `statusCode` would be read as it. */
interface FunctionUrlResult extends Prelude {
  readonly body?: string;
  readonly isBase64Encoded: boolean;
}

const functionUrl: HttpSource<FunctionUrlEvent> = {
  kind: "http",
  name: "function-url",

  // VPC Lattice and custom-domain REST events have a rawPath too; only payload 2.0 has requestContext.http.
  matches(event) {
    const { rawPath, requestContext } = (event ?? {}) as Partial<FunctionUrlEvent>;
    return typeof rawPath === "string" && typeof requestContext?.http?.method === "string";
  },

  toCall(event, origin): Call {
    return {
      method: event.requestContext.http.method,
      path: withoutStage(event.rawPath, event.requestContext.stage),
      query: event.rawQueryString ?? "",
      headers:
        event.cookies === undefined ? event.headers : { ...event.headers, cookie: event.cookies.join("; ") },
      body: () => decode(event),
      origin,
    };
  },

  toResult(reply): FunctionUrlResult {
    const { body } = reply;
    const isBase64Encoded = body instanceof Uint8Array;
    return {
      ...head(reply),
      ...(body === undefined ? undefined : { body: isBase64Encoded ? toBase64(body) : (body as string) }),
      isBase64Encoded,
    };
  },

  toPrelude: head,
};

export default functionUrl;

function head({ status, headers, cookies }: Reply): Prelude {
  return cookies === undefined ? { statusCode: status, headers } : { statusCode: status, headers, cookies };
}

// An HTTP API with a named stage has it in the path, once.
function withoutStage(path: string, stage: string | undefined): string {
  if (stage === undefined || stage === "$default") return path;
  const prefix = `/${stage}`;
  if (path === prefix) return "/";
  return path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : path;
}

function decode({ body, isBase64Encoded }: FunctionUrlEvent): string | Uint8Array {
  if (!body) return "";
  return isBase64Encoded === true ? Buffer.from(body, "base64") : body;
}
