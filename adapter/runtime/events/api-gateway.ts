// API Gateway REST APIs, BUFFERED and STREAM, and HTTP APIs that send payload format 1.0. Not: WebSocket APIs and
// authorizers, whose events look alike and whose results are of another kind.
// Sources: docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html and
// response-transfer-mode-lambda.html; localstack's recordings of AWS (tests/aws/services/apigateway) for what is escaped.

import type { Reply } from "../call.ts";
import type { HttpSource, Prelude } from "../contracts.ts";
import { ColdframeError } from "../errors.ts";
import { type CarriedBody, type Multi, readBody, toHeaders, toQuery, toResultBody } from "./_http-event.ts";

/** What is read of a payload 1.0 event. The console's test sends `null` for every map. */
interface ApiGatewayEvent extends CarriedBody {
  readonly httpMethod: string;
  /** As sent, without the stage; with the base path of a custom domain. */
  readonly path: string;
  /** `/models/{proxy+}` */
  readonly resource?: string;
  /** As sent: AWS does not decode them. */
  readonly pathParameters?: Readonly<Record<string, string>> | null;
  readonly headers?: Multi;
  readonly multiValueHeaders?: Multi;
  readonly queryStringParameters?: Multi;
  readonly multiValueQueryStringParameters?: Multi;
  readonly requestContext: { readonly stage: string; readonly connectionId?: string };
  /** Of an authorizer's event. */
  readonly methodArn?: string;
}

/** The prelude has to end, with its delimiter, within the first 16 KB of a stream; API Gateway answers 500 otherwise. */
const MAX_PRELUDE_BYTES = 16 * 1024;
const DELIMITER_BYTES = 8;

const apiGateway = {
  kind: "http",
  name: "api-gateway",
  // It hands on base64 as text unless its binaryMediaTypes say otherwise; it can compress by itself.
  compresses: false,

  matches(event) {
    const { httpMethod, path, requestContext, methodArn } = (event ?? {}) as Partial<ApiGatewayEvent>;
    return (
      typeof httpMethod === "string" &&
      typeof path === "string" &&
      typeof requestContext?.stage === "string" &&
      !requestContext.connectionId &&
      !methodArn
    );
  },

  toCall(event, origin) {
    return {
      method: event.httpMethod,
      path: withoutBasePath(event),
      // Decoded by API Gateway, `+` as a space: escaped again, so that whoever decodes it gets the same.
      query: toQuery({ ...event.queryStringParameters, ...event.multiValueQueryStringParameters }, (text) =>
        encodeURIComponent(`${text}`.toWellFormed()),
      ),
      // The first map has the last value of each name, the second has all.
      headers: toHeaders({ ...event.headers, ...event.multiValueHeaders }),
      body: () => readBody(event),
      origin,
    };
  },

  toResult: (reply) => ({ ...head(reply), ...toResultBody(reply.body) }),

  toPrelude(reply) {
    const prelude = head(reply);
    if (Buffer.byteLength(JSON.stringify(prelude)) + DELIMITER_BYTES > MAX_PRELUDE_BYTES) {
      throw new ColdframeError(
        "OUTPUT_TOO_LARGE",
        "the headers of the answer are over 16 KB, which is all that API Gateway takes before a stream.",
        { fix: "Send what is long in the body." },
      );
    }
    return prelude;
  },
} satisfies HttpSource<ApiGatewayEvent>;

export default apiGateway;

// No `cookies`: a result with a key that API Gateway does not know is 502, "Malformed Lambda proxy response".
function head({ status, headers, cookies }: Reply): Prelude {
  return {
    statusCode: status,
    headers,
    multiValueHeaders: cookies?.length ? { "set-cookie": cookies } : undefined,
  };
}

// The path of the resource is what the API's author wrote; a custom domain's base path, or a stage that it maps as a
// path, stands before it. Only `path` keeps a slash at its end.
function withoutBasePath({ path, resource, pathParameters }: ApiGatewayEvent): string {
  if (!resource) return path;
  const own = trimmed(
    resource.replace(/\{([^{}+]*)\+?\}/g, (_whole, name: string) => `${pathParameters?.[name]}`),
  );
  const whole = trimmed(path);
  return whole.endsWith(own) ? path.slice(whole.length - own.length) || "/" : path;
}

// The lookbehind keeps the time of a path of slashes linear.
function trimmed(path: string): string {
  return path.replace(/(?<!\/)\/+$/, "");
}
