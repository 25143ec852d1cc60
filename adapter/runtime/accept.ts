// What the caller accepts decides how a stream leaves. Source: RFC 9110 12.5.1.

import { JSON_TYPE, SSE_TYPE } from "./frames.ts";

type Headers = Readonly<Record<string, string>>;

/** How a stream is to be written: in the format of its items, as events, or gathered into one JSON document. */
export type StreamFormat = "natural" | "sse" | "json";

/**
 * Choose for a stream whose items would leave as `natural`, a media type. Events only when they are named; one document
 * only when neither events nor the natural format would do, since it makes the caller wait; and never for the OpenAI
 * SDKs, which ask for JSON and read a stream.
 */
export function chooseFormat(headers: Headers, natural: string): StreamFormat {
  if ((headers["accept"] ?? "*/*") === "*/*") return "natural";
  const sse = quality(headers, SSE_TYPE, true);
  const own = quality(headers, natural);
  const json = quality(headers, JSON_TYPE);
  if (sse && sse >= own && sse >= json) return "sse";
  return json > own && !/openai/i.test(headers["user-agent"] ?? "") ? "json" : "natural";
}

/** Whether the caller asked for `type` by name. */
export const accepts = (headers: Headers, type: string): boolean => quality(headers, type, true) > 0;

// The most specific range decides; a range's q is 1 where it names none.
function quality({ accept = "" }: Headers, mediaType: string, byName = false): number {
  const [type = ""] = mediaType.split(";");
  const ranges = byName ? [type] : ["*/*", type.replace(/\/.*/, "/*"), type];
  let best = 0;
  let rank = 0;
  for (const range of accept.toLowerCase().split(",")) {
    const [, name = "", q = 1] = /^ *([^; ]*)(?:.*; *q=([\d.]+))?/.exec(range) ?? [];
    const its = ranges.indexOf(name);
    if (its >= rank) [rank, best] = [its, Number(q)];
  }
  return best;
}
