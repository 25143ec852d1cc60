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
  rows.push(["time to first token", tenths(answer.ms.first_byte)], ["whole answer", tenths(answer.ms.total)]);
  if (isUtf8(answer.body) && answer.body.length > 0) {
    const perSecond = answer.body.toString().length / (answer.ms.total / 1000);
    rows.push(["characters per second", perSecond.toFixed(0)]);
  }
  return table(rows);
}

/** From the adapter's own line about its cold start: `phases`, name to milliseconds. */
function coldStartPhases(lines: readonly LogLine[]): [string, number][] {
  const line = lines.findLast(({ message }) => message === "cold start");
  const phases = line?.fields["phases"];
  if (typeof phases !== "object" || phases === null) return [];
  return Object.entries(phases).filter((entry): entry is [string, number] => typeof entry[1] === "number");
}

function tenths(ms: number): string {
  return `${ms.toFixed(1)} ms`;
}
