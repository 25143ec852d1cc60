// Turns a text into the numbers that the network reads: how often each n-gram of its vocabulary occurs.
// Must agree with what the network was trained on: `infer` in src/utils.ts of npm lande 1.0.10.

const LONGEST_NGRAM = 4;

/**
 * The share of each n-gram among all n-grams of its length in `text`, in the order of `vocabulary`.
 * Lengths are counted in UTF-16 units, as they were in training.
 */
export function frequencies(text: string, vocabulary: readonly string[]): Float32Array {
  const letters = normalize(text);
  const counts = new Map<string, number>();
  for (let length = 1; length <= LONGEST_NGRAM; length++) {
    for (let start = 0; start + length <= letters.length; start++) {
      const ngram = letters.slice(start, start + length);
      counts.set(ngram, (counts.get(ngram) ?? 0) + 1);
    }
  }
  return Float32Array.from(vocabulary, (ngram) => {
    const count = counts.get(ngram);
    return count === undefined ? 0 : count / (letters.length - ngram.length + 1);
  });
}

/** Lower-case letters and marks, one space between words and around the whole. */
function normalize(text: string): string {
  const letters = text.replace(/-+/g, " ").replace(/[^\p{L}\p{M}\s]/gu, "");
  return ` ${letters
    .replace(/\s{2,}/g, " ")
    .toLowerCase()
    .trim()} `;
}
