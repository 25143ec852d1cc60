// `node test/chaos/cold-starts.ts [--runs 200] [--seed 1] [--at-once 4] [--only NUMBER] [--verbose]`: cold starts with weights, each
// against networks and servers that misbehave, killed, frozen and started again. Every one has to end in time, with the
// right bytes or with an error that says why, and the next one has to succeed when nothing goes wrong any more. Prints
// how they ended and, of each failure, the command that plays it again.

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openCatalogue } from "./_catalogue.ts";
import { makeCertificate } from "./_certificate.ts";
import { coldStartRun, type RunReport } from "./_cold-start-run.ts";
import { bundleStart } from "./_start-bundle.ts";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    "at-once": { type: "string", default: "4" },
    only: { type: "string" },
    verbose: { type: "boolean", default: false },
  },
});
const seed = Number(values.seed);
const only = values.only === undefined ? undefined : Number(values.only);
const numbers = only === undefined ? Array.from({ length: Number(values.runs) }, (_, i) => i) : [only];

const began = performance.now();
const folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "coldframe-chaos-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
const catalogue = await openCatalogue();
const certificate = makeCertificate(folder);
const bundle = await bundleStart(folder);

const outcomes = new Map<string, number>();
const faults = new Map<string, number>();
let failures = 0;

const left = numbers.values();
await Promise.all(Array.from({ length: only === undefined ? Number(values["at-once"]) : 1 }, lane));
await catalogue.s3.close();

console.log(
  `\n${numbers.length} runs in ${((performance.now() - began) / 1000).toFixed(0)} s, ${failures} failed`,
);
console.log(`starts: ${describe(outcomes)}`);
console.log(`faults: ${describe(faults)}`);
process.exitCode = failures > 0 ? 1 : 0;

async function lane(): Promise<void> {
  for (const number of left) {
    const report = await coldStartRun({ catalogue, certificate, bundle, folder, seed, number }).catch(broken);
    count(outcomes, report.outcomes);
    count(faults, report.faults);
    if (report.problems.length > 0) failures++;
    if (report.problems.length > 0 || only !== undefined || values.verbose) tell(number, report);
  }
}

function broken(error: Error): RunReport {
  return { outcomes: [], faults: [], problems: [`the run itself broke: ${error.stack}`], story: [] };
}

function tell(number: number, { problems, story }: RunReport): void {
  console.log(
    `\nrun ${number}: ${problems.length === 0 ? "as it must be" : `FAILED: ${problems.join("\n  ")}`}`,
  );
  for (const line of story) console.log(`  ${line}`);
  console.log(`  again: node test/chaos/cold-starts.ts --seed ${seed} --only ${number}`);
}

function count(counts: Map<string, number>, words: readonly string[]): void {
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
}

function describe(counts: ReadonlyMap<string, number>): string {
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  return sorted.map(([word, times]) => `${word} ${times}`).join(", ");
}
