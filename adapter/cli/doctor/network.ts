// Whether this machine has a network at all: without one, nothing is known of who could not be reached.

import { lookup } from "node:dns/promises";
import { withinLimit } from "./limits.ts";

/** Of this machine's side; a name server that is not there is one of them. */
const NO_NETWORK = /EAI_AGAIN|ENETUNREACH|ENETDOWN|EHOSTUNREACH/;

/** A name that there is. */
const KNOWN_HOST = "s3.us-east-1.amazonaws.com";

/**
 * Whether it was for want of a network that somebody was not reached.
 * @param message of the failure, with the system's code in it
 */
export async function isOffline(message: string, resolves = canResolve): Promise<boolean> {
  if (NO_NETWORK.test(message)) return true;
  // Some resolvers say so of every name when they have no network.
  return /ENOTFOUND/.test(message) && !(await resolves(KNOWN_HOST));
}

function canResolve(host: string): Promise<boolean> {
  return withinLimit(lookup(host)).then(
    () => true,
    () => false,
  );
}
