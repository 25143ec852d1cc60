// What every call came to, and what the server counted: nothing may be lost between the two.

/** Kind -> what came of its calls -> how many. */
export class Account {
  readonly #kinds = new Map<string, Map<string, number>>();
  readonly problems: string[] = [];

  /** @param owes what it had to come to; any of several, with "|" between them */
  add(kind: string, owes: string, outcome: string): void {
    const met = owes.split("|").includes(outcome);
    if (!met) this.problems.push(`${kind}: ${outcome}, not ${owes}`);
    // What is wrong is told in full by itself.
    const word = met ? outcome : "wrong";
    const outcomes = this.#kinds.get(kind) ?? new Map<string, number>();
    outcomes.set(word, (outcomes.get(word) ?? 0) + 1);
    this.#kinds.set(kind, outcomes);
  }

  get total(): number {
    return this.count(() => true);
  }

  /** How many calls came to what `matches`. */
  count(matches: (outcome: string) => boolean): number {
    let sum = 0;
    for (const outcomes of this.#kinds.values()) {
      for (const [outcome, times] of outcomes) if (matches(outcome)) sum += times;
    }
    return sum;
  }

  /** One line for each kind. */
  table(): string {
    const rows = [...this.#kinds].map(([kind, outcomes]) => {
      const sent = [...outcomes.values()].reduce((sum, times) => sum + times, 0);
      const said = [...outcomes].map(([outcome, times]) => `${times.toLocaleString("en")} x ${outcome}`);
      return [kind, sent.toLocaleString("en"), said.join(", ")] as const;
    });
    const width = (column: 0 | 1) => Math.max(...rows.map((row) => row[column].length));
    return rows
      .map(([kind, sent, said]) => `  ${kind.padEnd(width(0))}  ${sent.padStart(width(1))}  ${said}`)
      .join("\n");
  }
}

/** Requests by status in what GET /metrics says; 0 are callers who left before they were answered. */
export function requestsByStatus(metrics: string): Map<number, number> {
  const counts = new Map<number, number>();
  for (const [, labels = "", value] of metrics.matchAll(/^coldframe_requests_total\{(.*)\} (\d+)$/gm)) {
    const status = Number(/status="(\d+)"/.exec(labels)?.[1]);
    counts.set(status, (counts.get(status) ?? 0) + Number(value));
  }
  return counts;
}

/**
 * Where the server's own count differs from that of its callers.
 * @param unseen calls that were never HTTP
 */
export function disagreements(account: Account, counts: ReadonlyMap<number, number>): string[] {
  const problems: string[] = [];
  const say = (what: string, theirs: number, ours: number, atLeast = false) => {
    if (atLeast ? theirs < ours : theirs !== ours)
      problems.push(`${what}: /metrics says ${theirs}, callers ${ours}`);
  };
  const statuses = new Set([...counts.keys()].filter((status) => status > 0));
  for (const status of statuses) {
    const seen = account.count((outcome) => Number.parseInt(outcome, 10) === status);
    // Who left had perhaps been answered already.
    say(`requests with ${status}`, counts.get(status) ?? 0, seen, true);
  }
  const all = [...counts.values()].reduce((sum, times) => sum + times, 0);
  say(
    "all requests",
    all,
    account.count((outcome) => outcome !== "refused"),
  );
  return problems;
}
