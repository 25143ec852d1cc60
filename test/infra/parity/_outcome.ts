// What comes of a deployment with given switches: what it is, or why a tool refuses it.

import type { NormalForm } from "./_normal-form.ts";

export interface Outcome {
  /** Why it is refused, in an order of their own; none: it is not. */
  readonly refusals: readonly Refusal[];
  /** `undefined` where it is refused. */
  readonly form: NormalForm | undefined;
}

export type Refusal =
  | "no ceiling"
  | "no bucket"
  | "too many kept ready"
  | "queue throttled"
  | "managed instances"
  | "value";

/** The words by which the sentences of all tools say it. */
const SENTENCES: readonly (readonly [RegExp, Refusal])[] = [
  [/managed.instances/i, "managed instances"],
  [/throttled into the dead-letter queue/, "queue throttled"],
  [/provisioned.?concurrency \d+, allowed at most/i, "too many kept ready"],
  [/\bNONE\b.*(anybody|everybody)/, "no ceiling"],
  [/weights.?bucket\W+(is )?\W?create\b/i, "no bucket"],
  [/\b(allowed|must be)\b/, "value"],
];

/** @throws for a sentence that is not known: what it is about would be compared with nothing */
export function refusalOf(sentence: string): Refusal {
  const [, kind] = SENTENCES.find(([pattern]) => pattern.test(sentence)) ?? [];
  if (kind === undefined) throw new Error(`refused for a reason that is not known here: ${sentence}`);
  return kind;
}

/** @param form asked for only when nothing is refused */
export const outcomeOf = (sentences: readonly string[], form: () => NormalForm): Outcome => ({
  refusals: [...new Set(sentences.map(refusalOf))].sort(),
  form: sentences.length > 0 ? undefined : form(),
});
