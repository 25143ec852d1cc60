// An HTTP server with files for tests of weights: it counts what it was asked, and does as it is told.

import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after } from "node:test";

/** What stands at a path: bytes, a status without them, or silence. */
export type Served = string | number | { readonly hangs: true };

export interface WeightsServer {
  /** Path -> what stands there; may be changed at any time. */
  readonly files: Map<string, Served>;
  /** `GET /a.bin`, in order. */
  readonly asked: string[];
  /** `authorization` of the last request. */
  authorization(): string | undefined;
  url(path: string): string;
}

/** Ends with the tests of the file. */
export async function startWeightsServer(files: Readonly<Record<string, Served>>): Promise<WeightsServer> {
  const served = new Map(Object.entries(files));
  const asked: string[] = [];
  let authorization: string | undefined;
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://h").pathname;
    asked.push(`${request.method} ${path}`);
    authorization = request.headers.authorization;
    answer(request, response, served.get(path) ?? 404);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    files: served,
    asked,
    authorization: () => authorization,
    url: (path) => `http://127.0.0.1:${port}${path}`,
  };
}

function answer(request: IncomingMessage, response: ServerResponse, served: Served): void {
  if (typeof served === "object") return;
  if (typeof served === "number") {
    response.writeHead(served, { "content-length": 0 }).end();
    return;
  }
  const body = Buffer.from(served);
  const headers = { etag: etagOf(served), "accept-ranges": "bytes" };
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  const [start, end] = [
    Number(range?.[1] ?? 0),
    Math.min(Number(range?.[2] || body.length - 1), body.length - 1),
  ];
  const part = range === null ? body : body.subarray(start, end + 1);
  response.writeHead(range === null ? 200 : 206, {
    ...headers,
    "content-length": part.length,
    ...(range !== null && { "content-range": `bytes ${start}-${end}/${body.length}` }),
  });
  response.end(request.method === "HEAD" ? undefined : part);
}

export function etagOf(body: string): string {
  return `"${createHash("md5").update(body).digest("hex")}"`;
}
