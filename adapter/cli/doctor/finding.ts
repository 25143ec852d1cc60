// What a check of `coldframe doctor` has to say: one sentence, how serious it is, and the way out. How it is printed is
// ../doctor.ts.

import type { ColdframeError } from "../../runtime/errors.ts";

export interface Finding {
  readonly check: string;
  /** `skipped`: it could not be told from here, and the sentence says why. */
  readonly state: "ok" | "warning" | "problem" | "skipped";
  readonly sentence: string;
  /** What to write, set or run, as a sentence. */
  readonly fix?: string;
}

/** Findings of one check, by their state. */
export interface Findings {
  ok(sentence: string): Finding;
  warning(sentence: string, fix?: string): Finding;
  problem(sentence: string, fix?: string): Finding;
  skipped(sentence: string, fix?: string): Finding;
}

export function findingsOf(check: string): Findings {
  const make =
    (state: Finding["state"]) =>
    (sentence: string, fix?: string): Finding => ({
      check,
      state,
      sentence,
      ...(fix !== undefined && { fix }),
    });
  return { ok: make("ok"), warning: make("warning"), problem: make("problem"), skipped: make("skipped") };
}

/** A sentence of the build that ends with its way out, as the two: `what is wrong; what to do.` */
export function splitAdvice(sentence: string): [sentence: string, fix?: string] {
  const [, what, advice] = /^(.*); ([^;]+)$/s.exec(sentence) ?? [];
  if (what === undefined || advice === undefined) return [sentence];
  return [`${what}.`, `${advice.charAt(0).toUpperCase()}${advice.slice(1)}`];
}

/** An error of the build or of the runtime, whose way out may be a part of its message. */
export const refusedAs = (
  make: (sentence: string, fix?: string) => Finding,
  { message, fix }: Pick<ColdframeError, "message" | "fix">,
  otherwise?: string,
): Finding => make(message, fix ?? otherwise);

/** `a, b and 3 more` */
export function listed(names: readonly string[], most = 3): string {
  const rest = names.length - most;
  return rest > 0 ? `${names.slice(0, most).join(", ")} and ${rest} more` : names.join(", ");
}
