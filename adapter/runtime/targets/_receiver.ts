// How events are answered, on either of Lambda's wires: what lambda.ts asks, and _http.ts and _records.ts answer, one
// for each kind of event source. The generated entry names the kinds that a deployment has. Types only.

import type { Origin, Reply } from "../call.ts";
import type { Prelude } from "../contracts.ts";
import type { Environment } from "../routes.ts";

/** Takes the events of one source. */
export interface Receiver {
  /** The source's. */
  readonly name: string;
  matches(event: unknown): boolean;
  /** The result of the buffered handler. */
  buffered(event: unknown, origin: Origin): Promise<unknown>;
  /** What goes out on the response stream. */
  streamed(event: unknown, origin: Origin): Promise<StreamedAnswer>;
}

export interface StreamedAnswer {
  /** The prelude, or a content type where the body goes out without one. */
  readonly head: Prelude | string;
  readonly reply: Pick<Reply, "body" | "errorFrame">;
}

/** An event source as the entry names it: `http(functionUrl)`, `records(direct)`. */
export type CreateReceiver = (environment: Environment) => Receiver;
