// A text as the pieces of words that the network knows: of all ways to write it with them, the one whose scores add up to
// most (Viterbi's algorithm). Source: Kudo, "Subword Regularization", ACL 2018, and SentencePiece's unigram model.

/** A piece and the logarithm of its probability; null where the published vocabulary has lost it. */
export type Vocabulary = readonly (readonly [piece: string, score: number | null])[];

/** Stands for a space, and begins every text. */
const SPACE = "▁";

/** The first pieces are none: unknown, begin, end, and three spare ones. */
const RESERVED = 6;
const UNKNOWN = 0;

/** The pieces that begin with the same letters, by their next letter. */
interface Branch {
  readonly next: Map<number, Branch>;
  id: number;
  score: number;
}

/** @returns the numbers of a text's pieces; one for all that is unknown in a row */
export function createTokenizer(vocabulary: Vocabulary): (text: string) => number[] {
  const root = treeOf(vocabulary);

  return (text) => {
    const line = SPACE + text.normalize("NFKC").replaceAll(" ", SPACE);
    // Of the best way to write all that is before a place: its score, and the last piece with its beginning.
    const scores = new Float64Array(line.length + 1).fill(Number.NEGATIVE_INFINITY);
    const ids = new Int32Array(line.length + 1);
    const starts = new Int32Array(line.length + 1);
    const offer = (end: number, start: number, id: number, score: number) => {
      if (score < (scores[end] as number)) return;
      scores[end] = score;
      ids[end] = id;
      starts[end] = start;
    };
    scores[0] = 0;
    for (let start = 0; start < line.length; start++) {
      const before = scores[start] as number;
      let branch = root.next.get(line.charCodeAt(start));
      // Every letter that is in a piece is a piece by itself: what begins none is unknown.
      if (branch === undefined) offer(start + 1, start, UNKNOWN, before);
      for (let end = start + 1; branch !== undefined; end++) {
        if (branch.id !== UNKNOWN) offer(end, start, branch.id, before + branch.score);
        branch = end < line.length ? branch.next.get(line.charCodeAt(end)) : undefined;
      }
    }
    const pieces: number[] = [];
    for (let end = line.length; end > 0; end = starts[end] as number) {
      const id = ids[end] as number;
      if (id !== UNKNOWN || pieces.at(-1) !== UNKNOWN) pieces.push(id);
    }
    return pieces.reverse();
  };
}

function treeOf(vocabulary: Vocabulary): Branch {
  const root: Branch = { next: new Map(), id: UNKNOWN, score: 0 };
  for (const [id, [piece, score]] of vocabulary.entries()) {
    if (id < RESERVED) continue;
    let branch = root;
    for (let i = 0; i < piece.length; i++) {
      const letter = piece.charCodeAt(i);
      let next = branch.next.get(letter);
      if (next === undefined) branch.next.set(letter, (next = { next: new Map(), id: UNKNOWN, score: 0 }));
      branch = next;
    }
    Object.assign(branch, { id, score: score ?? 0 });
  }
  return root;
}
