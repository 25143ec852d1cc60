// The answer of a model that returns a Response of its own: its status and headers, and the body as it comes. Late code,
// since few do.

import type { Reply } from "./call.ts";
import type { Items } from "./stream.ts";

// Cookies leave apart. Hop-by-hop headers are the transport's; a length would be wrong once the platform frames the body.
const NOT_COPIED = /^(set-cookie|connection|content-length|keep-alive|transfer-encoding|upgrade)$/;

/** @param body the response's own, under the invocation's cancellation */
export function responseReply({ status, headers }: Response, body: Items<unknown> | undefined): Reply {
  return {
    status,
    headers: Object.fromEntries([...headers].filter(([name]) => !NOT_COPIED.test(name))),
    cookies: headers.getSetCookie(),
    body: body as AsyncIterable<Uint8Array> | undefined,
  };
}
