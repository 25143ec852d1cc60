// coldframe build: the artifact for Lambda or for a server, and what was made of it.

import { join } from "node:path";
import { Command, Option } from "commander";
import { type BuildOptions, type BuildReport, build } from "../build/build.ts";
import { type Target, targetNames } from "../build/runtime-files.ts";
import { bytes, colors, jsonResult, milliseconds, note, progress, result, table } from "./terminal.ts";

interface Options {
  readonly target: Target;
  readonly arch?: "arm64" | "x86_64";
  readonly refreshWeights?: true;
  readonly optimizeOnnx?: true;
  readonly image?: string;
  readonly json?: true;
}

export function buildCommand(): Command {
  return new Command("build")
    .description("Build a project into dist/lambda and dist/lambda.zip, or into dist/server.")
    .argument("[dir]", "the folder with config.yaml", ".")
    .addOption(new Option("--target <target>", "where it will run").choices(targetNames()).default("lambda"))
    .addOption(
      new Option("--arch <arch>", "instead of serverless.architecture in config.yaml").choices([
        "arm64",
        "x86_64",
      ]),
    )
    .option("--refresh-weights", "look up all weights again, and write weights.lock.json anew")
    .option(
      "--optimize-onnx",
      "optimise ONNX models of data_dir and of local folders of weights for a fast start",
    )
    .option("--image <reference>", "instead of server.image in config.yaml: where the image is pushed to")
    .option("--json", "print one JSON object instead of text")
    .addHelpText("after", "\nExample:\n  $ coldframe build my-model --arch arm64")
    .action(async (project: string, options: Options) => {
      const report = await buildWithProgress({
        project,
        target: options.target,
        ...(options.arch && { architecture: options.arch }),
        ...(options.refreshWeights && { refreshWeights: true }),
        ...(options.optimizeOnnx && { optimizeOnnx: true }),
        ...(options.image && { image: options.image }),
      });
      for (const sentence of [...report.optimized, ...report.notes]) note(sentence);
      for (const warning of report.warnings) note(`${colors.yellow("warning")}: ${warning}`);
      if (options.json) jsonResult(report);
      else result(describe(report));
    });
}

/** The build, with its steps on the terminal. */
export async function buildWithProgress(options: BuildOptions): Promise<BuildReport> {
  const steps = progress();
  try {
    return await build({ ...options, onStep: steps.step });
  } finally {
    steps.stop();
  }
}

/** The architecture that runs here, in the words of config.yaml. */
export function hostArchitecture(): "arm64" | "x86_64" {
  return process.arch === "arm64" ? "arm64" : "x86_64";
}

function describe(report: BuildReport): string {
  const { target, architecture, codeCache } = report;
  const rows: [string, string][] = [["artifact", report.directory]];
  if (report.zip !== undefined) rows.push(["zip", `${report.zip.path}  ${bytes(report.zip.bytes)}`]);
  rows.push(
    ["unzipped", `${bytes(report.unzippedBytes)}, of which the bundle ${bytes(report.bundleBytes)}`],
    ...weightsRows(report),
    ["architecture", architecture],
  );
  if (target === "lambda") {
    const absent = `absent: only a machine of ${architecture} with the same Node makes one`;
    rows.push(["code cache", codeCache === "made" ? "made" : absent]);
  } else rows.push(["start", `node ${join(report.directory, "index.mjs")}`]);
  rows.push(...report.templates.map((file, i): [string, string] => [i === 0 ? "templates" : "", file]));
  rows.push(["built in", milliseconds(report.milliseconds)]);
  return table(rows);
}

function weightsRows({ weights, locked }: BuildReport): [string, string][] {
  const rows = weights.map(({ source, files, bytes: size }, i): [string, string] => {
    const what =
      files === undefined || size === undefined
        ? "looked up at the cold start"
        : `${files} ${files === 1 ? "file" : "files"}, ${bytes(size)}, pinned`;
    return [i === 0 ? "weights" : "", `${source}  ${what}`];
  });
  return locked ? [...rows, ["lock", "weights.lock.json was written; commit it"]] : rows;
}
