// A reverse proxy in front of any S3 server that does to answers what networks and servers do to them: see _faults.ts.
// It speaks HTTP/1.1 over bare sockets, because an HTTP server would refuse to misbehave. Not a proxy in the sense of
// HTTP_PROXY; it forwards the Host header as it came, so that signatures hold.

import { Agent, type IncomingMessage, request as httpRequest } from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createSecureContext, TLSSocket } from "node:tls";
import { resetSocket } from "../../adapter/runtime/targets/server/reset-socket.ts";
import { type ChosenFault, chooseFault, type Fault, type FaultPlan, faultAnswer } from "./_faults.ts";
import { type Client, type RequestHead, sendAnswer, sendFault } from "./_proxy-answer.ts";

export interface FaultProxyOptions extends FaultPlan {
  /** Serve TLS with this certificate, as PEM; the server behind is still asked in plain HTTP. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** One request as it arrived; `at` is milliseconds of `Date.now()`, with fractions. */
export interface SeenRequest {
  readonly method: string;
  /** Without its query. */
  readonly path: string;
  readonly range: string | undefined;
  readonly at: number;
  readonly fault: Fault | undefined;
}

export interface FaultProxy {
  /** `http://127.0.0.1:PORT`, or https. */
  readonly url: string;
  readonly requests: readonly SeenRequest[];
  /** From now on this goes wrong, counted anew; what stalls is let go. */
  use(plan: FaultPlan): void;
  /** From now on everything is as the server has it; what stalls is let go. */
  calm(): void;
  close(): Promise<void>;
}

const STALL_MS = 30_000;
const SLOW_MS = 400;
const REFUSE_MS = 200;

/** @param target the server's URL; only its host and port count */
export async function startFaultProxy(target: string | URL, options: FaultProxyOptions): Promise<FaultProxy> {
  const { hostname, port } = new URL(target);
  const agent = new Agent({ keepAlive: true });
  const secureContext = options.tls && createSecureContext(options.tls);
  const requests: SeenRequest[] = [];
  const attempts = new Map<string, number>();
  const sockets = new Set<Socket>();
  let plan: FaultPlan = options;
  /** Aborted when another plan begins. */
  let during = new AbortController();
  let injected = 0;
  let server: Server | undefined;
  let reopening: NodeJS.Timeout | undefined;
  let closed = false;

  const listen = async (at: number): Promise<number> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server = createServer({ allowHalfOpen: true, noDelay: true }, accept)
      .once("error", reject)
      .listen(at, "127.0.0.1", resolve);
    await promise;
    return (server.address() as AddressInfo).port;
  };

  const ownPort = await listen(0);
  const url = `${secureContext ? "https" : "http"}://127.0.0.1:${ownPort}`;

  function accept(raw: Socket): void {
    sockets.add(raw);
    raw.on("close", () => sockets.delete(raw)).on("error", () => {});
    const socket = secureContext ? new TLSSocket(raw, { isServer: true, secureContext }) : raw;
    serve(socket, raw);
  }

  function serve(socket: Socket, raw: Socket): void {
    const gone = new AbortController();
    let unread: Buffer = Buffer.alloc(0);
    let busy = false;
    const client: Client = {
      socket,
      // Only the socket below TLS has a connection that can be reset.
      reset: () => (raw.destroyed ? undefined : resetSocket(raw, socket)),
      get released() {
        return AbortSignal.any([gone.signal, during.signal]);
      },
    };
    const next = async (): Promise<void> => {
      if (busy) return;
      const head = readHead(unread);
      if (head === undefined) return;
      unread = unread.subarray(head.bytes);
      busy = true;
      const goesOn = await answer(head, client).catch(() => false);
      busy = false;
      if (goesOn) await next();
      else socket.destroy();
    };
    socket
      .on("error", () => socket.destroy())
      .on("close", () => gone.abort())
      .on("end", () => socket.end())
      .on("data", (chunk: Buffer) => {
        unread = unread.length === 0 ? chunk : Buffer.concat([unread, chunk]);
        void next();
      });
  }

  /** Whether the connection may carry another request. */
  async function answer(head: RequestHead, client: Client): Promise<boolean> {
    const fault = choose(head);
    requests.push({
      method: head.method,
      path: head.path,
      range: head.range,
      at: performance.timeOrigin + performance.now(),
      fault: fault?.kind,
    });
    if (fault?.kind === "refuse") refuse();
    const times = { stallMs: plan.stallMs ?? STALL_MS, slowMs: plan.slowMs ?? SLOW_MS };
    const ready = fault && faultAnswer(fault.kind, `${url}${head.path}`);
    if (ready !== undefined) return sendAnswer(client, head.method, ready);
    const from = () => forward(head, fault);
    return sendFault(client, head, fault, times, from);
  }

  function choose(head: RequestHead): ChosenFault | undefined {
    if (injected >= (plan.max ?? Number.POSITIVE_INFINITY)) return undefined;
    const key = `${head.method} ${head.path} ${head.range ?? ""}`;
    const attempt = attempts.get(key) ?? 0;
    attempts.set(key, attempt + 1);
    const fault = chooseFault(plan, head, attempt);
    if (fault !== undefined) injected++;
    return fault;
  }

  function refuse(): void {
    if (reopening !== undefined) return;
    server?.close();
    reopening = setTimeout(() => {
      reopening = undefined;
      // Somebody else may have taken the port meanwhile: then it is refused for good, which is a fault as well.
      if (!closed) listen(ownPort).catch(() => {});
    }, plan.refuseMs ?? REFUSE_MS);
  }

  function forward(head: RequestHead, fault: ChosenFault | undefined): Promise<IncomingMessage> {
    const dropped = fault?.kind === "ignored-range" ? /^range$/i : undefined;
    const headers = head.headers.filter(([name]) => !dropped?.test(name)).flat();
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    httpRequest({ hostname, port, agent, method: head.method, path: head.target, headers }, resolve)
      .on("error", reject)
      .end(head.body);
    return promise;
  }

  function use(next: FaultPlan): void {
    plan = next;
    injected = 0;
    attempts.clear();
    during.abort();
    during = new AbortController();
  }

  return {
    url,
    requests,
    use,
    calm: () => use({ seed: 0, rate: 0 }),
    async close() {
      closed = true;
      during.abort();
      clearTimeout(reopening);
      for (const socket of sockets) socket.destroy();
      agent.destroy();
      const { promise, resolve } = Promise.withResolvers<void>();
      // Its error says that it was not listening.
      server?.close(() => resolve());
      await promise;
    },
  };
}

/** The first request in `bytes`, `undefined` while it is not all there. */
function readHead(bytes: Buffer): (RequestHead & { readonly bytes: number }) | undefined {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [first = "", ...lines] = bytes.toString("latin1", 0, end).split("\r\n");
  const [method = "", target = ""] = first.split(" ");
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  const header = (name: string) => headers.find(([key]) => key.toLowerCase() === name)?.[1];
  const start = end + 4;
  const length = Number(header("content-length") ?? 0);
  if (bytes.length < start + length) return undefined;
  return {
    method,
    target,
    path: target.split("?")[0] ?? "",
    range: header("range"),
    headers,
    body: bytes.subarray(start, start + length),
    bytes: start + length,
  };
}
