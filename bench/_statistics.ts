// Medians of interleaved rounds: the machines are shared, and a mean would be somebody else's load.

/** The middle value; of an even number of values the lower one. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[(sorted.length - 1) >> 1] ?? Number.NaN;
}

/** In an order of its own each time, so that none always runs after the same other. */
export function shuffle<T>(values: readonly T[]): T[] {
  return values
    .map((value) => [Math.random(), value] as const)
    .sort(([a], [b]) => a - b)
    .map(([, value]) => value);
}

/** Round to `digits` decimals. */
export function round(value: number, digits = 1): number {
  return Number(value.toFixed(digits));
}
