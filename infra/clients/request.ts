// A request of any form that fetch takes, made ready: its address, its headers, and its body in memory.

import { resolve } from "./address.ts";
import type { PreparedRequest } from "./authorization.ts";

/** `fetch`, without what it is called on. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/**
 * @param defaults headers that the request's own come over
 * @throws OPTION_INVALID for another origin than that of `base`
 */
export async function prepare(
  base: URL,
  defaults: Readonly<Record<string, string>>,
  input: string | URL | Request,
  init: RequestInit = {},
): Promise<PreparedRequest> {
  const url = resolve(base, isRequest(input) ? input.url : input);
  // A Request knows the types of forms and texts, and refuses what no server would understand.
  const request = new Request(isRequest(input) ? input : url, init);
  // Not asked of `request.body`, which not every browser has.
  const body = new Uint8Array(await request.arrayBuffer());
  return {
    method: request.method,
    url,
    headers: Object.fromEntries(merged(defaults, Object.fromEntries(request.headers))),
    body: body.length > 0 ? body : undefined,
  };
}

/** Later headers over earlier ones, in whatever case their names are. */
export function merged(...sets: readonly (Readonly<Record<string, string>> | undefined)[]): Headers {
  const headers = new Headers();
  for (const [name, value] of sets.flatMap((set) => Object.entries(set ?? {}))) headers.set(name, value);
  return headers;
}

/** What of a request is fetch's own affair. */
export function settingsOf(input: string | URL | Request, init: RequestInit = {}): RequestInit {
  return isRequest(input) ? { signal: input.signal, redirect: input.redirect, ...init } : init;
}

const isRequest = (input: string | URL | Request): input is Request =>
  typeof input !== "string" && "headers" in input;
