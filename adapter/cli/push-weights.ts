// coldframe push-weights: a folder of weights into a bucket, and what that means for the project.

import { Command } from "commander";
import { type PushReport, type PushStep, pushWeights } from "../build/push/push-weights.ts";
import { Refusal } from "./refusal.ts";
import { bytes, colors, jsonResult, milliseconds, note, progress, result, table } from "./terminal.ts";

interface Options {
  readonly project: string;
  readonly region?: string;
  readonly endpoint?: string;
  readonly dryRun?: true;
  readonly json?: true;
}

export function pushWeightsCommand(): Command {
  return new Command("push-weights")
    .description("Upload a folder of weights to S3, with checksums that every download is verified by.")
    .argument("<dir>", "the folder with the weights")
    .argument("<destination>", "where its files go: s3://bucket/prefix/")
    .option("--project <dir>", "the folder with config.yaml, whose weights.lock.json is written", ".")
    .option("--region <region>", "of the bucket; default: AWS_REGION, or the profile's")
    .option("--endpoint <url>", "instead of AWS's; default: AWS_ENDPOINT_URL_S3, or the profile's")
    .option("--dry-run", "say what would be uploaded, and write nothing")
    .option("--json", "print one JSON object instead of text")
    .addHelpText("after", "\nExample:\n  $ coldframe push-weights ./llama s3://my-models/llama/")
    .action(async (folder: string, destination: string, { json, ...options }: Options) => {
      const report = await pushWithProgress({ folder, destination, ...options });
      for (const warning of report.warnings) note(`${colors.yellow("warning")}: ${warning}`);
      if (json) jsonResult(report);
      else result(describe(report, options.dryRun ?? false));
    });
}

/** The push, with its progress on the terminal; an interrupt lets it clean up. */
async function pushWithProgress(options: Parameters<typeof pushWeights>[0]): Promise<PushReport> {
  const steps = progress();
  const interrupt = new AbortController();
  const onInterrupt = () => interrupt.abort(new Refusal("CANCELLED", "the push was interrupted."));
  process.once("SIGINT", onInterrupt).once("SIGTERM", onInterrupt);
  try {
    const onStep = (step: PushStep) => steps.step(sentence(step));
    return await pushWeights({ ...options, onStep, signal: interrupt.signal });
  } finally {
    process.off("SIGINT", onInterrupt).off("SIGTERM", onInterrupt);
    steps.stop();
  }
}

function sentence({ what, path, doneBytes, totalBytes }: PushStep): string {
  return `${what} ${path}  ${bytes(doneBytes)} of ${bytes(totalBytes)}`;
}

function describe(report: PushReport, dryRun: boolean): string {
  const uploaded = report.files.filter(({ status }) => status === "uploaded");
  const unchanged = report.files.length - uploaded.length;
  const rows: [string, string][] = uploaded.map(({ key, bytes: size }, i) => [
    i === 0 ? (dryRun ? "would upload" : "uploaded") : "",
    `${key}  ${bytes(size)}`,
  ]);
  if (unchanged > 0) rows.push(["unchanged", `${unchanged} ${unchanged === 1 ? "file" : "files"}`]);
  rows.push([
    "destination",
    `${report.destination}  ${bytes(report.uploadedBytes)} ${dryRun ? "to upload" : "uploaded"}`,
  ]);
  if (report.locked) rows.push(["lock", "weights.lock.json was written; commit it"]);
  rows.push([dryRun ? "compared in" : "pushed in", milliseconds(report.milliseconds)]);
  const config = report.config === undefined ? "" : `\n\nFor config.yaml:\n\n${report.config}`;
  return `${table(rows)}${config}`;
}
