// Who is connected, and what is being done for whom. A caller that leaves cancels it; at the end of the server, so does
// the shutdown.

import type { Socket } from "node:net";
import type { Cancellation } from "../../call.ts";
import { ColdframeError } from "../../errors.ts";

const LIVE = Symbol("live");

interface Connection extends Socket {
  /** What is being done for it; more than one only for callers that send ahead. */
  [LIVE]?: Cancellation[];
}

/** All connections of a server. */
export class Callers {
  readonly #connections = new Set<Connection>();
  #inFlight = 0;

  /** Calls that are being answered. */
  get inFlight(): number {
    return this.#inFlight;
  }

  connect(socket: Connection): void {
    const live: Cancellation[] = [];
    socket[LIVE] = live;
    this.#connections.add(socket);
    const leave = () => {
      if (live.length > 0) cancelAll(live, new ColdframeError("CANCELLED", "the caller left."));
    };
    // A caller that closes its half will not read on: node:http closes the other half with it.
    socket.on("end", leave).on("close", () => {
      leave();
      this.#connections.delete(socket);
    });
  }

  /** A call begins, which ends with its connection at the latest. */
  begin(socket: Connection, cancellation: Cancellation): void {
    this.#inFlight++;
    socket[LIVE]?.push(cancellation);
  }

  end(socket: Connection, cancellation: Cancellation): void {
    this.#inFlight--;
    const live = socket[LIVE] ?? [];
    const at = live.indexOf(cancellation);
    if (at === live.length - 1) live.pop();
    else if (at >= 0) live.splice(at, 1);
  }

  /** End every call that is in flight. */
  cancel(reason: Error): void {
    for (const { [LIVE]: live = [] } of this.#connections) cancelAll(live, reason);
  }
}

// A copy: what is cancelled ends, and leaves the list.
function cancelAll(live: readonly Cancellation[], reason: Error): void {
  for (const cancellation of [...live]) cancellation.cancel(reason);
}
