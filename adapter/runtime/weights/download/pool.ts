// The connections of one thread: an idle one for a request where there is one, a new one otherwise. Knows when a
// failure is only an idle connection that the server had closed. How many are used at once is not decided here.

import { Connection } from "./connection.ts";
import type { Exchange, Outcome } from "./exchange.ts";
import { Dialer } from "./dial.ts";
import { formatRequest, WireError } from "./http.ts";
import { proxyAuthorization } from "./proxy.ts";
import type { Timing } from "./timing.ts";

/** S3 closes what has been idle for 5 s; other servers sooner, which the free retry is for. */
const MAX_IDLE_MS = 4000;
/** Of one origin. */
const MAX_IDLE = 128;

/** A hold on an exchange while it goes on. */
export class Ticket {
  #connection: Connection | undefined;
  #reason: Error | undefined;

  /** The exchange fails with `reason`; at the end of its dialing, if it has not got further. */
  cancel(reason: Error): void {
    this.#reason ??= reason;
    this.#connection?.destroy(this.#reason);
  }

  /** @throws the reason it was cancelled for */
  hold(connection: Connection): void {
    this.#connection = connection;
    if (this.#reason) {
      connection.destroy(this.#reason);
      throw this.#reason;
    }
  }
}

export class Pool {
  readonly #timing: Timing;
  readonly #dialer: Dialer;
  readonly #idle = new Map<string, Connection[]>();
  readonly #busy = new Set<Connection>();
  #closed: Error | undefined;

  constructor(environment: Readonly<Record<string, string | undefined>>, timing: Timing) {
    this.#timing = timing;
    this.#dialer = new Dialer(environment, timing);
  }

  /**
   * Sends a request and takes its answer. An idle connection that turns out to be closed is replaced without a word.
   * @param on a connection from `open`, or "new" to have nothing to do with the last one
   * @throws WireError, what the sink throws, the ticket's reason
   */
  async exchange(
    exchange: Exchange,
    { ticket = new Ticket(), on }: { ticket?: Ticket | undefined; on?: Connection | "new" | undefined } = {},
  ): Promise<Outcome> {
    const forwarder = this.#dialer.forwarder(exchange.url);
    const authorization = forwarder && proxyAuthorization(forwarder);
    const headers = authorization
      ? { ...exchange.headers, "proxy-authorization": authorization }
      : exchange.headers;
    const head = formatRequest(exchange.method, exchange.url, headers, forwarder !== undefined);
    let connection = on instanceof Connection ? on : on === "new" ? undefined : this.#takeIdle(exchange.url);
    for (;;) {
      connection ??= await this.open(exchange.url);
      ticket.hold(connection);
      this.#busy.add(connection);
      const reused = connection.used;
      try {
        return await connection.exchange(exchange, head);
      } catch (error) {
        if (!reused || !connection.brokeSilent || !(error instanceof WireError) || error.code === "TIMEOUT") {
          throw error;
        }
      } finally {
        this.#busy.delete(connection);
        this.release(connection);
      }
      connection = undefined;
    }
  }

  /** A new connection. @throws WireError */
  async open(url: URL): Promise<Connection> {
    if (this.#closed) throw this.#closed;
    const connection = new Connection(url.origin, this.#timing);
    connection.attach(await this.#dialer.dial(url, connection.onread));
    // Closed while it was being dialed.
    if (this.#closed) connection.destroy(this.#closed);
    return connection;
  }

  /** For another request, when it can take one. */
  release(connection: Connection): void {
    if (!connection.usable) return;
    if (this.#closed) return connection.destroy(this.#closed);
    const idle = this.#idle.get(connection.origin) ?? [];
    this.#idle.set(connection.origin, idle);
    if (idle.length >= MAX_IDLE)
      return connection.destroy(new WireError("CUT", "there are enough idle ones"));
    connection.unref();
    idle.push(connection);
  }

  /** Every exchange fails with `reason`, and no connection is used again. */
  reset(reason: Error): void {
    for (const connection of this.#busy) connection.destroy(reason);
    for (const connections of this.#idle.values()) for (const idle of connections) idle.destroy(reason);
    this.#idle.clear();
    this.#dialer.close();
  }

  close(reason: Error): void {
    this.#closed = reason;
    this.reset(reason);
  }

  #takeIdle(url: URL): Connection | undefined {
    const idle = this.#idle.get(url.origin);
    for (let connection = idle?.pop(); connection; connection = idle?.pop()) {
      if (connection.usable && performance.now() - connection.idleSince < MAX_IDLE_MS) return connection;
      connection.destroy(new WireError("CUT", "it was idle for too long"));
    }
    return undefined;
  }
}
