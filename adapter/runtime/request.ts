// The WHATWG Request of a call, for a model that asks for it; late code, since few do.

import type { Call } from "./call.ts";

/** Has the call's method, address, headers and body; aborts as the invocation does. */
export function toRequest({ method, path, query, headers, body, origin }: Call): Request {
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
