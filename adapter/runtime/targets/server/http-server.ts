// The node:http server itself: its limits, and what it answers when a request is not even HTTP. Who is connected is
// callers.ts, what is answered exchange.ts.
// Sources: nodejs.org/api/http.html; RFC 9112; AWS's Application Load Balancers keep idle connections for 60 s.

import { randomUUID } from "node:crypto";
import {
  createServer,
  type IncomingMessage,
  type Server,
  STATUS_CODES,
  type ServerResponse,
} from "node:http";
import type { Socket } from "node:net";
import { ColdframeError, errorBody } from "../../errors.ts";
import type { Callers } from "./callers.ts";

/** Longer than load balancers keep a connection: who closes first must be they, or a request meets a closed door. */
const KEEP_ALIVE_MS = 75_000;

/** Longer still, since balancers open connections ahead of requests. */
const HEADERS_MS = 80_000;

/** How often connections are held against it. */
const CHECK_MS = 5_000;

/** When a peer that is silent is asked, by TCP, whether it is still there; one that lost its network never says so. */
const PROBE_AFTER_MS = 30_000;

export interface HttpLimits {
  readonly keepAliveMs: number;
  readonly headersMs: number;
  readonly checkMs: number;
}

export const HTTP_LIMITS: HttpLimits = {
  keepAliveMs: KEEP_ALIVE_MS,
  headersMs: HEADERS_MS,
  checkMs: CHECK_MS,
};

/** @param expectsContinue see RFC 9110 10.1.1 */
export type OnRequest = (
  request: IncomingMessage,
  response: ServerResponse,
  expectsContinue: boolean,
) => void;

interface Connection extends Socket {
  _httpMessage?: ServerResponse | null;
}

/** For a refusal to be read while the caller still sends what it is refused for. */
const LINGER_MS = 2_000;

/** A server that listens nowhere yet. */
export function createHttpServer(
  onRequest: OnRequest,
  callers: Callers,
  limits: HttpLimits = HTTP_LIMITS,
): Server {
  const server = createServer({
    keepAlive: true,
    keepAliveInitialDelay: PROBE_AFTER_MS,
    keepAliveTimeout: limits.keepAliveMs,
    headersTimeout: limits.headersMs,
    connectionsCheckingInterval: limits.checkMs,
    // A body may take long as long as it comes: request-body.ts.
    requestTimeout: 0,
    // Told in our own words, as all else.
    requireHostHeader: false,
  });
  server.on("connection", (socket) => callers.connect(socket));
  server.on("request", (request, response) => onRequest(request, response, false));
  // Not answered with 100 before it is known that the body is wanted.
  server.on("checkContinue", (request, response) => onRequest(request, response, true));
  server.on("clientError", refuse);
  return server;
}

/** What the parser says, and what that is to a caller. */
const REFUSALS: Readonly<
  Record<string, readonly [status: number, code: "INPUT_TOO_LARGE" | "INPUT_TIMEOUT", message: string]>
> = {
  HPE_HEADER_OVERFLOW: [
    431,
    "INPUT_TOO_LARGE",
    "the head of the request is over 16 KB: send less in headers and query.",
  ],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, "INPUT_TOO_LARGE", "a chunk of the body has extensions over 16 KB."],
  ERR_HTTP_REQUEST_TIMEOUT: [408, "INPUT_TIMEOUT", "the request did not come in time."],
};

const refused = new WeakSet<Socket>();

function refuse(error: NodeJS.ErrnoException, socket: Connection): void {
  // The parser says it again of every packet that follows.
  if (refused.has(socket)) return;
  refused.add(socket);
  // Gone, or in the middle of an answer, where these bytes would be taken for its own.
  if (error.code === "ECONNRESET" || !socket.writable || socket._httpMessage?.headersSent) {
    socket.destroy();
    return;
  }
  const [status, code, message] = REFUSALS[error.code ?? ""] ?? [
    400,
    "INPUT_INVALID",
    "this is not HTTP/1.1.",
  ];
  const body = JSON.stringify(errorBody(new ColdframeError(code, message), randomUUID()));
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}
