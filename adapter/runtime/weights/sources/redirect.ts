// Redirects: at most five, never from https to http, and a token stays with the origin it is for. What is found holds as
// long as the signature in its query does.

import { ColdframeError } from "../../errors.ts";
import type { Access, HttpAnswer, HttpTarget, Verdict } from "../_contracts.ts";

/** Where a chain of redirects ends. */
export interface Location {
  readonly target: HttpTarget;
  /** What was answered there; absent when `stop` said not to ask. */
  readonly answer?: HttpAnswer;
  /** Milliseconds since 1970; afterwards the chain has to be followed again. */
  readonly expiresAt: number;
  readonly foundAt: number;
  /** It is not where the chain began. */
  readonly redirected: boolean;
}

export interface FollowOptions {
  /** Whether this address may be asked at all; says why not by throwing. */
  check?(url: URL): void;
  /** Whether the chain ends here without a request. */
  stop?(url: URL): boolean;
  /** Of an answer that is neither 2xx nor a redirect. */
  judge(answer: HttpAnswer, url: URL): Verdict;
}

const MAX_REDIRECTS = 5;

/** A place that does not say how long it holds. */
const DEFAULT_MS = 5 * 60_000;

/** A download that begins has to get its answer before the signature ends. */
const MARGIN_MS = 60_000;

class Redirect extends Error {
  readonly to: string;

  constructor(to: string) {
    super("redirected");
    this.to = to;
  }
}

/**
 * Ask `start`, and whatever it redirects to. `authorization` is only sent to the origin of `start`, and to none after
 * another one.
 * @throws WEIGHTS_UNREACHABLE for a chain that does not end or is not safe, what `judge` and `check` say
 */
export async function follow(
  access: Access,
  method: "GET" | "HEAD",
  start: HttpTarget,
  { check, stop, judge }: FollowOptions,
): Promise<Location> {
  let target = start;
  for (let count = 0; count <= MAX_REDIRECTS; count++) {
    const { url } = target;
    check?.(url);
    if (stop?.(url)) return found(target, count > 0);
    try {
      const answer = await access.fetch(
        method,
        async () => target,
        (answer) => {
          const to = redirectOf(answer);
          return to === undefined ? judge(answer, url) : { action: "fail", error: new Redirect(to) };
        },
      );
      return { ...found(target, count > 0), answer };
    } catch (error) {
      if (!(error instanceof Redirect)) throw error;
      target = redirected(target, error.to);
    }
  }
  throw refused(start.url, `redirects more than ${MAX_REDIRECTS} times`);
}

/** Where an answer sends to. */
export function redirectOf({ status, headers }: HttpAnswer): string | undefined {
  return [301, 302, 303, 307, 308].includes(status) ? headers["location"] : undefined;
}

/** The next target of a chain. @throws WEIGHTS_UNREACHABLE when it is no address, or less safe than this one */
export function redirected({ url, headers }: HttpTarget, to: string): HttpTarget {
  if (!URL.canParse(to, url.href)) throw refused(url, "redirects to what is no address");
  const next = new URL(to, url);
  next.hash = "";
  if (!/^https?:$/.test(next.protocol)) throw refused(url, `redirects to ${next.protocol}`);
  if (url.protocol === "https:" && next.protocol === "http:")
    throw refused(url, `redirects from https to http (${next.host})`);
  if (next.origin === url.origin) return { url: next, headers };
  const { authorization: _authorization, ...rest } = headers;
  return { url: next, headers: rest };
}

/** A place that was found now. What nothing leads to holds for ever: there is nobody to ask for another. */
export function found(target: HttpTarget, redirected: boolean): Location {
  const foundAt = Date.now();
  const end = signatureEnd(target.url) ?? foundAt + DEFAULT_MS + MARGIN_MS;
  return { target, foundAt, redirected, expiresAt: redirected ? end - MARGIN_MS : Number.POSITIVE_INFINITY };
}

/** When the signature in a query ends, in milliseconds since 1970: S3's and GCS's, CloudFront's, Azure's. */
export function signatureEnd({ searchParams }: URL): number | undefined {
  const query = new Map([...searchParams].map(([name, value]) => [name.toLowerCase(), value]));
  for (const vendor of ["x-amz", "x-goog"]) {
    const [, year, month, day, hour, minute, second] =
      /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(query.get(`${vendor}-date`) ?? "") ?? [];
    const seconds = Number(query.get(`${vendor}-expires`));
    if (year && seconds > 0)
      return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`) + seconds * 1000;
  }
  const expires = Number(query.get("expires"));
  if (expires > 0) return expires * 1000;
  const azure = query.has("sig") ? Date.parse(query.get("se") ?? "") : Number.NaN;
  return Number.isNaN(azure) ? undefined : azure;
}

const refused = ({ origin, pathname }: URL, what: string): ColdframeError =>
  new ColdframeError("WEIGHTS_UNREACHABLE", `${origin}${pathname} ${what}.`, {
    fix: "Name the final address in source.",
  });
