// Chooses the next character from the network's logits. Knows nothing of text or of the network.

/** Numbers in [0, 1) that depend on the seed alone. Source: Mulberry32 by Tommy Ettinger, public domain. */
export function randomFrom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The position of one logit: the largest at temperature 0; above it a draw, the more even the higher the temperature. */
export function sample(logits: Float32Array, temperature: number, random: () => number): number {
  const largest = Math.max(...logits);
  if (temperature === 0) return logits.indexOf(largest);

  // Softmax without its division: subtracting the largest keeps exp() from overflowing.
  const weights = logits.map((logit) => Math.exp((logit - largest) / temperature));
  let rest = random() * weights.reduce((sum, weight) => sum + weight);
  return weights.findIndex((weight) => {
    rest -= weight;
    return rest < 0;
  });
}
