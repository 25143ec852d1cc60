// Where a model is, and what that says about who has to sign. Source of the form of a function URL:
// docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html.

import { ColdframeClientError } from "./client-error.ts";

const FUNCTION_URL_HOST = /^[a-z0-9-]+\.lambda-url\.([a-z0-9-]+)\.on\.aws$/;

/** The region in the host of a function URL; `undefined` of any other host. */
export function functionUrlRegion({ hostname }: URL): string | undefined {
  return FUNCTION_URL_HOST.exec(hostname)?.[1];
}

/** @throws OPTION_INVALID */
export function readUrl(given: string | URL): URL {
  const url = parse(given, `url: ${given} is no address: write it whole, with https://.`);
  if (/^https?:$/.test(url.protocol) && `${url.username}${url.search}${url.hash}` === "") return url;
  throw new ColdframeClientError(
    "OPTION_INVALID",
    "url: it has to be an http or https address without a user, a query and a fragment.",
  );
}

/**
 * The address of a request.
 * @param path below `base` when it begins with a slash; else whole, and on the same origin
 * @throws OPTION_INVALID for another origin, which must not get what is meant for this one
 */
export function resolve(base: URL, path: string | URL): URL {
  const isBelow = typeof path === "string" && path.startsWith("/");
  const whole = isBelow ? base.origin + base.pathname.replace(/\/$/, "") + path : path;
  const url = parse(whole, `${path} is neither a path nor an address: begin it with "/".`);
  if (url.origin !== base.origin) {
    throw new ColdframeClientError(
      "OPTION_INVALID",
      `this client is for ${base.origin} and sends nothing to ${url.origin}: make another one with createClient.`,
    );
  }
  // A space is "+" to forms and "%20" to signatures; the second is a space to both.
  url.search = url.search.replaceAll("+", "%20");
  return url;
}

function parse(given: string | URL, refusal: string): URL {
  try {
    return new URL(given);
  } catch {
    throw new ColdframeClientError("OPTION_INVALID", refusal);
  }
}
