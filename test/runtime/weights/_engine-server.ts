// A server over raw sockets that does what a test tells it, right or wrong, byte by byte. Knows as much HTTP as it takes
// to read a GET.

import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { createServer as createTlsServer } from "node:tls";
import { CERTIFICATE, KEY } from "./_engine-certificate.ts";

export interface Received {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Which connection it came on, from 0. */
  readonly connection: number;
  /** How many came before it, on all connections. */
  readonly nth: number;
  readonly socket: Socket;
}

export interface ScriptedServer {
  readonly port: number;
  readonly origin: string;
  readonly requests: readonly Received[];
  /** How many connections there have been. */
  readonly connections: number;
  readonly sockets: ReadonlySet<Socket>;
}

/** Ends with the test. */
export async function startServer(
  t: TestContext,
  handle: (request: Received) => unknown,
  options: { tls?: boolean; host?: string; onConnection?: (socket: Socket, nth: number) => unknown } = {},
): Promise<ScriptedServer> {
  const { host = "127.0.0.1", tls = false, onConnection } = options;
  const requests: Received[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;

  function onSocket(socket: Socket): void {
    const connection = connections++;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => {});
    if (onConnection?.(socket, connection) === false) return;
    let text = "";
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1");
      for (let end = text.indexOf("\r\n\r\n"); end >= 0; end = text.indexOf("\r\n\r\n")) {
        const received = { ...parse(text.slice(0, end)), connection, nth: requests.length, socket };
        text = text.slice(end + 4);
        requests.push(received);
        handle(received);
      }
    });
  }

  const server: Server = tls
    ? createTlsServer({ cert: CERTIFICATE, key: KEY }, onSocket).on("tlsClientError", () => {})
    : createServer(onSocket);
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, host, resolve));
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    origin: `http${tls ? "s" : ""}://${host.includes(":") ? `[${host}]` : host}:${port}`,
    requests,
    sockets,
    get connections() {
      return connections;
    },
  };
}

function parse(text: string): Pick<Received, "method" | "path" | "headers"> {
  const [first = "", ...lines] = text.split("\r\n");
  const [method = "", path = ""] = first.split(" ");
  const headers: Record<string, string> = {};
  for (const line of lines)
    headers[line.slice(0, line.indexOf(":")).toLowerCase()] = line.slice(line.indexOf(":") + 1).trim();
  return { method, path, headers };
}

export interface RangeAnswer {
  readonly etag?: string;
  /** Instead of what is right. */
  readonly contentRange?: string;
  readonly contentLength?: number;
  /** Send no more of the body than this. */
  readonly cut?: number;
  /** More head, each line with its end. */
  readonly more?: string;
}

/** Which bytes a request is for. `end` is exclusive. */
export function rangeOf({ headers }: Received, size: number): { start: number; end: number; whole: boolean } {
  const match = /^bytes=(\d+)-(\d+)$/.exec(headers["range"] ?? "");
  if (!match) return { start: 0, end: size, whole: true };
  return { start: Number(match[1]), end: Number(match[2]) + 1, whole: false };
}

/** What an honest server answers, but for what `answer` says. */
export function sendRange(request: Received, content: Uint8Array, answer: RangeAnswer = {}): void {
  const { start, end, whole } = rangeOf(request, content.length);
  const { etag = '"v1"', contentRange = `bytes ${start}-${end - 1}/${content.length}`, more = "" } = answer;
  const body = content.subarray(start, end);
  const head = [
    whole ? "HTTP/1.1 200 OK" : "HTTP/1.1 206 Partial Content",
    `Content-Length: ${answer.contentLength ?? body.length}`,
    ...(whole ? [] : [`Content-Range: ${contentRange}`]),
    `ETag: ${etag}`,
  ];
  request.socket.write(`${head.join("\r\n")}\r\n${more}\r\n`);
  request.socket.write(answer.cut === undefined ? body : body.subarray(0, answer.cut));
}

/** A small answer with its length. */
export function send({ socket }: Received, status: string, body = "", more = ""): void {
  socket.write(`HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${more}\r\n${body}`);
}

/** A port of 127.0.0.1 that nobody listens on. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** Bytes that look like no others, the same at every run. */
export function bytesOf(length: number, seed = 1): Buffer {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = seed;
  for (let at = 0; at < words.length; at++) {
    // xorshift32
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[at] = state;
  }
  return Buffer.from(words.buffer, 0, length);
}
