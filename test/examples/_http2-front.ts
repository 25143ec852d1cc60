// What stands before a function URL or a container where callers come by HTTP/2: a load balancer or a CDN, which speaks
// HTTP/2 to them and HTTP/1.1 to what is behind it. Without TLS, as within a network that trusts itself.

import { once } from "node:events";
import { createServer, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import { request } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream/promises";

export interface Http2Front {
  readonly url: string;
  close(): Promise<void>;
}

/** @param origin the URL of what is behind it */
export async function startHttp2Front(origin: string): Promise<Http2Front> {
  const sessions = new Set<{ destroy(): void }>();
  const server = createServer((incoming, outgoing) => {
    forward(incoming, outgoing, origin).catch(() => outgoing.stream.destroy());
  });
  server.on("session", (session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      for (const session of sessions) session.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** Of HTTP/2 alone, or of one connection: not forwarded. */
const HOP = /^(:.*|connection|keep-alive|transfer-encoding|upgrade)$/;

async function forward(
  incoming: Http2ServerRequest,
  outgoing: Http2ServerResponse,
  origin: string,
): Promise<void> {
  const { method, url, headers } = incoming;
  const kept = Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP.test(name)));
  const behind = request(new URL(url, origin), { method, headers: kept });
  const [[answer]] = await Promise.all([once(behind, "response"), pipeline(incoming, behind)]);
  for (const [name, value] of Object.entries(answer.headers)) {
    if (!HOP.test(name)) outgoing.setHeader(name, value as string);
  }
  outgoing.writeHead(answer.statusCode);
  await pipeline(answer, outgoing);
}
