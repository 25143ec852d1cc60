// Where each text lies when many go through the network together: in rows, several one behind the other ("sequence
// packing"), because a slot that no text fills is computed too. A row is no longer than it must be, since each token of it
// is compared with all others.

/** More would keep the memory of the widest layer, and the thread, for long: 6 MB, 20 ms of one CPU; and gain no speed. */
const MAX_TOKENS = 512;

/** So short a row costs nothing to compare within. */
const SHORT_ROW = 64;

/** What goes through the network in one call. */
export interface Packing {
  readonly rows: number;
  /** Slots in each row. */
  readonly width: number;
  /** Of which texts, and in which slot each of them begins, counted through all rows. */
  readonly placed: readonly { readonly text: number; readonly slot: number }[];
}

/** @param lengths of each text in tokens, 1 or more */
export function packTexts(lengths: readonly number[]): Packing[] {
  const lengthOf = (text: number) => lengths[text] as number;
  const longestFirst = [...lengths.keys()].sort((a, b) => lengthOf(b) - lengthOf(a));
  const packings: Packing[] = [];
  for (let from = 0; from < longestFirst.length; ) {
    let [to, total] = [from, 0];
    while (
      to < longestFirst.length &&
      (to === from || total + lengthOf(longestFirst[to] as number) <= MAX_TOKENS)
    ) {
      total += lengthOf(longestFirst[to++] as number);
    }
    packings.push(pack(longestFirst.slice(from, to), lengthOf, total));
    from = to;
  }
  return packings;
}

/** First fit, the longest first. */
function pack(texts: readonly number[], lengthOf: (text: number) => number, total: number): Packing {
  const longest = lengthOf(texts[0] as number);
  const rows = Math.ceil(total / Math.max(longest, SHORT_ROW));
  // As even as they can be; with a few slots more in each, all texts find a place.
  for (let width = Math.max(longest, Math.ceil(total / rows)); ; width++) {
    const ends = new Array<number>(rows).fill(0);
    const placed: { text: number; slot: number }[] = [];
    for (const text of texts) {
      const row = ends.findIndex((end) => end + lengthOf(text) <= width);
      if (row < 0) break;
      placed.push({ text, slot: row * width + (ends[row] as number) });
      (ends[row] as number) += lengthOf(text);
    }
    if (placed.length === texts.length) return { rows, width, placed };
  }
}
