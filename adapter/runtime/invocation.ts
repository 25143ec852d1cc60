// What the model sees of one invocation. Whatever costs something to build (the signal, the Request, the log) is built
// when the model first asks for it.

import type { Call, Origin } from "./call.ts";
import { type Log, logWith } from "./log.ts";
import type { Invocation } from "./model.ts";

const NO_HEADERS = Object.freeze({});

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
    headers: call?.headers ?? NO_HEADERS,
    get signal() {
      return cancellation.signal;
    },
    get request() {
      request ??= call && toRequest(call);
      return request;
    },
    get log() {
      log ??= logWith({ request_id: id });
      return log;
    },
  };
}

function toRequest({ method, path, query, headers, body, origin }: Call): Request {
  // The host is the caller's word: what is no plain host name must neither fail the model nor become another host.
  const named = headers["x-forwarded-host"] ?? headers["host"] ?? "";
  const isHost = /^[\w.-]+(:\d+)?$/.test(named) && URL.canParse(`https://${named}`);
  const host = isHost ? named : "localhost";
  // Joined and not resolved: `//evil.example` is a path.
  const url = `https://${host}${path}${query && `?${query}`}`;
  // Request refuses a GET with a body, even with an empty one; and characters that HTTP cannot carry.
  const content = method === "GET" || method === "HEAD" ? "" : body();
  const fit = Object.entries(headers).filter(([, value]) => /^[\t -~\x80-\xff]*$/.test(value));
  const init = { method, headers: fit, signal: origin.cancellation.signal };
  return new Request(url, content.length === 0 ? init : { ...init, body: content as BodyInit });
}
