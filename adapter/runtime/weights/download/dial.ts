// Opens sockets to origins: to one of the addresses of a name, through a proxy where the environment has one, with TLS
// where the URL says so. What is read from the socket is the caller's; see download/connection.ts.

import { connect, isIP, type OnReadOpts, type Socket } from "node:net";
import * as tls from "node:tls";
import { Addresses } from "./addresses.ts";
import { formatConnect, parseHead, toWireError, WireError } from "./http.ts";
import { hostOf, portOf, proxyAuthorization, proxyFor } from "./proxy.ts";
import type { Timing } from "./timing.ts";
import { secureContext } from "./trust.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** For the first connection to a name with addresses of both families. */
const UNSURE_MS = 500;
const MAX_CONNECT_HEAD_BYTES = 16_384;
/** Makes connected sockets, and remembers what makes the next ones quicker: addresses, TLS sessions. */
export class Dialer {
  readonly #environment: Environment;
  readonly #timing: Timing;
  readonly #addresses: Addresses;
  readonly #sessions = new Map<string, Buffer>();
  readonly #dialing = new Set<Socket>();
  #context: tls.SecureContext | undefined;

  constructor(environment: Environment, timing: Timing) {
    this.#environment = environment;
    this.#timing = timing;
    this.#addresses = new Addresses(timing.headMs);
  }

  /** The proxy that forwards plain HTTP for `url`: requests then name the whole URL. */
  forwarder(url: URL): URL | undefined {
    return url.protocol === "http:" ? proxyFor(url, this.#environment) : undefined;
  }

  /** @throws WireError; ColdframeError for settings that cannot be used */
  async dial(url: URL, onread: OnReadOpts): Promise<Socket> {
    const proxy = proxyFor(url, this.#environment);
    if (!proxy) return this.#reach(url, url.protocol === "https:", onread);
    if (url.protocol === "http:") return this.#reach(proxy, proxy.protocol === "https:", onread);
    const tunnel = await this.#reach(proxy, proxy.protocol === "https:", undefined);
    await this.#within(tunnel, this.#timing.connectMs, "the proxy's answer", (resolve, reject) =>
      askForTunnel(tunnel, url, proxy, resolve, reject),
    );
    const socket = await this.#secure(url, { socket: tunnel }, undefined, this.#timing.connectMs);
    readInto(socket, onread);
    return socket;
  }

  /** Ends what is being dialed. */
  close(): void {
    for (const socket of this.#dialing) socket.destroy();
  }

  async #reach(url: URL, secure: boolean, onread: OnReadOpts | undefined): Promise<Socket> {
    const name = hostOf(url);
    const lookup = this.#addresses.of(name);
    lookup.catch(() => {}); // awaited below, unless the settings cannot be used
    // The first one reads some 150 certificates, while the system looks the name up.
    if (secure) this.#trusted();
    const { candidates, unsure } = await lookup;
    let silent: number | undefined;
    let last: unknown;
    for (const candidate of candidates) {
      const { address, family } = candidate;
      if (family === silent) continue;
      // Where IPv6 is announced and leads nowhere, the other family should not have to wait for long.
      const short = unsure && silent === undefined;
      const limitMs = short ? Math.min(UNSURE_MS, this.#timing.connectMs) : this.#timing.connectMs;
      const to = { host: address, port: portOf(url) };
      try {
        const socket = secure
          ? await this.#secure(url, to, onread, limitMs)
          : await this.#plain(to, onread, limitMs);
        this.#addresses.worked(name, candidate);
        return socket;
      } catch (error) {
        last = error;
        this.#addresses.failed(candidate);
        if (!(error instanceof WireError) || error.fatal) throw error;
        if (error.code !== "TIMEOUT") continue;
        // A silent one has used up the time of this attempt.
        if (!short) throw error;
        silent = family;
      }
    }
    throw last;
  }

  /** @throws ColdframeError */
  #trusted(): tls.SecureContext {
    return (this.#context ??= secureContext(this.#environment));
  }

  #plain(
    to: { host: string; port: number },
    onread: OnReadOpts | undefined,
    limitMs: number,
  ): Promise<Socket> {
    const socket = connect({ ...to, noDelay: true, ...(onread && { onread }) });
    return this.#within(socket, limitMs, `a connection to ${to.host}`, (resolve) =>
      socket.once("connect", resolve),
    );
  }

