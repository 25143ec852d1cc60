// An HTTP request as each HTTP source would carry it: what AWS makes of a request, by source, for suites that are about
// requests and not about documents. A new HTTP source needs its line here.

/** What a caller sends. */
export interface HttpRequest {
  readonly method: string;
  /** As sent, without the query. */
  readonly path: string;
  /** Names and values before they are escaped. */
  readonly query: readonly (readonly [name: string, value: string])[];
  /** In any case, a name as often as the caller likes; without cookies. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly cookies: readonly string[];
  /** A string is carried as text, bytes as base64; `undefined` when there is none. */
  readonly body: string | Uint8Array | undefined;
}

export const REQUEST: HttpRequest = {
  method: "POST",
  path: "/predict",
  query: [],
  headers: [["content-type", "application/json"]],
  cookies: [],
  body: '{"text":"hello"}',
};

type Pairs = readonly (readonly [string, string])[];

const text = (body: HttpRequest["body"]) =>
  body instanceof Uint8Array ? Buffer.from(body).toString("base64") : body;

const lower = (headers: Pairs): Pairs => headers.map(([name, value]) => [name.toLowerCase(), value]);

/** The query as a caller writes it. */
export const rawQuery = (query: Pairs): string => `${new URLSearchParams(query.map(([...pair]) => pair))}`;

/** Every value of a name. */
function lists(pairs: Pairs): Record<string, string[]> {
  const all = new Map<string, string[]>();
  for (const [name, value] of pairs) all.set(name, [...(all.get(name) ?? []), value]);
  return Object.fromEntries(all);
}

/** The last value of a name. */
const lasts = (pairs: Pairs): Record<string, string> => Object.fromEntries(pairs);

/** Every value of a name, as one. */
const joined = (pairs: Pairs): Record<string, string> =>
  Object.fromEntries(Object.entries(lists(pairs)).map(([name, values]) => [name, values.join(",")]));

/** Undecoded, as a load balancer has them. */
const escaped = (query: Pairs): Pairs =>
  query.map(([name, value]) => [encodeURIComponent(name), encodeURIComponent(value).replaceAll("%20", "+")]);

const orNull = (map: object) => (Object.keys(map).length > 0 ? map : null);

/** By source and variant; the part before the dot is the source's name. */
export const EVENTS: Readonly<Record<string, (request: HttpRequest) => unknown>> = {
  "function-url": ({ method, path, query, headers, cookies, body }) => ({
    version: "2.0",
    routeKey: "$default",
    rawPath: path,
    rawQueryString: rawQuery(query),
    ...(cookies.length > 0 && { cookies }),
    headers: joined(lower(headers)),
    requestContext: { stage: "$default", http: { method, path, protocol: "HTTP/1.1" } },
    ...(body !== undefined && { body: text(body) }),
    isBase64Encoded: body instanceof Uint8Array,
  }),

  "function-url.named-stage": ({ method, path, query, headers, cookies, body }) => ({
    version: "2.0",
    routeKey: "ANY /{proxy+}",
    rawPath: `/prod${path}`,
    rawQueryString: rawQuery(query),
    ...(cookies.length > 0 && { cookies }),
    headers: joined(lower(headers)),
    pathParameters: { proxy: path.slice(1) },
    requestContext: { stage: "prod", http: { method, path: `/prod${path}`, protocol: "HTTP/1.1" } },
    ...(body !== undefined && { body: text(body) }),
    isBase64Encoded: body instanceof Uint8Array,
  }),

  "api-gateway": (request) => restEvent(request, request.path),

  "api-gateway.base-path": (request) => restEvent(request, `/models/v1${request.path}`),

  alb: ({ method, path, query, headers, cookies, body }) => ({
    requestContext: { elb: { targetGroupArn: "arn:aws:elasticloadbalancing:eu-central-1:111122223333:x" } },
    httpMethod: method,
    path,
    queryStringParameters: lasts(escaped(query)),
    headers: { ...lasts(lower(headers)), ...(cookies.length > 0 && { cookie: cookies.join("; ") }) },
    body: text(body) ?? "",
    isBase64Encoded: body instanceof Uint8Array,
  }),

  "alb.multi-value": ({ method, path, query, headers, cookies, body }) => ({
    requestContext: { elb: { targetGroupArn: "arn:aws:elasticloadbalancing:eu-central-1:111122223333:x" } },
    httpMethod: method,
    path,
    multiValueQueryStringParameters: lists(escaped(query)),
    multiValueHeaders: { ...lists(lower(headers)), ...(cookies.length > 0 && { cookie: cookies }) },
    body: text(body) ?? "",
    isBase64Encoded: body instanceof Uint8Array,
  }),

  "vpc-lattice": ({ method, path, query, headers, cookies, body }) => ({
    version: "2.0",
    path,
    method,
    headers: { ...lists(lower(headers)), ...(cookies.length > 0 && { cookie: cookies }) },
    queryStringParameters: lists(escaped(query)),
    ...(body !== undefined && { body: text(body), isBase64Encoded: body instanceof Uint8Array }),
    requestContext: {
      serviceNetworkArn: "arn:aws:vpc-lattice:eu-central-1:111122223333:servicenetwork/sn-0",
      serviceArn: "arn:aws:vpc-lattice:eu-central-1:111122223333:service/svc-0",
    },
  }),

  "vpc-lattice.v1": ({ method, path, query, headers, cookies, body }) => ({
    raw_path: path,
    method,
    headers: { ...joined(lower(headers)), ...(cookies.length > 0 && { cookie: cookies.join("; ") }) },
    query_string_parameters: lasts(escaped(query)),
    ...(body !== undefined && { body: text(body) }),
    is_base64_encoded: body instanceof Uint8Array,
  }),
};

/** Variants that have only the last value of a parameter that is sent twice, or only of a header. */
export const LOSSY: readonly string[] = ["alb", "vpc-lattice.v1"];

function restEvent({ method, path, query, headers, cookies, body }: HttpRequest, eventPath: string): unknown {
  const all = [...headers, ...cookies.map((cookie) => ["Cookie", cookie] as const)];
  return {
    resource: "/{proxy+}",
    path: eventPath,
    httpMethod: method,
    headers: orNull(lasts(all)),
    multiValueHeaders: orNull(lists(all)),
    queryStringParameters: orNull(lasts(query)),
    multiValueQueryStringParameters: orNull(lists(query)),
    // AWS leaves out the slashes at its end.
    pathParameters: { proxy: path.slice(1).replace(/\/+$/, "") },
    stageVariables: null,
    requestContext: {
      stage: "prod",
      resourcePath: "/{proxy+}",
      httpMethod: method,
      path: `/prod${eventPath}`,
    },
    body: text(body) ?? null,
    isBase64Encoded: body instanceof Uint8Array,
  };
}
