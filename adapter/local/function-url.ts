// The function URL in front of a local Lambda: an HTTP server that makes an event of each request and an answer of each
// outcome. One thing differs from the cloud: there a function never learns that its client has left; here its response
// stream closes, because a laptop is where a model's `signal` gets tried out.

import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { answerFailure, answerHttp } from "./function-url-answer.ts";
import { toFunctionUrlEvent } from "./function-url-event.ts";
import { type LocalLambda, REQUEST_LIMIT_BYTES } from "./local-lambda.ts";
import { type FunctionError, functionError } from "./outcome.ts";

export interface FunctionUrlOptions {
  /** Asked for each request, so that `dev` can put a new one in place. */
  readonly lambda: () => LocalLambda | Promise<LocalLambda>;
  /** Default: any free one. */
  readonly port?: number;
  readonly host?: string;
  /** Why a request was answered with 502 or broken off: the client is not told. */
  readonly onError?: (error: FunctionError, request: { method: string; path: string }) => void;
  /** After each answer. `status` is what the client saw; `ms` from the request's head to the answer's end. */
  readonly onAnswer?: (answer: {
    method: string;
    path: string;
    status: number;
    ms: number;
    whole: boolean;
  }) => void;
}

export interface FunctionUrl {
  /** Without a trailing slash. */
  readonly url: string;
  close(): Promise<void>;
}

/** Rejects with the system's own error when the port is taken (`EADDRINUSE`) or forbidden. */
export async function startFunctionUrl(options: FunctionUrlOptions): Promise<FunctionUrl> {
  const host = options.host ?? "127.0.0.1";
  const server = createServer((request, response) => void serve(request, response, options));
  // A model may think for minutes before its first byte.
  Object.assign(server, { timeout: 0, requestTimeout: 0 });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(options.port ?? 0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  options: FunctionUrlOptions,
): Promise<void> {
  const startedAt = performance.now();
  const requestId = randomUUID();
  const about = { method: request.method ?? "GET", path: request.url ?? "/" };
  request.on("error", () => {});
  response.on("error", () => {});
  response.setHeader("x-amzn-requestid", requestId);
  response.once("close", () => {
    const ms = performance.now() - startedAt;
    options.onAnswer?.({ ...about, status: response.statusCode, ms, whole: response.writableFinished });
  });
  let error: FunctionError | undefined;
  try {
    const body = await readBody(request);
    if (body === undefined) {
      const message = `Request must be smaller than ${REQUEST_LIMIT_BYTES} bytes for the InvokeFunction operation`;
      error = functionError("RequestEntityTooLargeException", message);
      answerFailure(error, response);
    } else {
      const lambda = await options.lambda();
      const event = toFunctionUrlEvent(request, body, requestId);
      error = await answerHttp(await lambda.invoke(event, { requestId }), response);
    }
  } catch (cause) {
    if (request.destroyed && !request.complete) return;
    error = functionError("Sandbox.Failure", String(cause));
    if (response.headersSent) response.destroy();
    else answerFailure(error, response);
  }
  if (error !== undefined) options.onError?.(error, about);
}

/** `undefined` when it is over the limit; what is over is read and thrown away. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size <= REQUEST_LIMIT_BYTES) parts.push(part);
  }
  return size > REQUEST_LIMIT_BYTES ? undefined : Buffer.concat(parts);
}
