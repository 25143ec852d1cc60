// An HTTP server of this machine that has as much time as a model takes, tells of each answer, and breaks off whatever is
// under way when it closes. What a request is answered with is not its own: see function-url.ts and cli/dev-front.ts.

import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";

/** An address that is answered. */
export interface Listening {
  /** Without a trailing slash. */
  readonly url: string;
  close(): Promise<void>;
}

/** After each answer. `status` is what the client saw; `ms` from the request's head to the answer's end. */
export interface Answered {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly ms: number;
  readonly whole: boolean;
}

export interface ListenOptions {
  /** Default: any free one. */
  readonly port?: number;
  readonly host?: string;
  readonly onAnswer?: (answered: Answered) => void;
}

/** Rejects with the system's own error when the port is taken (`EADDRINUSE`) or forbidden. */
export async function listen(
  answer: RequestListener,
  { port = 0, host = "127.0.0.1", onAnswer }: ListenOptions,
): Promise<Listening> {
  const server = createServer((request, response) => {
    const startedAt = performance.now();
    const { method = "GET", url: path = "/" } = request;
    // A client that leaves is no error of ours.
    request.on("error", () => {});
    response.on("error", () => {});
    response.once("close", () => {
      const ms = performance.now() - startedAt;
      onAnswer?.({ method, path, status: response.statusCode, ms, whole: response.writableFinished });
    });
    answer(request, response);
  });
  // A model may think for minutes before its first byte.
  Object.assign(server, { timeout: 0, requestTimeout: 0 });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(port, host, resolve);
  });
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${taken}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
