// What the caller accepts decides how an answer leaves: its format, its packing, its coding. Nobody else reads these
// headers. Source: RFC 9110 12.5.1 and 12.5.3.

import { MSGPACK_TYPES } from "./bodies/msgpack-type.ts";
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
  const { accept = "*/*" } = headers;
  if (accept === "*/*") return "natural";
  const sse = quality(accept, SSE_TYPE, true);
  const own = quality(accept, natural);
  const json = quality(accept, JSON_TYPE);
  if (sse && sse >= own && sse >= json) return "sse";
  return json > own && !/openai/i.test(headers["user-agent"] ?? "") ? "json" : "natural";
}

/** Whether the caller asked for `type` by name. */
export const accepts = ({ accept = "" }: Headers, type: string): boolean => quality(accept, type, true) > 0;

/** Accepts anything, or says nothing. */
const ANYTHING = /^\s*(\*\/\*\s*(;[^,]*)?)?$/;

/**
 * The name under which a caller takes MessagePack, if it does: by name, and at least as gladly as JSON. Who sent it and
 * says nothing gets it too, unless the answer is a stream.
 */
export function choosePacked(headers: Headers, isStream: boolean): string | undefined {
  const { accept = "" } = headers;
  if (ANYTHING.test(accept)) {
    const sent = headers["content-type"]?.toLowerCase().split(";")[0]?.trim();
    return isStream ? undefined : MSGPACK_TYPES.find((type) => type === sent);
  }
  return best(accept, MSGPACK_TYPES, JSON_TYPE);
}

/**
 * The coding that the caller names and likes best.
 * @param codings ours: the order among those it likes equally
 */
export function chooseEncoding(headers: Headers, codings: readonly string[]): string | undefined {
  const { "accept-encoding": accepted = "" } = headers;
  const coding = best(accepted, codings, "identity");
  // Who takes anything can read what everybody reads.
  const anything = best(accepted, ["*"], "identity") && !REFUSES_GZIP.test(accepted);
  return coding ?? (anything ? "gzip" : undefined);
}

const REFUSES_GZIP = /\bgzip\s*;\s*q=0(\.0*)?\s*(,|$)/i;

/** Of `names`, the first that is liked best, and at least as well as `other`. */
function best(accepted: string, names: readonly string[], other: string): string | undefined {
  let most = quality(accepted, other, true);
  let chosen: string | undefined;
  for (const name of names) {
    const its = quality(accepted, name, true);
    if (its > most || (its && !chosen && its === most)) [most, chosen] = [its, name];
  }
  return chosen;
}

// The most specific range decides; a range's q is 1 where it names none.
function quality(accepted: string, mediaType: string, byName = false): number {
  const [type = ""] = mediaType.split(";");
  const ranges = byName ? [type] : ["*/*", type.replace(/\/.*/, "/*"), type];
  let most = 0;
  let rank = 0;
  for (const range of accepted.toLowerCase().split(",")) {
    const [, name = "", q = 1] = /^ *([^; ]*)(?:.*; *q=([\d.]+))?/.exec(range) ?? [];
    const its = ranges.indexOf(name);
    if (its >= rank) [rank, most] = [its, Number(q)];
  }
  return most;
}
