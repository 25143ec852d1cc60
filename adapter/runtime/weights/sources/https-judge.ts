// What the answers of a web server mean that are not the file: later, never, and why. A server that is no object store
// has no codes; its status is all there is to go by.

import { ColdframeError } from "../../errors.ts";
import type { HttpAnswer, Verdict, WeightsEntry } from "../_contracts.ts";
import { nameOf } from "../files/plan.ts";
import { signatureEnd } from "./redirect.ts";

/** The verdict over an answer that is neither the file nor a redirect. */
export function judgeHttps(answer: HttpAnswer, entry: WeightsEntry): Verdict {
  const { status } = answer;
  const name = nameOf(entry.source);
  const fail = (code: "WEIGHTS_FORBIDDEN" | "WEIGHTS_NOT_FOUND", message: string, fix: string): Verdict => ({
    action: "fail",
    error: new ColdframeError(code, message, { fix }),
  });
  const error = new ColdframeError("WEIGHTS_UNREACHABLE", `${name} answered ${status}.`);
  if (status === 412 || status === 416) {
    const changed = new ColdframeError(
      "WEIGHTS_CHANGED",
      `${name} is another file than when it was looked up.`,
      {
        fix: "Run `coldframe build --refresh-weights` to pin the new one.",
      },
    );
    return { action: "changed", error: changed };
  }
  if (status === 429 || status === 503) return { action: "retry", slow: true, error };
  if (status === 408 || status === 425 || (status >= 500 && status !== 501))
    return { action: "retry", error };
  if (status === 404 || status === 410)
    return fail("WEIGHTS_NOT_FOUND", `${name} is not there (${status}).`, "Check the spelling of source.");
  if (status !== 401 && status !== 403) return { action: "fail", error };
  const end = signatureEnd(new URL(entry.source));
  if (end !== undefined && end < Date.now())
    return fail(
      "WEIGHTS_FORBIDDEN",
      `${name} was signed until ${new Date(end).toISOString()}, which is over.`,
      "Name the object itself (s3://bucket/key) instead of a presigned address: it does not expire.",
    );
  const secret = entry.auth?.secret;
  return fail(
    "WEIGHTS_FORBIDDEN",
    `${name} refuses access (${status})${secret === undefined ? "" : ` with the token in the secret "${secret}"`}.`,
    secret === undefined
      ? "If it takes a token, declare a secret that holds it and name that in `auth_secret_name`."
      : "Check the token and what it is for.",
  );
}
