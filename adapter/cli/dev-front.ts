// The address that stays while versions come and go: passes each request on to the version that serves, and its answer
// back as it comes. A caller that leaves and an answer that breaks off are passed on too.

import { type IncomingMessage, request as send, type ServerResponse } from "node:http";
import { type Answered, type Listening, listen } from "../local/listen.ts";

export interface FrontOptions {
  readonly port: number;
  /** Of the version that serves; rejects with what to tell the caller. */
  readonly target: () => Promise<number>;
  readonly onAnswer: (answered: Answered) => void;
  /** Why the version that serves did not answer. */
  readonly onError: (error: Error) => void;
}

/** What belongs to one connection, and not to the message. Source: RFC 9110 7.6.1. */
const HOP_BY_HOP = ["connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade", "expect"];

/** Rejects with the system's own error when the port is taken (`EADDRINUSE`) or forbidden. */
export const startFront = (options: FrontOptions): Promise<Listening> =>
  listen((request, response) => void pass(request, response, options), options);

async function pass(
  request: IncomingMessage,
  response: ServerResponse,
  options: FrontOptions,
): Promise<void> {
  const { method = "GET", url: path = "/" } = request;
  try {
    const port = await options.target();
    const headers = withoutHops(request.headers);
    const upstream = send({ host: "127.0.0.1", port, method, path, headers, agent: false });
    response.once("close", () => upstream.destroy());
    request.pipe(upstream);
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      upstream.once("response", resolve).on("error", reject);
    });
    response.writeHead(answer.statusCode ?? 502, withoutHops(answer.headers));
    response.flushHeaders();
    answer.on("error", () => response.destroy());
    answer.pipe(response);
  } catch (error) {
    if (response.destroyed) return;
    options.onError(error as Error);
    refuse(response, error as Error & { code?: string });
  }
}

function refuse(
  response: ServerResponse,
  { code = "SERVER_ENDED", message }: Error & { code?: string },
): void {
  const body = JSON.stringify({ error: { code, message } });
  response.writeHead(502, { "content-type": "application/json" }).end(body);
}

function withoutHops(headers: IncomingMessage["headers"]): IncomingMessage["headers"] {
  const kept = { ...headers };
  for (const name of HOP_BY_HOP) delete kept[name];
  return kept;
}
