// How the items of a stream become chunks: text, NDJSON, Server-Sent Events, or bytes as they are. Adding a wire format
// is adding one framing here. Source of the event format: WHATWG HTML, "Server-sent events".

import type { Chunk } from "./call.ts";
import type { ErrorBody } from "./errors.ts";
import { encodeJson } from "./json.ts";

export const JSON_TYPE = "application/json";
export const TEXT_TYPE = "text/plain; charset=utf-8";
export const BYTES_TYPE = "application/octet-stream";
export const SSE_TYPE = "text/event-stream; charset=utf-8";

/** One way of writing a stream; keeps state, so each stream makes its own. */
export interface Framing {
  readonly contentType: string;
  encode(item: unknown): Chunk;
  /** The frame that says in-band that the stream failed; absent where the format has no room for one. */
  error?(body: ErrorBody): Chunk;
}

/** Strings as they are, bytes as they are; anything else as JSON. */
export function textFraming(contentType = TEXT_TYPE): Framing {
  const toText = textEncoder();
  return { contentType, encode: (item) => (item instanceof Uint8Array ? item : toText(item)) };
}

/** One JSON value a line. */
export function ndjsonFraming(): Framing {
  const encode = (item: unknown) => `${encodeJson(item)}\n`;
  return { contentType: "application/x-ndjson", encode, error: encode };
}

/** One event an item: strings as text, one `data:` line for each of theirs; anything else as JSON. */
export function sseFraming(): Framing {
  const toText = textEncoder();
  const encode = (item: unknown) => `data: ${toText(item).replace(/\r\n?|\n/g, "\ndata: ")}\n\n`;
  return { contentType: SSE_TYPE, encode, error: (body) => `event: error\n${encode(body)}` };
}

// A model that cuts its text by UTF-16 unit may cut an emoji in two; each half alone would become U+FFFD in UTF-8.
function textEncoder(): (item: unknown) => string {
  let held = "";
  return (item) => {
    if (typeof item !== "string") return encodeJson(item);
    const text = held + item;
    held = /[\ud800-\udbff]$/.exec(text)?.[0] ?? "";
    return text.slice(0, text.length - held.length);
  };
}
