// What the caller accepts decides how a stream leaves. Source: RFC 9110 12.5.1.

/** How a stream is to be written: in the format of its items, as events, or gathered into one JSON document. */
export type StreamFormat = "natural" | "sse" | "json";

/**
 * Choose for a stream whose items would leave as `natural`, a media type without parameters. Events only when they are
 * named; one document only when neither events nor the natural format would do, since it makes the caller wait; and
 * never for the OpenAI SDKs, which ask for JSON and read a stream.
 */
export function chooseFormat(headers: Readonly<Record<string, string>>, natural: string): StreamFormat {
  const accept = headers["accept"];
  if (accept === undefined || accept === "*/*" || accept === "") return "natural";
  const sse = quality(accept, "text/event-stream", true);
  const own = quality(accept, natural, false);
  const json = quality(accept, "application/json", false);
  if (sse > 0 && sse >= own && sse >= json) return "sse";
  if (own > 0 && own >= json) return "natural";
  if (json > 0 && !/openai/i.test(headers["user-agent"] ?? "")) return "json";
  return "natural";
}

/** Whether the caller asked for `type` by name. */
export function accepts(headers: Readonly<Record<string, string>>, type: string): boolean {
  return quality(headers["accept"] ?? "", type, true) > 0;
}

// The most specific range decides; a range's q is 1 where it names none.
function quality(accept: string, type: string, byName: boolean): number {
  const family = `${type.slice(0, type.indexOf("/"))}/*`;
  let best = 0;
  let specific = 0;
  for (const range of accept.split(",")) {
    const [name = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const rank = name === type ? 3 : byName ? 0 : name === family ? 2 : name === "*/*" ? 1 : 0;
    if (rank === 0 || rank < specific) continue;
    const q = parameters.find((parameter) => parameter.startsWith("q="));
    const value = q === undefined ? 1 : Number(q.slice(2));
    specific = rank;
    best = Number.isNaN(value) ? 1 : value;
  }
  return best;
}
