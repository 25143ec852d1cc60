// What the refusals of the Hugging Face Hub mean. It does not tell strangers which private repositories there are, so
// that "not found" and "not allowed" look alike.
// Source: huggingface_hub's utils/_http.py (X-Error-Code), huggingface.co/docs/hub/rate-limits.

import { ColdframeError } from "../../errors.ts";
import type { HttpAnswer, Verdict } from "../_contracts.ts";
import type { Repository } from "./hf-repository.ts";

/** The secret a token is looked for in when `auth_secret_name` names none. */
export const TOKEN_SECRET = "hf_access_token";

export interface HfAsker {
  readonly repository: Repository;
  /** A token was sent. */
  readonly authorized: boolean;
  /** The secret it came from, or could come from. */
  readonly secret: string;
}

/** @param path of a file in the repository; absent: the repository is asked for */
export function judgeHf(answer: HttpAnswer, asker: HfAsker, path?: string): Verdict {
  const { status, headers } = answer;
  const what = nameOf(asker.repository, path);
  const said = (headers["x-error-message"] ?? "").slice(0, 300);
  const error = new ColdframeError(
    "WEIGHTS_UNREACHABLE",
    `the hub answered ${status} for ${what}${said && `: ${said}`}.`.replace(/\.\.$/, "."),
  );
  if (status === 412 || status === 416) {
    const message = `${what} is another file than when it was looked up.`;
    return { action: "changed", error: new ColdframeError("WEIGHTS_CHANGED", message) };
  }
  if (status === 429 || status === 503) {
    const afterMs = rateLimitMs(headers);
    return { action: "retry", slow: true, error, ...(afterMs !== undefined && { afterMs }) };
  }
  if (status === 408 || (status >= 500 && status !== 501)) return { action: "retry", error };
  if (status === 401 || status === 403 || status === 404) {
    return { action: "fail", error: refusal(answer, asker, what) };
  }
  return { action: "fail", error };
}

/** What the place of a file's bytes says, which is no hub. */
export function judgeStorage({ status }: HttpAnswer, { repository }: HfAsker, path: string): Verdict {
  const what = nameOf(repository, path);
  const error = new ColdframeError("WEIGHTS_UNREACHABLE", `the storage of ${what} answered ${status}.`);
  if (status === 412 || status === 416) return { action: "changed", error };
  if (status === 429 || status === 503) return { action: "retry", slow: true, error };
  if (status === 408 || status >= 500) return { action: "retry", error };
  return { action: "fail", error };
}

function refusal({ status, headers }: HttpAnswer, asker: HfAsker, what: string): ColdframeError {
  const code = headers["x-error-code"] ?? "";
  const { repository, authorized, secret } = asker;
  if (code === "RevisionNotFound") {
    const message = `${repository.name} has no revision ${repository.revision ?? "main"}.`;
    return new ColdframeError("WEIGHTS_NOT_FOUND", message, {
      fix: "Name a branch, a tag or a commit of it.",
    });
  }
  if (code === "EntryNotFound" || (status === 404 && code !== "RepoNotFound" && code !== "")) {
    return new ColdframeError("WEIGHTS_NOT_FOUND", `there is no ${what} on the hub.`, {
      fix: "Run `coldframe build --refresh-weights` if the file was renamed.",
    });
  }
  const make = (message: string, fix: string) => new ColdframeError("WEIGHTS_FORBIDDEN", message, { fix });
  if (code === "GatedRepo") {
    const name = `${repository.kind === "models" ? "" : `${repository.kind}/`}${repository.name}`;
    const accept = `Accept its conditions on https://huggingface.co/${name}`;
    return authorized
      ? make(`${repository.name} is gated, and the owner of the token has no access to it.`, `${accept}.`)
      : make(`${repository.name} is gated.`, `${accept}, and give a token: ${howToGive(secret)}`);
  }
  if (code === "DisabledRepo")
    return make(`${repository.name} is disabled on the hub.`, "Use another repository.");
  return authorized
    ? make(
        `the hub shows ${what} to nobody with this token: it does not exist, or the token may not read it.`,
        `Check the spelling, and that the token in the secret "${secret}" has read access.`,
      )
    : make(
        `the hub shows ${what} to nobody without a token: it does not exist, or it is private.`,
        `Check the spelling, or give a token: ${howToGive(secret)}`,
      );
}

const howToGive = (secret: string): string =>
  `write \`${secret}: null\` under \`secrets:\` in config.yaml and set COLDFRAME_SECRET_${secret.toUpperCase().replace(/[^A-Z0-9]/g, "_")}.`;

const nameOf = ({ name }: Repository, path: string | undefined): string =>
  path === undefined ? name : `${path} of ${name}`;

/** `RateLimit: "api";r=0;t=55`: seconds until there is room again. */
function rateLimitMs(headers: HttpAnswer["headers"]): number | undefined {
  const seconds = /\bt=(\d{1,5})\b/.exec(headers["ratelimit"] ?? "")?.[1];
  return seconds === undefined || headers["retry-after"] !== undefined ? undefined : Number(seconds) * 1000;
}
