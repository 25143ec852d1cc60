// A text as a vector, by the parts of its words (feature hashing: Weinberger et al., ICML 2009). It needs no weights; a
// network in its place has the same shape: texts in, vectors of length 1 out.

export const DIMENSIONS = 256;

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}

/** @returns DIMENSIONS numbers, of length 1 together */
export function embed(text: string): Float32Array {
  const vector = new Float32Array(DIMENSIONS);
  for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []) {
    const padded = `<${word}>`;
    for (let i = 0; i + 3 <= padded.length; i++) {
      const feature = hash(padded.slice(i, i + 3));
      // One bit of the hash is the sign, so that features that meet in one place cancel out on average.
      vector[feature % DIMENSIONS]! += feature & 0x8000_0000 ? -1 : 1;
    }
  }
  const length = Math.hypot(...vector) || 1;
  return vector.map((value) => value / length);
}
