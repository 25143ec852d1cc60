// Values that MessagePack has no type for and Truss's clients send all the same: maps with a binary key that names the
// type, and `data`. A datetime is a Date; the others are what a JSON caller would send: a date, a time, a decimal and a
// UUID are their text, a duration is its seconds.
// Source: truss/templates/shared/serialization.py of Truss.

import { ColdframeError } from "../errors.ts";
import { entry, readArray } from "./numeric-array.ts";

/** Of a datetime without one: a function's clock is UTC. */
const ASSUMED_ZONE = "Z";

const SECONDS_PER_DAY = 86_400;

const READERS: Readonly<Record<string, (data: unknown) => unknown>> = {
  __dt_datetime_iso__(data) {
    const text = String(data);
    const date = new Date(
      /(Z|[+-]\d\d:?\d\d(:?\d\d(\.\d+)?)?)$/.test(text) ? text : `${text}${ASSUMED_ZONE}`,
    );
    return Number.isNaN(date.getTime()) ? undefined : date;
  },
  __dt_date_iso__: asText,
  __dt_time_iso__: asText,
  __dt_timedelta__(data) {
    if (!Array.isArray(data) || data.length !== 3 || !data.every(Number.isFinite)) return undefined;
    const [days, seconds, microseconds] = data as [number, number, number];
    return days * SECONDS_PER_DAY + seconds + microseconds / 1e6;
  },
  __decimal__: asText,
  __uuid__: asText,
};

/**
 * What a map with binary keys stands for.
 * @returns nothing when it is a map and no more
 * @throws INPUT_INVALID when it says that it is something, and is not
 */
export function fromTagged(fields: ReadonlyMap<string, unknown>): { readonly value: unknown } | undefined {
  const tag = Object.keys(READERS).find((name) => fields.has(name));
  if (tag && fields.has("data")) {
    const value = READERS[tag]?.(fields.get("data"));
    if (value !== undefined) return { value };
    throw new ColdframeError("INPUT_INVALID", `the body is not valid msgpack: its ${tag} is none.`);
  }
  return fields.has("nd") && fields.has("data") ? { value: readArray(fields) } : undefined;
}

/** The encoded map of a Date. The offset is written as every Python reads it; before 3.11, none reads Z. */
export function dateMap(date: Date): Buffer {
  const text = date.toISOString().replace("Z", "+00:00");
  return Buffer.concat([Buffer.of(0x82), ...entry("__dt_datetime_iso__", true), ...entry("data", text)]);
}

function asText(data: unknown): string | undefined {
  return typeof data === "string" ? data : undefined;
}
