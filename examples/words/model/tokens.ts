// A text as the words that the vocabulary is made of: lower case, without punctuation.

/** Letters, digits and marks, joined by hyphens or apostrophes: `low-cost`, `o'clock`. */
const WORD = /[\p{L}\p{M}\p{N}]+(?:[-'][\p{L}\p{M}\p{N}]+)*/gu;

export function wordsOf(text: string): string[] {
  return text.toLowerCase().replaceAll("’", "'").match(WORD) ?? [];
}
