// Chance that can be played again: the same seed and the same name give the same numbers, in whatever order they are
// asked for. Not for secrets.

/** Numbers in [0, 1), one after another. */
export type Random = () => number;

/** mulberry32 over a hash of `seed` and `name`: one stream of numbers for each pair. */
export function random(seed: number, name = ""): Random {
  let state = hash(`${seed} ${name}`);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A whole number from `low` to `high`, both included. */
export function between(next: Random, low: number, high: number): number {
  return low + Math.floor(next() * (high - low + 1));
}

export function pick<T>(next: Random, values: readonly T[]): T {
  const value = values[Math.floor(next() * values.length)];
  if (value === undefined) throw new Error("There is nothing to pick from.");
  return value;
}

/** `size` bytes that are the same for the same seed and name. */
export function randomBytes(seed: number, name: string, size: number): Buffer {
  const next = random(seed, name);
  const words = new Uint32Array(Math.ceil(size / 4));
  for (let i = 0; i < words.length; i++) words[i] = next() * 2 ** 32;
  return Buffer.from(words.buffer, 0, size);
}

// FNV-1a, then the finalizer of MurmurHash3: neighbouring seeds must not give neighbouring streams.
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return value ^ (value >>> 16);
}
