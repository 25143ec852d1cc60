// Small documents over HTTP: lists, credentials, metadata. One request with its tries, and the answer in memory. The
// bytes of weights do not come this way; see download/lane.ts.

import { ColdframeError } from "../../errors.ts";
import type { Outcome } from "./exchange.ts";
import type { Access, HttpAnswer, HttpTarget } from "../_contracts.ts";
import { printable, unreachable } from "./failures.ts";
import { WireError } from "./http.ts";
import { Pool } from "./pool.ts";
import { MAX_AGAIN, MAX_TRIES, pause, retryAfterMs, waitMs } from "./retry.ts";
import { CLOCK, type Clock, TIMING, type Timing } from "./timing.ts";

export interface FetchOptions {
  /** For proxies and certificates. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly timing?: Partial<Timing>;
  readonly clock?: Clock;
  /** Of one document, where nobody waits as patiently as a cold start. */
  readonly tries?: number;
}

/** A page of a list of S3 has 1000 keys and less than 1 MiB; a repository's tree may be larger. */
const MAX_DOCUMENT_BYTES = 64 * 1024 * 1024;

/** What sources get as `access.fetch`. Connections are kept while they are used, and keep no process alive. */
export function createFetch(options: FetchOptions): Access["fetch"] {
  const timing = { ...TIMING, ...options.timing };
  const clock = options.clock ?? CLOCK;
  const pool = new Pool(options.environment, timing);
  const maxTries = options.tries ?? MAX_TRIES;

  return async (method, makeTarget, judge) => {
    let agains = 0;
    let on: "new" | undefined;
    for (let tries = 1; ; ) {
      const target = await makeTarget();
      let waited: number | undefined;
      let what: string;
      let cause: Error;
      try {
        const answer = await request(pool, method, target, on);
        if (answer.status >= 200 && answer.status <= 299) return answer;
        const verdict = judge(answer);
        if (verdict.action === "changed" || verdict.action === "fail") throw verdict.error;
        if (verdict.action === "again") {
          if (++agains > MAX_AGAIN) throw verdict.error;
          continue;
        }
        cause = verdict.error;
        waited = verdict.afterMs ?? retryAfterMs(answer, clock);
        what = `the server answered ${answer.status}: ${verdict.error.message}`;
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        if (error.fatal) throw unreachable(target.url, error.message, { tries, cause: error });
        on = "new";
        cause = error;
        what = error.message;
      }
      if (tries >= maxTries) throw unreachable(target.url, what, { tries, cause });
      await pause(waitMs(tries++, waited, timing)).over;
    }
  };
}

async function request(
  pool: Pool,
  method: "GET" | "HEAD",
  { url, headers }: HttpTarget,
  on: "new" | undefined,
): Promise<HttpAnswer> {
  const outcome: Outcome = await pool.exchange(
    { method, url, headers, maxBytes: MAX_DOCUMENT_BYTES },
    { on },
  );
  if (outcome.kind !== "answer") throw new WireError("PROTOCOL", `unexpected ${outcome.kind}`);
  const { answer, truncated } = outcome;
  if (truncated && answer.status >= 200 && answer.status <= 299) {
    throw new ColdframeError(
      "WEIGHTS_INVALID",
      `${printable(url)} answered with more than ${MAX_DOCUMENT_BYTES} bytes where a list or a small document was expected.`,
      { fix: "Narrow the source to a smaller prefix." },
    );
  }
  return answer;
}
