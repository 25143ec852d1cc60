// What the events of several HTTP sources share: base64 bodies, headers and query parameters as maps, and cookies where
// an answer has no list of them. Which of it a source uses, its own file says.

import type { Body, Reply } from "../call.ts";
import { toBuffer } from "../json.ts";

/** A body as every source carries one. */
export interface CarriedBody {
  /** Absent or `null` when there is none. */
  readonly body?: string | null | undefined;
  readonly isBase64Encoded?: boolean | undefined;
}

/** A map of names to one value or several; `null` from API Gateway's console when it is empty. */
export type Multi =
  | Readonly<Record<string, string | readonly string[] | null | undefined>>
  | null
  | undefined;

/** The bytes that were carried as base64, or the text that was carried as it is. */
export const readBody = ({ body, isBase64Encoded }: CarriedBody): string | Uint8Array =>
  body && isBase64Encoded ? Buffer.from(body, "base64") : (body ?? "");

/** The body of a result: text as it is, bytes as base64. */
export function toResultBody(body: Body): { body: string | undefined; isBase64Encoded: boolean } {
  const isBase64Encoded = body instanceof Uint8Array;
  return { body: isBase64Encoded ? toBuffer(body).toString("base64") : (body as string), isBase64Encoded };
}

/** Lower-case names; a name that is there several times has its values joined, cookies with "; ". */
export function toHeaders(headers: Multi): Record<string, string> {
  const all = new Map<string, string[]>();
  for (const [spelled, value] of Object.entries(headers ?? {})) {
    const name = spelled.toLowerCase();
    // Gathered in a Map, and made own properties at the end: `__proto__` is a name like any other.
    all.set(name, (all.get(name) ?? []).concat(value ?? []));
  }
  return Object.fromEntries(
    [...all].map(([name, values]) => [name, values.join(name === "cookie" ? "; " : ", ")]),
  );
}

/** @param encode what makes a name or a value of the map what it is in a query */
export function toQuery(parameters: Multi, encode: (text: string) => string): string {
  return Object.entries(parameters ?? {})
    .flatMap(([name, value]) =>
      ([] as string[]).concat(value ?? []).map((one) => `${encode(name)}=${encode(one)}`),
    )
    .join("&");
}

/**
 * Headers for a service whose answers are a map of names to one value: it tells names apart by their spelling, and HTTP
 * does not. The first cookie is `set-cookie`, the next ones differ in case.
 */
export function withCookies({ headers, cookies = [] }: Reply): Record<string, string> {
  const spelling = (index: number) => {
    let bit = 0;
    return "set-cookie".replace(/[a-z]/g, (letter) => ((index >> bit++) & 1 ? letter.toUpperCase() : letter));
  };
  return { ...headers, ...Object.fromEntries(cookies.map((cookie, index) => [spelling(index), cookie])) };
}
