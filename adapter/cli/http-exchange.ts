// One HTTP request and its answer as it arrives, with the times a person wants to know. Not fetch: that gives up on a
// model that thinks for five minutes, and tidies away how an answer broke off.

import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { Refusal } from "./refusal.ts";

export interface HttpRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
  /** From the request's first byte; `first_byte` is the body's first. */
  readonly ms: { readonly first_byte: number; readonly total: number };
  /** What cut the body short. */
  readonly broken: Error | undefined;
}

/**
 * @param onChunk gets each piece of the body as it arrives, and is awaited; it knows the status
 * @throws CONNECTION_FAILED when there is no answer at all
 */
export async function exchange(
  url: URL,
  request: HttpRequest,
  onChunk: (chunk: Buffer, status: number) => Promise<void>,
): Promise<HttpAnswer> {
  const startedAt = performance.now();
  const elapsed = () => performance.now() - startedAt;
  const response = await send(url, request);
  const { statusCode: status = 0, headers } = response;
  const chunks: Buffer[] = [];
  let firstByte: number | undefined;
  let broken: Error | undefined;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      firstByte ??= elapsed();
      chunks.push(chunk);
      await onChunk(chunk, status);
    }
  } catch (error) {
    broken = error as Error;
  }
  const total = elapsed();
  return {
    status,
    headers,
    body: Buffer.concat(chunks),
    ms: { first_byte: firstByte ?? total, total },
    broken,
  };
}

function send(url: URL, { method, headers, body }: HttpRequest): Promise<IncomingMessage> {
  const length = body === undefined ? {} : { "content-length": String(body.length) };
  const open = url.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = open(url, { method, headers: { ...length, ...headers } }, resolve);
    request.on("error", (error: NodeJS.ErrnoException) => {
      const fix = "Check the address, and that something listens there.";
      reject(
        new Refusal("CONNECTION_FAILED", `${url.origin} did not answer: ${error.message || error.code}.`, {
          fix,
        }),
      );
    });
    request.end(body);
  });
}