  #secure(
    url: URL,
    to: { host: string; port: number } | { socket: Socket },
    onread: OnReadOpts | undefined,
    limitMs: number,
  ): Promise<Socket> {
    const name = hostOf(url);
    const key = url.host;
    const session = this.#sessions.get(key);
    const socket = tls.connect({
      ...to,
      // An address has no server name; the certificate is then checked against the address.
      ...(isIP(name) ? { host: name } : { servername: name }),
      ...("host" in to && { host: to.host }),
      ALPNProtocols: ["http/1.1"],
      secureContext: this.#trusted(),
      ...(session && { session }),
      ...(onread && { onread }),
    } as tls.ConnectionOptions);
    socket.setNoDelay(true);
    socket.on("session", (ticket) => this.#sessions.set(key, ticket));
    const secured = this.#within(socket, limitMs, `a TLS connection to ${name}`, (resolve) =>
      socket.once("secureConnect", resolve),
    );
    // Should the session be what was wrong, the next one starts without.
    return secured.catch((error: unknown) => {
      this.#sessions.delete(key);
      throw error;
    });
  }

  /** `socket`, once `start` has called `resolve`; destroyed when it has not after `limitMs`. */
  #within<S extends Socket>(
    socket: S,
    limitMs: number,
    what: string,
    start: (resolve: () => void, reject: (error: Error) => void) => void,
  ): Promise<S> {
    this.#dialing.add(socket);
    return new Promise<S>((resolve, reject) => {
      const timer = setTimeout(
        () => fail(new WireError("TIMEOUT", `no ${what} within ${limitMs} ms`)),
        limitMs,
      );
      const settle = () => {
        clearTimeout(timer);
        this.#dialing.delete(socket);
        socket.off("error", onError).off("close", onClose);
      };
      const fail = (error: Error) => {
        settle();
        // An error may still come after destroy() and would end the process.
        socket.on("error", () => {});
        socket.destroy();
        reject(error);
      };
      const onError = (error: Error) => fail(toWireError(error, what));
      const onClose = () => fail(new WireError("CUT", `${what} was closed`));
      socket.on("error", onError).on("close", onClose);
      start(() => {
        settle();
        resolve(socket);
      }, fail);
    });
  }
}

/** What `onread` does, which Node ignores for TLS over a socket that there was before. */
function readInto(socket: Socket, { buffer, callback }: OnReadOpts): void {
  socket.on("data", (chunk: Buffer) => {
    for (let at = 0; at < chunk.length && !socket.destroyed; ) {
      const room = typeof buffer === "function" ? buffer() : buffer;
      const count = Math.min(room.length, chunk.length - at);
      room.set(chunk.subarray(at, at + count));
      callback(count, room as Buffer);
      at += count;
    }
  });
}

function askForTunnel(
  socket: Socket,
  { hostname, port }: URL,
  proxy: URL,
  resolve: () => void,
  reject: (error: Error) => void,
): void {
  let text = "";
  const onData = (bytes: Buffer) => {
    text += bytes.toString("latin1");
    const end = text.indexOf("\r\n\r\n");
    if (end < 0 && text.length < MAX_CONNECT_HEAD_BYTES) return;
    // What follows is TLS: from here on the bytes are not ours.
    socket.off("data", onData).pause();
    try {
      const { status } = parseHead(text.slice(0, end));
      if (status === 200) return resolve();
      reject(new WireError("PROXY", `the proxy ${proxy.host} answered ${status} to CONNECT ${hostname}`));
    } catch (error) {
      reject(error as Error);
    }
  };
  socket.on("data", onData);
  socket.write(formatConnect(`${hostname}:${port || 443}`, proxyAuthorization(proxy)), "latin1");
}
