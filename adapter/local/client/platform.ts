// The function's end of the Runtime API: three requests over one kept connection, as text and headers. Streamed
// responses have their own connection (response-stream.ts), because /next may be asked while one is still ending.
// Source: docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html and aws-lambda-ric 4.0.2 (RAPIDClient).

import { Agent, type IncomingHttpHeaders, request as httpRequest } from "node:http";
import { type ErrorDocument, toErrorDocument } from "./errors.ts";

const BASE = "/2018-06-01/runtime";

export interface Platform {
  readonly host: string;
  readonly port: number;
  /** Waits without a limit: the process may be frozen meanwhile. */
  next(): Promise<{ readonly headers: IncomingHttpHeaders; readonly body: string }>;
  /** The path of this invocation's response, for a streamed one. */
  responsePath(id: string): string;
  /** The status of the answer is ignored, as AWS's client does: a refused response is the platform's to report. */
  postResponse(id: string, json: string): Promise<void>;
  postError(id: string, error: unknown): Promise<void>;
  postInitError(error: unknown): Promise<void>;
}

/** @param address `host:port`, as in AWS_LAMBDA_RUNTIME_API */
export function connectPlatform(address: string): Platform {
  const [host = "", port = ""] = address.split(":");
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });

  const send = (method: string, path: string, body?: string, headers: Record<string, string> = {}) =>
    new Promise<{ headers: IncomingHttpHeaders; body: string }>((resolve, reject) => {
      const request = httpRequest({ host, port, agent, method, path: BASE + path, headers }, (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.on("error", reject);
        response.on("end", () =>
          resolve({ headers: response.headers, body: Buffer.concat(parts).toString() }),
        );
      });
      request.on("error", reject);
      request.end(body);
    });

  const post = async (path: string, body: string, headers: Record<string, string> = {}): Promise<void> => {
    const length = String(Buffer.byteLength(body));
    await send("POST", path, body, {
      "content-type": "application/json",
      "content-length": length,
      ...headers,
    });
  };

  return {
    host,
    port: Number(port),
    next: () => send("GET", "/invocation/next"),
    responsePath: (id) => `${BASE}/invocation/${encodeURIComponent(id)}/response`,
    postResponse: (id, json) => post(`/invocation/${encodeURIComponent(id)}/response`, json),
    postError: (id, error) =>
      post(`/invocation/${encodeURIComponent(id)}/error`, errorJson(toErrorDocument(error))),
    async postInitError(error) {
      const document = toErrorDocument(error);
      await post("/init/error", errorJson(document), {
        "Lambda-Runtime-Function-Error-Type": document.errorType,
      });
    },
  };
}

function errorJson(document: ErrorDocument): string {
  return JSON.stringify(document);
}
