// A scripted HTTP server for the tests of sources, and the access a source gets in them: real requests, short waits.

import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import type {
  Access,
  HttpSource,
  RemoteFile,
  WeightsEntry,
  WeightsSource,
} from "../../../adapter/runtime/weights/_contracts.ts";
import { createFetch } from "../../../adapter/runtime/weights/download/request.ts";

/** One request as it came. */
export interface Asked {
  readonly method: string;
  /** Path and query, as they were on the wire. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
}

export interface Said {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface ScriptedServer extends AsyncDisposable {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  readonly asked: Asked[];
}

/** Answers every request with what `answer` says; what it throws is a 500 with the message. */
export async function startServer(answer: (asked: Asked) => Said | Promise<Said>): Promise<ScriptedServer> {
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    request.resume();
    const path = request.url ?? "";
    const query = new URL(path, "http://any").searchParams;
    const one = { method: request.method ?? "", path, query, headers: request.headers };
    asked.push(one);
    let said: Said;
    try {
      said = await answer(one);
    } catch (error) {
      said = { status: 500, body: String(error) };
    }
    const { status = 200, headers = {}, body = "" } = said;
    const bytes = Buffer.from(body);
    const length = { "content-length": String(bytes.length) };
    // Only an answer to HEAD may speak of bytes that do not come.
    const framing = request.method === "HEAD" ? { ...length, ...headers } : { ...headers, ...length };
    if ("transfer-encoding" in headers) Reflect.deleteProperty(framing, "content-length");
    response.writeHead(status, framing);
    response.end(request.method === "HEAD" ? undefined : bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function makeAccess(
  environment: Access["environment"] = {},
  secrets: Readonly<Record<string, string>> = {},
): Access {
  return {
    environment,
    secret: async (name) => secrets[name],
    fetch: createFetch({ environment: {}, timing: { backoffMs: 1, maxBackoffMs: 2, maxRetryAfterMs: 5 } }),
  };
}

export const makeEntry = (entry: Partial<WeightsEntry> & { readonly source: string }): WeightsEntry => ({
  mount: "",
  ...entry,
});

export async function listAll(source: WeightsSource): Promise<RemoteFile[]> {
  const files: RemoteFile[] = [];
  for await (const page of source.list()) files.push(...page);
  return files;
}

/** @throws when a source is not one of HTTP */
export function overHttp(source: WeightsSource): HttpSource {
  if (source.kind !== "http") throw new Error(`${source.kind} is not http`);
  return source;
}
