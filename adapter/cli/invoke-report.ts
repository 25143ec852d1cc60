// The table of `invoke --report`: what the artifact weighs, where the cold start's time went, how fast the answer came.

import { isUtf8 } from "node:buffer";
import type { BuildReport } from "../build/build.ts";
import type { LocalLambda } from "../local/local-lambda.ts";
import type { LogLine } from "./function-logs.ts";
import type { HttpAnswer } from "./http-exchange.ts";
import { bytes, table } from "./terminal.ts";

interface Subject {
  readonly build?: BuildReport;
  readonly lambda?: LocalLambda;
  readonly lines: readonly LogLine[];
}

export function reportTable(answer: HttpAnswer, { build, lambda, lines }: Subject): string {
  const rows: [string, string][] = [];
  if (build?.zip !== undefined) rows.push(["artifact, zipped", bytes(build.zip.bytes)]);
  if (build !== undefined) rows.push(["artifact, unzipped", bytes(build.unzippedBytes)]);
  if (lambda !== undefined) rows.push(["init, spawn to first poll", tenths(lambda.initMs)]);
  for (const [phase, ms] of coldStartPhases(lines))
    rows.push([`  ${phase.replaceAll("_", " ")}`, tenths(ms)]);
  rows.push(...weightsRows(lines));
  rows.push(["time to first token", tenths(answer.ms.first_byte)], ["whole answer", tenths(answer.ms.total)]);
  if (isUtf8(answer.body) && answer.body.length > 0) {
    const perSecond = answer.body.toString().length / (answer.ms.total / 1000);
    rows.push(["characters per second", perSecond.toFixed(0)]);
  }
  return table(rows);
}

/** From the adapter's own line about its cold start: `phases`, name to milliseconds. They may overlap. */
function coldStartPhases(lines: readonly LogLine[]): [string, number][] {
  return Object.entries(coldStart(lines, "phases")).filter(
    (entry): entry is [string, number] => typeof entry[1] === "number",
  );
}

/** From the same line: what was fetched, and how fast. See `WeightsFacts`. */
function weightsRows(lines: readonly LogLine[]): [string, string][] {
  // With lazy sources there is a line of their own, when the last of them is there.
  const complete = lines.findLast(({ message }) => message === "weights complete")?.fields;
  const weights = complete ?? coldStart(lines, "weights");
  const { files, bytes: size, fetched_bytes: fetched, ms, mb_per_s: speed } = weights;
  if (typeof files !== "number" || typeof size !== "number") return [];
  const what = `${bytes(size)} in ${files} ${files === 1 ? "file" : "files"}`;
  return [["weights", fetched === 0 ? `${what}, already there` : `${what}, ${ms} ms, ${speed} MB/s`]];
}

function coldStart(lines: readonly LogLine[], field: "phases" | "weights"): Record<string, unknown> {
  const line = lines.findLast(({ message }) => message === "cold start");
  return (line?.fields[field] ?? {}) as Record<string, unknown>;
}

function tenths(ms: number): string {
  return `${ms.toFixed(1)} ms`;
}
