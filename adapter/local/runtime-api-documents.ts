// The documents of the Runtime API: what /next carries, how a POST is answered, taken or refused.
// Source: aws-lambda-runtime-interface-emulator, internal/lambda/rapi/rendering and handler/invocationnext.go.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Exchange } from "./outcome.ts";

/** What RAPID allows for a buffered response: 6 MB and 100 bytes. */
export const PAYLOAD_LIMIT_BYTES = 6 * 1024 * 1024 + 100;
export interface InvocationRequest {
  readonly id: string;
  /** The event's bytes. */
  readonly payload: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly deadline: number;
  readonly functionArn: string;
  readonly traceId: string;
  /** JSON texts; sent only when given. */
  readonly clientContext?: string | undefined;
  readonly cognitoIdentity?: string | undefined;
  readonly tenantId?: string | undefined;
}

/** The headers of a /next that hands out an invocation; optional ones only when they are given. */
export function toNextHeaders(request: InvocationRequest): Record<string, string> {
  const headers: Record<string, string> = {
    "Content-Type": "application/json",
    "Lambda-Runtime-Aws-Request-Id": request.id,
    "Lambda-Runtime-Deadline-Ms": String(request.deadline),
    "Lambda-Runtime-Invoked-Function-Arn": request.functionArn,
    "Lambda-Runtime-Trace-Id": request.traceId,
    "Content-Length": String(request.payload.length),
  };
  if (request.clientContext !== undefined) headers["Lambda-Runtime-Client-Context"] = request.clientContext;
  if (request.cognitoIdentity !== undefined)
    headers["Lambda-Runtime-Cognito-Identity"] = request.cognitoIdentity;
  if (request.tenantId !== undefined) headers["Lambda-Runtime-Aws-Tenant-Id"] = request.tenantId;
  return headers;
}

/** Keep a POST as it came, and hand it over when it is complete or broken. */
export function record(
  request: IncomingMessage,
  path: string,
  onExchange: (exchange: Exchange) => void,
): void {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.once("close", () => {
    const { rawHeaders, rawTrailers, complete } = request;
    onExchange({ path, rawHeaders, chunks, rawTrailers, complete });
  });
}

/** 202: the platform has taken it. */
export function accept(response: ServerResponse): void {
  answer(response, 202, { status: "OK" });
}

/** The rest of the request is read and thrown away, so that the answer gets through. */
export function refuse(
  response: ServerResponse,
  status: number,
  errorType: string,
  errorMessage: string,
): void {
  response.req.resume();
  answer(response, status, { errorMessage, errorType });
}

export function refuseTooLarge(response: ServerResponse): void {
  const message = `Exceeded maximum allowed payload size (${PAYLOAD_LIMIT_BYTES} bytes).`;
  refuse(response, 413, "RequestEntityTooLarge", message);
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "Content-Type": "application/json" }).end(`${JSON.stringify(body)}\n`);
}
