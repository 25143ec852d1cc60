// Prometheus's text format, version 0.0.4: families of samples with their help and type, escaped as it wants. What is
// measured is prometheus.ts. Source: prometheus.io/docs/instrumenting/exposition_formats.

export const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels?: Labels;
  /** After the family's name: `_bucket`, `_sum`, `_count`. */
  readonly suffix?: string;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly samples: readonly Sample[];
}

/** What a metric may be called. */
export const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

/** Families as text; one without samples is left out. */
export const toText = (families: readonly Family[]): string =>
  families
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, help, type, samples }) => {
      const head = `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n`;
      return head + samples.map((sample) => line(name, sample)).join("");
    })
    .join("");

/** The names that a text of this format declares or has samples of. */
export function namesIn(text: string): Set<string> {
  const names = new Set<string>();
  for (const row of text.split("\n")) {
    const name = /^(?:# (?:HELP|TYPE) )?([a-zA-Z_:][a-zA-Z0-9_:]*)/.exec(row)?.[1];
    if (name) names.add(name);
  }
  return names;
}

function line(name: string, { labels = {}, suffix = "", value }: Sample): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
  return `${name}${suffix}${pairs.length > 0 ? `{${pairs.join(",")}}` : ""} ${toNumber(value)}\n`;
}

const escapeHelp = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");

const escapeLabel = (text: string): string => escapeHelp(text).replaceAll('"', '\\"');

/** As Go reads it. */
const toNumber = (value: number): string =>
  Number.isFinite(value) ? String(value) : Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";

/** A number for each value of one label, or of two, which only grows. */
export class Counter {
  readonly #labels: readonly [string, string?];
  /** By the value of the first label, then of the second: joined, they would cost each call a hash of its own. */
  readonly #rows = new Map<string, Map<string | number, number>>();

  constructor(...labels: readonly [string, string?]) {
    this.#labels = labels;
  }

  add(value: string, second: string | number = ""): void {
    let row = this.#rows.get(value);
    if (!row) this.#rows.set(value, (row = new Map()));
    row.set(second, (row.get(second) ?? 0) + 1);
  }

  get samples(): readonly Sample[] {
    const [first, second] = this.#labels;
    return [...this.#rows].flatMap(([value, row]) =>
      [...row].map(([other, count]) => ({
        labels: { [first]: value, ...(second && { [second]: String(other) }) },
        value: count,
      })),
    );
  }
}

/** How often what was observed was at most so much, for each value of one label. */
export class Histogram {
  readonly #bounds: readonly number[];
  readonly #label: string;
  readonly #rows = new Map<string, { readonly counts: number[]; sum: number; count: number }>();

  /** @param bounds of the buckets, from the smallest on */
  constructor(bounds: readonly number[], label: string) {
    this.#bounds = bounds;
    this.#label = label;
  }

  observe(value: number, label: string): void {
    let row = this.#rows.get(label);
    if (!row) {
      row = { counts: this.#bounds.map(() => 0), sum: 0, count: 0 };
      this.#rows.set(label, row);
    }
    row.sum += value;
    row.count++;
    const at = this.#bounds.findIndex((bound) => value <= bound);
    if (at >= 0) row.counts[at] = (row.counts[at] as number) + 1;
  }

  get samples(): readonly Sample[] {
    return [...this.#rows].flatMap(([text, { counts, sum, count }]) => {
      const labels = { [this.#label]: text };
      let below = 0;
      const buckets = this.#bounds.map((bound, i) => {
        below += counts[i] as number;
        return { suffix: "_bucket", labels: { ...labels, le: String(bound) }, value: below };
      });
      return [
        ...buckets,
        { suffix: "_bucket", labels: { ...labels, le: "+Inf" }, value: count },
        { suffix: "_sum", labels, value: sum },
        { suffix: "_count", labels, value: count },
      ];
    });
  }
}
