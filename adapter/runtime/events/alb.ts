// Application Load Balancers, with multi-value headers and without. Their limit is 1 MB both ways; a request over it
// does not arrive.
// Source: docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html.

import { STATUS_CODES } from "node:http";
import type { HttpSource } from "../contracts.ts";
import { ColdframeError } from "../errors.ts";
import {
  type CarriedBody,
  type Multi,
  readBody,
  toHeaders,
  toQuery,
  toResultBody,
  withCookies,
} from "./_http-event.ts";

/** What is read of a load balancer's event: the first map of each pair, or the second, as the target group has it. */
interface AlbEvent extends CarriedBody {
  readonly httpMethod: string;
  readonly path: string;
  readonly headers?: Multi;
  readonly multiValueHeaders?: Multi;
  readonly queryStringParameters?: Multi;
  readonly multiValueQueryStringParameters?: Multi;
  readonly requestContext: { readonly elb: { readonly targetGroupArn?: string } };
}

/** Of a result as JSON; the load balancer answers 502 beyond it. */
const MAX_RESULT_BYTES = 1024 * 1024;

const alb: HttpSource<AlbEvent> = {
  kind: "http",
  name: "alb",

  matches(event) {
    const { httpMethod, path, requestContext } = (event ?? {}) as Partial<AlbEvent>;
    return typeof httpMethod === "string" && typeof path === "string" && !!requestContext?.elb;
  },

  toCall(event, origin) {
    return {
      method: event.httpMethod,
      path: event.path,
      // Undecoded already.
      query: toQuery(event.multiValueQueryStringParameters ?? event.queryStringParameters, String),
      headers: toHeaders(event.multiValueHeaders ?? event.headers),
      body: () => readBody(event),
      origin,
    };
  },

  // In the form that the event came in: the load balancer reads no other.
  toResult(reply, { multiValueHeaders }) {
    const { status, headers, cookies } = reply;
    const lists = Object.entries(headers).map(([name, value]) => [name, [value]]);
    const result = {
      statusCode: status,
      statusDescription: `${status} ${STATUS_CODES[status] ?? "Unknown"}`,
      ...(multiValueHeaders
        ? {
            multiValueHeaders: {
              ...Object.fromEntries(lists),
              ...(cookies?.length && { "set-cookie": cookies }),
            },
          }
        : { headers: withCookies(reply) }),
      ...toResultBody(reply.body),
    };
    if (Buffer.byteLength(JSON.stringify(result)) > MAX_RESULT_BYTES) {
      throw new ColdframeError(
        "OUTPUT_TOO_LARGE",
        "the answer is over 1 MB, which is all that a load balancer takes of a function.",
        { fix: "A function URL takes 6 MB, and 200 MB with `index.stream` in RESPONSE_STREAM mode." },
      );
    }
    return result;
  },
};

export default alb;
