// How the items of a stream become chunks: text, NDJSON, Server-Sent Events, or bytes as they are. Adding a wire format
// is adding one framing here. Source of the event format: WHATWG HTML, "Server-sent events".

import type { ErrorBody } from "./errors.ts";
import { encodeJson } from "./json.ts";

/** One way of writing a stream; keeps state, so each stream makes its own. */
export interface Framing {
  readonly contentType: string;
  encode(item: unknown): string | Uint8Array;
  /** The frame that says in-band that the stream failed; absent where the format has no room for one. */
  error?(body: ErrorBody): string;
}

/** Strings as they are; anything else as JSON. */
export function textFraming(): Framing {
  const whole = joinSurrogates();
  return {
    contentType: "text/plain; charset=utf-8",
    encode: (item) =>
      typeof item === "string" ? whole(item) : item instanceof Uint8Array ? item : encodeJson(item),
  };
}

/** One JSON value a line. */
export function ndjsonFraming(): Framing {
  return {
    contentType: "application/x-ndjson",
    encode: (item) => `${encodeJson(item)}\n`,
    error: (body) => `${encodeJson(body)}\n`,
  };
}

/** One event an item: strings as text, one `data:` line for each of theirs; anything else as JSON. */
export function sseFraming(): Framing {
  const whole = joinSurrogates();
  return {
    contentType: "text/event-stream; charset=utf-8",
    encode: (item) => toEvent(typeof item === "string" ? whole(item) : encodeJson(item)),
    error: (body) => `event: error\n${toEvent(encodeJson(body))}`,
  };
}

/** Bytes as they are, text as UTF-8. */
export function bytesFraming(): Framing {
  return { ...textFraming(), contentType: "application/octet-stream" };
}

/** What an SSE comment costs nobody and keeps proxies from closing a silent stream. */
export const SSE_HEARTBEAT = ": keep-alive\n\n";

function toEvent(data: string): string {
  const lines = data.includes("\n") || data.includes("\r") ? data.split(/\r\n|\r|\n/).join("\ndata: ") : data;
  return `data: ${lines}\n\n`;
}

// A model that cuts its text by UTF-16 unit may cut an emoji in two; each half alone would become U+FFFD in UTF-8.
function joinSurrogates(): (text: string) => string {
  let held = "";
  return (text) => {
    const joined = held + text;
    const last = joined.charCodeAt(joined.length - 1);
    held = last >= 0xd800 && last <= 0xdbff ? joined.slice(-1) : "";
    return held === "" ? joined : joined.slice(0, -1);
  };
}
