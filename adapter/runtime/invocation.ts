// What the model sees of one invocation. Whatever costs something to build (the signal, the Request, the log) is built
// when the model first asks for it.

import type { Call, Origin } from "./call.ts";
import { type Log, logWith } from "./log.ts";
import type { Invocation } from "./model.ts";

/** The Invocation of a call, or of a record of a source that is not HTTP. */
export function toInvocation(origin: Origin, call?: Call, event: unknown = origin.event): Invocation {
  const { id, source, deadline, tenantId, cancellation } = origin;
  let request: Request | undefined;
  let log: Log | undefined;
  return {
    id,
    source,
    deadline,
    tenantId,
    event,
    headers: call?.headers ?? {},
    get signal() {
      return cancellation.signal;
    },
    get request() {
      return (request ??= call && toRequest(call));
    },
    get log() {
      return (log ??= logWith({ request_id: id }));
    },
  };
}

function toRequest({ method, path, query, headers, body, origin }: Call): Request {
  // The host is the caller's word: what is no plain host name must neither fail the model nor become another host.
  const named = headers["x-forwarded-host"] ?? headers["host"] ?? "";
  const isHost = /^[\w.-]+(:\d+)?$/.test(named) && URL.canParse(`https://${named}`);
  // Request refuses a GET with a body, even with an empty one; and characters that HTTP cannot carry.
  const content = /^(GET|HEAD)$/.test(method) ? "" : body();
  // Joined and not resolved: `//evil.example` is a path.
  return new Request(`https://${isHost ? named : "localhost"}${path}${query && `?${query}`}`, {
    method,
    headers: Object.entries(headers).filter(([, value]) => /^[\t -~\x80-\xff]*$/.test(value)),
    body: content.length ? (content as BodyInit) : null,
    signal: origin.cancellation.signal,
  });
}
