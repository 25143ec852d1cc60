// VPC Lattice: event structure V2, whose headers and parameters are lists, and V1, which has other names and no context.
// Source: docs.aws.amazon.com/vpc-lattice/latest/ug/lambda-functions.html.

import type { HttpSource } from "../contracts.ts";
import { type Multi, readBody, toHeaders, toQuery, toResultBody, withCookies } from "./_http-event.ts";

interface V2 {
  readonly method: string;
  readonly path: string;
  readonly headers?: Multi;
  readonly queryStringParameters?: Multi;
  readonly body?: string | null;
  readonly isBase64Encoded?: boolean;
  readonly requestContext: { readonly serviceNetworkArn: string };
}

interface V1 {
  readonly method: string;
  readonly raw_path: string;
  readonly headers: Multi;
  readonly query_string_parameters?: Multi;
  readonly body?: string | null;
  readonly is_base64_encoded?: boolean;
}

const vpcLattice: HttpSource<V1 | V2> = {
  kind: "http",
  name: "vpc-lattice",

  matches(event) {
    const { method, path, requestContext, raw_path, headers } = (event ?? {}) as Partial<V1 & V2>;
    if (typeof method !== "string") return false;
    return typeof requestContext?.serviceNetworkArn === "string"
      ? typeof path === "string"
      : typeof raw_path === "string" && typeof headers === "object";
  },

  toCall(event, origin) {
    const isV1 = "raw_path" in event;
    const parameters = isV1 ? event.query_string_parameters : event.queryStringParameters;
    // The query is in the path as well, as it was sent.
    const [path = "", ...query] = (isV1 ? event.raw_path : event.path).split("?");
    return {
      method: event.method,
      path,
      query: query.join("?") || toQuery(parameters, escaped),
      headers: toHeaders(event.headers),
      body: () =>
        readBody({
          body: event.body,
          isBase64Encoded: isV1 ? event.is_base64_encoded : event.isBase64Encoded,
        }),
      origin,
    };
  },

  // Both versions are answered in the same way.
  toResult: (reply) => ({
    statusCode: reply.status,
    headers: withCookies(reply),
    ...toResultBody(reply.body),
  }),
};

export default vpcLattice;

// Whether parameters are decoded is not documented: what is an escape stays one, what cannot stand in a query becomes one.
function escaped(text: string): string {
  return `${text}`
    .toWellFormed()
    .replace(/%(?![\dA-Fa-f]{2})|[^\w%.~!$'()*+,;:@/?-]/gu, (character) => encodeURIComponent(character));
}
