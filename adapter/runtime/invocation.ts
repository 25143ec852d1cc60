// What the model sees of one invocation. Whatever costs something to build (the signal, the Request, the log) is built
// when the model first asks for it.

import type { Call, Origin } from "./call.ts";
import { type Log, logWith } from "./log.ts";
import type { Invocation } from "./model.ts";

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});

/** The Invocation of a call, or of a record of a source that is not HTTP. */
export function toInvocation(origin: Origin, call?: Call, event: unknown = origin.event): Invocation {
  return new LazyInvocation(origin, call, event);
}

class LazyInvocation implements Invocation {
  readonly id: string;
  readonly source: string;
  readonly deadline: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly event: unknown;
  readonly tenantId: string | undefined;
  #origin: Origin;
  #call: Call | undefined;
  #request: Request | undefined;
  #log: Log | undefined;

  constructor(origin: Origin, call: Call | undefined, event: unknown) {
    this.id = origin.id;
    this.source = origin.source;
    this.deadline = origin.deadline;
    this.headers = call?.headers ?? NO_HEADERS;
    this.event = event;
    this.tenantId = origin.tenantId;
    this.#origin = origin;
    this.#call = call;
  }

  get signal(): AbortSignal {
    return this.#origin.cancellation.signal;
  }

  get request(): Request | undefined {
    if (this.#call !== undefined) this.#request ??= toRequest(this.#call);
    return this.#request;
  }

  get log(): Log {
    this.#log ??= logWith({ request_id: this.id });
    return this.#log;
  }
}

function toRequest(call: Call): Request {
  const host = call.headers["x-forwarded-host"] ?? call.headers["host"] ?? "localhost";
  // Joined and not resolved: the path is the caller's, and `//evil.example` must not become the host.
  const url = `https://${host}${call.path}${call.query === "" ? "" : `?${call.query}`}`;
  const body = call.method === "GET" || call.method === "HEAD" ? null : call.body();
  return new Request(url, {
    method: call.method,
    headers: call.headers,
    body: body === null || body.length === 0 ? null : (body as BodyInit),
    signal: call.origin.cancellation.signal,
  });
}
