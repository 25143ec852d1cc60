// Where the bytes of files are, as redirects have said: kept as long as it holds, and put right by the answers that come
// from there.

import type { HttpAnswer, Verdict } from "../_contracts.ts";
import { found, type Location, redirected, redirectOf } from "./redirect.ts";

/** Places kept: no more files than this are fetched at the same time. */
const MAX_LOCATIONS = 256;

/** What refuses so soon after it was found may answer a request from before, and is not looked for again. */
const FRESH_MS = 10_000;

/** How a place whose time is over answers. */
const LAPSED = new Set([400, 401, 403, 404, 410]);

interface Kept {
  readonly location: Promise<Location>;
  /** Once it is. */
  known?: Location;
}

export class Locations {
  readonly #kept = new Map<string, Kept>();
  readonly #check: (url: URL) => void;

  /** @param check says by throwing that an address may not be asked */
  constructor(check: (url: URL) => void) {
    this.#check = check;
  }

  /** The place of a file; looked for once for all who ask. */
  get(key: string, find: () => Promise<Location>): Promise<Location> {
    const kept = this.#kept.get(key);
    if (kept && !(kept.known && Date.now() > kept.known.expiresAt)) return kept.location;
    return this.#keep(key, find());
  }

  known(key: string): Location | undefined {
    return this.#kept.get(key)?.known;
  }

  forget(key: string): void {
    this.#kept.delete(key);
  }

  /** The verdict over an answer from there: a redirect is followed, a place that has lapsed is looked for again. */
  reconsider(key: string, answer: HttpAnswer, verdict: Verdict): Verdict {
    const at = this.known(key);
    if (!at || verdict.action !== "fail") return verdict;
    const to = redirectOf(answer);
    if (to !== undefined) {
      try {
        const next = found(redirected(at.target, to), true);
        this.#check(next.target.url);
        this.#keep(key, Promise.resolve(next), next);
      } catch (error) {
        return { action: "fail", error: error as Error };
      }
      return { action: "again", error: verdict.error };
    }
    // Only what led there can say where it is now.
    if (!at.redirected || !LAPSED.has(answer.status)) return verdict;
    if (Date.now() - at.foundAt > FRESH_MS) this.forget(key);
    return { action: "again", error: verdict.error };
  }

  #keep(key: string, location: Promise<Location>, known?: Location): Promise<Location> {
    const kept: Kept = { location, ...(known && { known }) };
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    if (this.#kept.size > MAX_LOCATIONS) this.#kept.delete(this.#kept.keys().next().value as string);
    location.then(
      (found) => {
        kept.known = found;
      },
      () => {
        if (this.#kept.get(key) === kept) this.#kept.delete(key);
      },
    );
    return location;
  }
}
