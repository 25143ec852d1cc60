// An HTTP request as a function URL hands it to the function: payload format 2.0.
// Source: docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html, "Request payload format".

import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";

const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
  "te",
  "trailer",
  "expect",
]);
const TEXT_TYPE =
  /^(text\/.*|application\/(json|javascript|xml|x-www-form-urlencoded|[^;]*\+(json|xml)))\s*(;.*)?$/i;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Payload 2.0; the fields that a public function URL has. */
export interface FunctionUrlEvent {
  readonly version: "2.0";
  readonly routeKey: "$default";
  readonly rawPath: string;
  readonly rawQueryString: string;
  readonly cookies?: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly queryStringParameters?: Readonly<Record<string, string>>;
  readonly requestContext: Readonly<Record<string, unknown>>;
  readonly body?: string;
  readonly isBase64Encoded: boolean;
}

/** @param requestId also the invocation's */
export function toFunctionUrlEvent(
  request: IncomingMessage,
  body: Buffer,
  requestId: string,
): FunctionUrlEvent {
  const { path, query } = splitTarget(request.url ?? "/");
  const headers = toHeaders(request, body);
  const cookies = valuesOf(request, "cookie").flatMap((value) =>
    value.split(/;\s*/).filter((part) => part !== ""),
  );
  const parameters = toParameters(query);
  // As a load balancer does: what is compressed is no text, whatever it is compressed of.
  const isText = TEXT_TYPE.test(headers["content-type"] ?? "") && headers["content-encoding"] === undefined;
  const now = new Date();
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath: path,
    rawQueryString: query,
    ...(cookies.length === 0 ? {} : { cookies }),
    headers,
    ...(parameters === undefined ? {} : { queryStringParameters: parameters }),
    requestContext: {
      accountId: "anonymous",
      apiId: "local",
      domainName: headers["host"],
      domainPrefix: "local",
      http: {
        method: request.method,
        path,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp: request.socket.remoteAddress,
        userAgent: headers["user-agent"],
      },
      requestId,
      routeKey: "$default",
      stage: "$default",
      time: toClf(now),
      timeEpoch: now.getTime(),
    },
    ...(body.length === 0 ? {} : { body: body.toString(isText ? "utf8" : "base64") }),
    isBase64Encoded: body.length > 0 && !isText,
  };
}

/** Undecoded, as sent; a proxy's absolute form loses its origin. */
function splitTarget(target: string): { path: string; query: string } {
  const origin = /^https?:\/\/[^/?]*/i.exec(target)?.[0] ?? "";
  const rest = target.slice(origin.length);
  const at = rest.indexOf("?");
  const path = at < 0 ? rest : rest.slice(0, at);
  return { path: path === "" ? "/" : path, query: at < 0 ? "" : rest.slice(at + 1) };
}

/** Lower-case names; a repeated header is joined with a comma; cookies are elsewhere. */
function toHeaders(request: IncomingMessage, body: Buffer): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    const name = (request.rawHeaders[i] ?? "").toLowerCase();
    if (name === "cookie" || HOP_BY_HOP.has(name)) continue;
    const value = request.rawHeaders[i + 1] ?? "";
    headers[name] = headers[name] === undefined ? value : `${headers[name]},${value}`;
  }
  if (body.length > 0) headers["content-length"] = String(body.length);
  headers["x-forwarded-for"] = request.socket.remoteAddress ?? "";
  headers["x-forwarded-port"] = String(request.socket.localPort ?? "");
  headers["x-forwarded-proto"] = "http";
  headers["x-amzn-trace-id"] ??=
    `Root=1-${randomBytes(4).toString("hex")}-${randomBytes(12).toString("hex")}`;
  return headers;
}

function valuesOf(request: IncomingMessage, name: string): string[] {
  return request.rawHeaders.filter((_, i, all) => i % 2 === 1 && all[i - 1]?.toLowerCase() === name);
}

/** Decoded; a repeated parameter is joined with a comma. */
function toParameters(query: string): Record<string, string> | undefined {
  const parameters: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(query)) {
    parameters[name] = parameters[name] === undefined ? value : `${parameters[name]},${value}`;
  }
  return Object.keys(parameters).length === 0 ? undefined : parameters;
}

/** `23/Nov/2026:10:36:00 +0000` */
function toClf(date: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${two(date.getUTCDate())}/${MONTHS[date.getUTCMonth()]}/${date.getUTCFullYear()}`;
  return `${day}:${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} +0000`;
}
