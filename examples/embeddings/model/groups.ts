// Which texts go through the network together. In a group each is filled up to the longest, and what it is filled up with
// is computed too: of texts in order of their length, little is.

/** A group with more would keep the memory of its widest layer, and the thread, for long: 24 MB, 30 ms a CPU. */
const MAX_TOKENS = 4096;

/** A call by itself costs about as much as these tokens: so many may be filled up before it pays. */
const TOKENS_OF_A_CALL = 8;

/** @returns for each group the places of its members in `texts` */
export function groupsOf(texts: readonly (readonly number[])[]): number[][] {
  const lengthOf = (place: number) => (texts[place] as readonly number[]).length;
  const longestFirst = [...texts.keys()].sort((a, b) => lengthOf(b) - lengthOf(a));
  const groups: number[][] = [];
  let group: number[] = [];
  let [width, filled] = [0, 0];
  for (const place of longestFirst) {
    const length = lengthOf(place);
    filled += width - length;
    if (group.length === 0 || filled > TOKENS_OF_A_CALL || (group.length + 1) * width > MAX_TOKENS) {
      groups.push((group = []));
      [width, filled] = [length, 0];
    }
    group.push(place);
  }
  return groups;
}
