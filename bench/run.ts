// `npm run bench -- NAME [--json]`: runs one benchmark, prints its figures against their bars, and with --json one
// object on the last line. A benchmark is a file beside this one that exports `run`. Bars are reported, never asserted.

import { readdirSync } from "node:fs";
import { join } from "node:path";

/** What one benchmark found: figures by name, and what they are held against. */
export interface Result {
  readonly figures: Readonly<Record<string, number>>;
  readonly bars: readonly Bar[];
  readonly notes: readonly string[];
}

export interface Bar {
  readonly says: string;
  /** At most `limit`, unless `atLeast`. */
  readonly value: number;
  readonly limit: number;
  readonly atLeast?: true;
}

const here = import.meta.dirname;
const names = readdirSync(here)
  .filter((file) => file.endsWith(".ts") && !file.startsWith("_") && file !== "run.ts")
  .map((file) => file.slice(0, -3));

const [name, ...flags] = process.argv.slice(2);
if (name === undefined || !names.includes(name)) {
  console.error(`Usage: npm run bench -- NAME [--json]\nNAME is one of ${names.join(", ")}.`);
  process.exit(1);
}
const { run } = (await import(join(here, `${name}.ts`))) as { run: () => Promise<Result> };
const { figures, bars, notes } = await run();

const width = Math.max(...Object.keys(figures).map((key) => key.length));
for (const [key, value] of Object.entries(figures)) console.error(`${key.padEnd(width)}  ${format(value)}`);
for (const { says, value, limit, atLeast = false } of bars) {
  const met = atLeast ? value >= limit : value <= limit;
  const bound = atLeast ? "at least" : "at most";
  console.error(`${met ? "met   " : "MISSED"}  ${says}: ${format(value)} (${bound} ${format(limit)})`);
}
for (const note of notes) console.error(note);
if (flags.includes("--json")) console.log(JSON.stringify({ name, figures }));
// Child processes of a benchmark are its own to end; a poll left open would keep this one alive.
process.exit(0);

function format(value: number): string {
  return Number.isInteger(value) ? value.toLocaleString("en") : value.toPrecision(3);
}
