// The function URL in front of a local Lambda: an HTTP server that makes an event of each request and an answer of each
// outcome. One thing differs from the cloud: there a function never learns that its client has left; here its response
// stream closes, because a laptop is where a model's `signal` gets tried out.

import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { answerFailure, answerHttp } from "./function-url-answer.ts";
import { toFunctionUrlEvent } from "./function-url-event.ts";
import { type Listening, type ListenOptions, listen } from "./listen.ts";
import { type LocalLambda, REQUEST_LIMIT_BYTES } from "./local-lambda.ts";
import { type FunctionError, functionError } from "./outcome.ts";

export interface FunctionUrlOptions extends ListenOptions {
  /** Asked for each request, so that `dev` can put a new one in place. */
  readonly lambda: () => LocalLambda | Promise<LocalLambda>;
  /** Why a request was answered with 502 or broken off: the client is not told. */
  readonly onError?: (error: FunctionError, request: { method: string; path: string }) => void;
}

/** Rejects with the system's own error when the port is taken (`EADDRINUSE`) or forbidden. */
export const startFunctionUrl = (options: FunctionUrlOptions): Promise<Listening> =>
  listen((request, response) => void serve(request, response, options), options);

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  options: FunctionUrlOptions,
): Promise<void> {
  const requestId = randomUUID();
  const about = { method: request.method ?? "GET", path: request.url ?? "/" };
  response.setHeader("x-amzn-requestid", requestId);
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
